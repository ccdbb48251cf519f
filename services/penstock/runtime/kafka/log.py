"""Reads outside any group, and the ends of partitions, on confluent-kafka."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import (
    OffsetSpec,
)  # the package's own door does not re-export it for type checkers

from penstock.contracts.address import Address
from penstock.errors import Retriable
from penstock.runtime.kafka import settings
from penstock.runtime.ports import Record

_POLL = 0.5
_PATIENCE = 60  # polls without an answer


class KafkaLog:
    """Implements `ports.Log`; two consumers, each with a lock: one for single records, one for whole partitions."""

    def __init__(self, connection: Mapping[str, str]) -> None:
        self._connection = connection
        self._single: Consumer | None = None
        self._whole: Consumer | None = None
        self._admin: AdminClient | None = None
        self._single_lock = threading.Lock()
        self._whole_lock = threading.Lock()
        self._admin_lock = threading.Lock()

    def fetch(self, address: Address) -> Record | None:
        """See the port."""
        with self._single_lock:
            if self._single is None:
                self._single = Consumer(settings.reader(self._connection))
            self._single.assign([TopicPartition(*address)])
            for record in _until_end(self._single):
                return record if record.offset == address.offset else None
            return None

    def read(self, topic: str, partition: int, start: int = 0) -> Iterator[Record]:
        """See the port."""
        with self._whole_lock:
            if self._whole is None:
                self._whole = Consumer(settings.reader(self._connection))
            place = TopicPartition(topic, partition)
            low, high = self._whole.get_watermark_offsets(place, timeout=settings.CALL_TIMEOUT)
            first = max(low, start)
            if first < high:
                self._whole.assign([TopicPartition(topic, partition, first)])
                yield from _until_end(self._whole)
            self._whole.unassign()

    def high_watermarks(self, topic: str, partitions: Sequence[int]) -> Future[Mapping[int, int]]:
        """See the port. A read_committed consumer would name the last stable offset instead."""
        asked = {TopicPartition(topic, p): OffsetSpec.latest() for p in partitions}  # type: ignore[no-untyped-call]  # the client's own gap
        answers = self._client().list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED)
        return _gather({place.partition: future for place, future in answers.items()})

    def partitions(self, topic: str) -> int:
        """See the port."""
        try:
            found = self._client().list_topics(topic, timeout=settings.CALL_TIMEOUT).topics.get(topic)
        except KafkaException as error:
            raise Retriable(f"the broker does not answer: {error}") from error
        return len(found.partitions) if found is not None and found.error is None else 0

    def close(self) -> None:
        """See the port."""
        for consumer in (self._single, self._whole):
            if consumer is not None:
                consumer.close()

    def _client(self) -> AdminClient:
        with self._admin_lock:
            if self._admin is None:
                self._admin = AdminClient(settings.admin(self._connection))
            return self._admin


def _until_end(consumer: Consumer) -> Iterator[Record]:
    silent = 0
    while silent < _PATIENCE:
        first = consumer.poll(_POLL)
        messages: list[Any] = [] if first is None else [first, *consumer.consume(1000, 0)]
        silent = 0 if messages else silent + 1
        for message in messages:
            error = message.error()
            if error is None:
                yield Record(message.topic() or "", message.partition() or 0, message.offset() or 0, message.key(),
                             message.value(), message.headers() or [], message.timestamp()[1])  # fmt: skip
            elif error.code() == KafkaError._PARTITION_EOF or error.code() == KafkaError._AUTO_OFFSET_RESET:
                return
            elif not error.retriable() and error.code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
                raise KafkaException(error)
    raise Retriable(f"the broker did not answer for {_PATIENCE * _POLL:.0f} s")


def _gather(futures: Mapping[int, Future[Any]]) -> Future[Mapping[int, int]]:
    """One future of all; it fails as soon as one fails."""
    answer: Future[Mapping[int, int]] = Future()
    ends: dict[int, int] = {}
    lock = threading.Lock()

    def done_for(partition: int) -> Callable[[Future[Any]], None]:
        def done(future: Future[Any]) -> None:
            with lock:
                if answer.done():
                    return
                if (error := future.exception()) is not None:
                    answer.set_exception(error)
                    return
                ends[partition] = future.result().offset
                if len(ends) == len(futures):
                    answer.set_result(dict(ends))

        return done

    for partition, future in futures.items():
        future.add_done_callback(done_for(partition))
    return answer

"""Reads outside any group, and the ends of partitions, on confluent-kafka."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import (
    OffsetSpec,
)  # the package's own door does not re-export it for type checkers

from penstock.contracts.address import Address
from penstock.errors import Retriable
from penstock.runtime import halts, logs
from penstock.runtime.kafka import settings
from penstock.runtime.kafka.naming import of_committed, of_consumer
from penstock.runtime.ports import Record

_POLL = 0.5
_PATIENCE = 20  # polls without an answer: a third of the watchdog's patience
_ASK = 5.0  # s that the admin client may take to answer
_ANY_END = 0  # stop at the first end that is seen


class KafkaLog:
    """Implements `ports.Log`; two consumers, each with a lock: one for single records, one for whole partitions."""

    def __init__(self, connection: Mapping[str, str]) -> None:
        self._connection = connection
        self._single: Consumer | None = None
        self._whole: Consumer | None = None
        self._admin: AdminClient | None = None
        self._tired = False
        self._counts: dict[str, int] = {}
        self._single_lock = threading.Lock()
        self._whole_lock = threading.Lock()
        self._admin_lock = threading.Lock()

    def fetch(self, address: Address) -> Record | None:
        """See the port."""
        if self._count(address.topic) <= address.partition:
            return None
        with self._single_lock:
            if self._single is None:
                self._single = Consumer(settings.single_reader(self._connection))
            self._single.assign([TopicPartition(*address)])
            try:
                found = next(_until(self._single, _ANY_END), None)
            finally:
                self._single.unassign()  # else it goes on fetching what lies behind
            return found if found is not None and found.offset == address.offset else None

    def read(self, topic: str, partition: int, start: int = 0, end: int | None = None) -> Iterator[Record]:
        """See the port. The end counts open transactions: behind a dead one may lie what is committed already."""
        end = self._end(topic, partition) if end is None else end
        if end <= start:
            return
        with self._whole_lock:
            if self._whole is None:
                self._whole = Consumer(settings.reader(self._connection))
            first = max(start, self._low(self._whole, topic, partition)) if start else OFFSET_BEGINNING
            self._whole.assign([TopicPartition(topic, partition, first)])
            try:
                yield from _until(self._whole, end)
            finally:
                self._whole.unassign()

    def high_watermarks(self, topic: str, partitions: Sequence[int]) -> Future[Mapping[int, int]]:
        """See the port. A read_committed consumer would name the last stable offset instead."""
        return self._ends(topic, partitions, IsolationLevel.READ_UNCOMMITTED)

    def stable_ends(self, topic: str, partitions: Sequence[int]) -> Future[Mapping[int, int]]:
        """See the port."""
        return self._ends(topic, partitions, IsolationLevel.READ_COMMITTED)

    def identity(self, topic: str) -> Future[str]:
        """See the port."""
        found = self._client().describe_topics(TopicCollection([topic]), request_timeout=_ASK)[topic]
        answer: Future[str] = Future()

        def done(described: Future[Any]) -> None:
            error = described.exception()
            if error is None:
                answer.set_result(str(described.result().topic_id))
            elif isinstance(error, KafkaException) and error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                answer.set_result("")
            else:
                answer.set_exception(error)

        found.add_done_callback(done)
        found.add_done_callback(self._judge)
        return answer

    def partitions(self, topic: str) -> int:
        """See the port."""
        try:
            found = self._client().list_topics(topic, timeout=_ASK).topics.get(topic)
        except KafkaException as error:
            self._tired = True
            raise Retriable(f"the broker does not answer: {error}") from error
        if found is None or (found.error is not None and found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART):
            return 0
        if found.error is not None:
            raise Retriable(f"the broker does not know {topic} yet: {found.error}")
        return len(found.partitions)

    def _ends(self, topic: str, partitions: Sequence[int], level: IsolationLevel) -> Future[Mapping[int, int]]:
        asked = {TopicPartition(topic, p): OffsetSpec.latest() for p in partitions}  # type: ignore[no-untyped-call]  # the client's own gap
        answers = self._client().list_offsets(asked, isolation_level=level, request_timeout=_ASK)
        found = _gather({place.partition: future for place, future in answers.items()})
        found.add_done_callback(self._judge)
        return found

    def _judge(self, answer: Future[Any]) -> None:
        """An admin client that lost its broker may answer nothing ever after: the next question takes a new one."""
        if answer.exception() is not None:
            self._tired = True

    def _end(self, topic: str, partition: int) -> int:
        if self._count(topic) <= partition:
            raise halts.missing(f"{topic}[{partition}]")
        try:
            return self.high_watermarks(topic, [partition]).result(settings.CALL_TIMEOUT)[partition]
        except KafkaException as error:
            raise of_committed(error, topic) from error
        except TimeoutError as error:
            raise Retriable(f"the broker does not say where {topic}[{partition}] ends") from error

    def _low(self, consumer: Consumer, topic: str, partition: int) -> int:
        try:
            ends = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=settings.CALL_TIMEOUT)
        except KafkaException as error:
            raise of_committed(error, topic) from error
        return ends[0]

    def _count(self, topic: str) -> int:
        """`partitions`, asked once for a topic that is there."""
        known = self._counts.get(topic, 0) or self.partitions(topic)
        if known:
            self._counts[topic] = known
        return known

    def close(self) -> None:
        """See the port."""
        with self._single_lock, self._whole_lock, self._admin_lock:
            for consumer in (self._single, self._whole):
                if consumer is not None:
                    consumer.close()
            self._single = self._whole = self._admin = None

    def _client(self) -> AdminClient:
        with self._admin_lock:
            if self._admin is None or self._tired:
                self._tired = False
                self._admin = AdminClient(settings.admin(self._connection), logger=logs.client())
            self._admin.poll(0)  # lets it say what it has to say
            return self._admin


def _until(consumer: Consumer, end: int) -> Iterator[Record]:
    """Records below `end` of the one assigned partition; waits for transactions that are open there."""
    silent = 0
    while silent < _PATIENCE:
        first = consumer.poll(_POLL)
        messages: list[Any] = [] if first is None else [first, *consumer.consume(1000, 0)]
        silent = 0 if messages else silent + 1
        for message in messages:
            error = message.error()
            if error is None:
                if end and (message.offset() or 0) >= end:
                    return
                yield Record(message.topic() or "", message.partition() or 0, message.offset() or 0, message.key(),
                             message.value(), message.headers() or [], message.timestamp()[1])  # fmt: skip
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # retention took what was asked for
                return
            elif error.code() == KafkaError._PARTITION_EOF:
                if (message.offset() or 0) >= end:
                    return
            elif (named := of_consumer(error, message.topic() or "")) is not None:
                raise named
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

"""The transactional producer, on confluent-kafka."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from penstock.contracts.address import Address
from penstock.errors import Abort, PenstockError, Poison, Retriable, Unknown
from penstock.runtime.kafka import settings
from penstock.runtime.kafka.naming import of_producer
from penstock.runtime.ports import Committed, Output

_TRIES = 50


class KafkaProducer:
    """Implements `ports.Producer`.

    Messages carry no delivery callback, which costs; only after a delivery failed the next transaction's do, so that
    the cause is known by its name.
    """

    def __init__(self, connection: Mapping[str, str], transactional_id: str) -> None:
        self._careful = False
        self._failure = ""
        self._producer = Producer(settings.producer(connection, transactional_id))

    def init(self) -> None:
        """See the port."""
        self._call(self._producer.init_transactions, settings.CALL_TIMEOUT)

    def begin(self) -> None:
        """See the port."""
        self._call(self._producer.begin_transaction)

    def produce(self, output: Output) -> None:
        """See the port."""
        topic, partition, key, value, headers = output
        try:
            if self._careful:
                self._producer.produce(topic, value, key, partition, headers=headers, on_delivery=self._failed)
            else:
                self._producer.produce(topic, value, key, partition, headers=headers)
        except BufferError:
            self._call(self._producer.poll, 0.05)
            self.produce(output)
        except KafkaException as error:
            raise _of_produce(error, output) from error

    def place(self, outputs: Sequence[Output]) -> list[Address]:
        """See the port."""
        places: dict[int, Address] = {}
        for number, output in enumerate(outputs):
            self._place(output, number, places)
        self._call(self._producer.flush, settings.CALL_TIMEOUT)
        if len(places) != len(outputs):
            raise Abort(f"{len(outputs) - len(places)} of {len(outputs)} records were not taken: {self._failure}")
        return [places[number] for number in range(len(outputs))]

    def send_offsets(self, topic: str, offsets: Mapping[int, Committed], member: Any) -> None:
        """See the port."""
        places = [TopicPartition(topic, p, c.offset, c.metadata) for p, c in offsets.items()]
        self._call(self._producer.send_offsets_to_transaction, places, member, settings.CALL_TIMEOUT)

    def commit(self) -> None:
        """See the port."""
        try:
            self._call(self._producer.commit_transaction, settings.CALL_TIMEOUT)
        except Abort as error:
            self._careful = True
            raise Abort(f"{error} {self._failure}".strip(), rebalance=error.rebalance) from error
        self._careful = False
        self._failure = ""

    def abort(self) -> None:
        """See the port."""
        self._call(self._producer.abort_transaction, settings.CALL_TIMEOUT)

    def close(self) -> None:
        """See the port. What is still queued belongs to a transaction nobody will commit."""
        with suppress(KafkaException):  # a fenced one says so once more
            self._producer.purge()
            self._producer.flush(1.0)

    def _place(self, output: Output, number: int, places: dict[int, Address]) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._failure = f"{error.name()}: {error.str()}"
                return
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            if topic is not None and partition is not None and offset is not None:
                places[number] = Address(topic, partition, offset)

        topic, partition, key, value, headers = output
        try:
            self._producer.produce(topic, value, key, partition, headers=headers, on_delivery=delivered)
        except BufferError:
            self._call(self._producer.poll, 0.05)
            self._place(output, number, places)
        except KafkaException as error:
            raise _of_produce(error, output) from error

    def _failed(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and not self._failure:
            self._failure = f"{message.topic()}: {error.name()}: {error.str()}"

    def _call(self, call: Callable[..., object], *args: object) -> None:
        """Make a call, again while the client says that this is all it takes."""
        for _ in range(_TRIES):
            try:
                call(*args)
            except KafkaException as error:
                named: PenstockError = of_producer(error)
                if not isinstance(named, Retriable):
                    raise named from error
            else:
                return
        raise Unknown(f"{call.__name__} stayed retriable {_TRIES} times")


def _of_produce(error: KafkaException, output: Output) -> PenstockError:
    if error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:
        size = len(output.value or b"")
        return Poison("output_too_large", f"{size} bytes are more than {output.topic} takes")
    return of_producer(error)

"""One member of one group on one topic, on confluent-kafka."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from penstock.errors import Abort, Halt, PenstockError, Retriable
from penstock.runtime import halts
from penstock.runtime.kafka import settings
from penstock.runtime.kafka.naming import MISSING, of_committed, of_consumer
from penstock.runtime.ports import Committed, Listener, Record

_EOF = KafkaError._PARTITION_EOF
_YOUNG = 5.0  # s in which a topic that was just made may still be unknown to the broker that we ask


class KafkaConsumer:
    """Implements `ports.Consumer`. All calls on one thread: the client's gate is not fair to a second one."""

    def __init__(
        self, connection: Mapping[str, str], group: str, topic: str, listener: Listener, instance: str | None
    ) -> None:
        self._topic = topic
        self._group = group
        self._listener = listener
        self._reached: dict[int, int] = {}
        self._errors: deque[PenstockError] = deque()
        self._missing = 0.0
        self._moved: dict[int, int | None] = {}
        self._consumer = Consumer(settings.consumer(connection, group, instance))
        self._consumer.subscribe([topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def poll(self, limit: int, timeout: float) -> list[Record]:
        """See the port. `consume` waits its whole timeout for a full batch, so the wait is a `poll` for one."""
        if self._errors:
            raise self._errors.popleft()
        if self._missing and time.monotonic() - self._missing > _YOUNG:
            raise halts.missing(self._topic)
        consumer = self._consumer
        first = consumer.poll(timeout) if timeout else None
        if timeout and first is None:
            return []
        self._moved.clear()
        messages = consumer.consume(limit if first is None else limit - 1, 0) if first is None or limit > 1 else []
        if first is not None:
            messages.insert(0, first)
        return self._records(self._still_ours(messages) if self._moved else messages)

    def _still_ours(self, messages: list[Any]) -> list[Any]:
        """Without those of partitions that came or went while they were collected; what came is read from its start."""
        moved = [message for message in messages if message.partition() in self._moved and _of_partition(message)]
        for partition in {message.partition() for message in moved}:
            if (start := self._moved[partition]) is not None:
                self.seek(partition, start)
        return [message for message in messages if message not in moved]

    def _records(self, messages: list[Any]) -> list[Record]:
        records = []
        reached = self._reached
        topic = self._topic
        for message in messages:
            partition = message.partition()
            if (error := message.error()) is not None:
                self._note(error, partition, message.offset())
                continue
            offset = message.offset()
            reached[partition] = offset + 1
            records.append(
                Record(topic, partition, offset, message.key(), message.value(), message.headers() or [],
                       message.timestamp()[1])
            )  # fmt: skip
        return records

    def reached(self, partition: int) -> int:
        """See the port."""
        return self._reached.get(partition, -1)

    def committed(self, partitions: Sequence[int]) -> Mapping[int, Committed]:
        """See the port."""
        asked = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            found = self._consumer.committed(asked, timeout=settings.CALL_TIMEOUT)
        except KafkaException as error:
            raise of_committed(error, self._topic) from error
        for place in found:
            if place.error is not None:
                raise of_committed(KafkaException(place.error), self._topic)
        return {place.partition: Committed(max(place.offset, -1), place.metadata or "") for place in found}

    def member(self) -> Any:
        """See the port."""
        if not self._consumer.memberid():
            raise Abort(f"not a member of the group that reads {self._topic}", rebalance=True)
        return self._consumer.consumer_group_metadata()

    def seek(self, partition: int, offset: int) -> None:
        """See the port."""
        self._reached.pop(partition, None)
        place = [TopicPartition(self._topic, partition, offset)]
        self._consumer.incremental_unassign(place)
        self._consumer.incremental_assign(place)

    def close(self) -> None:
        """See the port."""
        self._consumer.close()

    def _note(self, error: KafkaError, partition: int, offset: int) -> None:
        if error.code() == _EOF:
            self._reached[partition] = offset
        elif error.code() in MISSING:
            self._missing = self._missing or time.monotonic()
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._errors.append(self._gone(partition, offset))
        elif (named := of_consumer(error, self._topic)) is not None:
            self._errors.append(named)

    def _gone(self, partition: int, offset: int) -> Halt:
        """What lay at the group's offset was deleted; where the partition begins now says how much that was."""
        try:
            begins, _ = self._consumer.get_watermark_offsets(
                TopicPartition(self._topic, partition), timeout=settings.CALL_TIMEOUT
            )
        except KafkaException:
            begins = -1
        return halts.offset_gone(self._group, self._topic, partition, offset, begins)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not partitions:
            self._listener.assigned({})
            return
        self._missing = 0.0
        starts = self._listener.assigned(self._committed_now([p.partition for p in partitions]))
        for partition in partitions:
            self._reached.pop(partition.partition, None)
        places = [TopicPartition(self._topic, p, offset) for p, offset in starts.items()]
        consumer.incremental_assign(places)
        self._moved.update(starts)

    def _committed_now(self, partitions: Sequence[int]) -> Mapping[int, Committed]:
        """A broker that is away comes back, and nothing can be dispatched before it does."""
        while True:
            try:
                return self.committed(partitions)
            except Retriable:
                self._listener.waiting()

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._listener.revoked([p.partition for p in partitions])
        self._give(consumer, partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._listener.lost([p.partition for p in partitions])
        self._give(consumer, partitions)

    def _give(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_unassign(partitions)
        self._moved.update(dict.fromkeys(p.partition for p in partitions))


def _of_partition(message: Any) -> bool:
    """A record or the end of its partition; the client's own errors name partition 0 as well."""
    return message.error() is None or message.error().code() == _EOF

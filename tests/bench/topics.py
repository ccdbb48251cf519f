"""The topics of a benchmark: made, filled, watched and read back; everything is measured from what lies there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic  # the package's door does not re-export it for type checkers

from penstock.runtime.kafka.admin import KafkaAdmin

PARTITIONS = 4
_PATIENCE = 300.0  # s
_TICK = 0.025
_QUIET = 1.0  # s without a new record after which a topic is taken to be complete
Header = tuple[str, str | bytes | None]


class Fed(NamedTuple):
    """A record to be put into a topic; partition -1 leaves it to the partitioner (murmur2, as in Java)."""

    key: bytes
    value: bytes
    partition: int = -1
    header: Header | None = None


class Seen(NamedTuple):
    """A committed record; `at` is when the broker took it, in ms."""

    at: int
    key: bytes
    value: bytes


class Topics:
    """The topics of one broker."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._groups = KafkaAdmin({"bootstrap.servers": bootstrap})

    def create(self, *names: str) -> None:
        """Make topics whose records carry the broker's time."""
        config = {"message.timestamp.type": "LogAppendTime"}
        client = AdminClient({"bootstrap.servers": self._bootstrap})
        new = [NewTopic(name, PARTITIONS, 1, config=config) for name in names]
        for future in client.create_topics(new).values():
            future.result()

    def feed(self, topic: str, records: Iterable[Fed]) -> None:
        """Put records into a topic, all of them acknowledged at the end."""
        writer = Producer(
            {"bootstrap.servers": self._bootstrap, "enable.idempotence": True, "linger.ms": 20,
             "partitioner": "murmur2_random", "queue.buffering.max.messages": 100_000}
        )  # fmt: skip
        for number, record in enumerate(records):
            headers = [record.header] if record.header else None
            while True:
                try:
                    writer.produce(topic, record.value, record.key, record.partition, headers=headers)
                    break
                except BufferError:
                    writer.poll(0.1)
            if number % 1_000 == 0:
                writer.poll(0)
        if left := writer.flush(_PATIENCE):
            raise RuntimeError(f"{left} records of {topic} were not taken")

    def ends(self, topic: str) -> dict[int, int]:
        """Where each partition ends for a reader of committed records."""
        reader = self._reader()
        try:
            return {p: reader.get_watermark_offsets(TopicPartition(topic, p))[1] for p in range(PARTITIONS)}
        finally:
            reader.close()

    def lag(self, group: str, topic: str) -> int:
        """How many offsets of a topic a group has not committed."""
        done = self._groups.offsets(group, topic, PARTITIONS)
        return sum(end - done.get(p, 0) for p, end in self.ends(topic).items())

    def until_committed(self, group: str, topic: str, check: Callable[[], None]) -> float:
        """Wait until the group has done everything in the topic; answers when that was seen, in ms.

        For topics that are filled without transactions, whose markers nobody commits.
        """
        ends = self.ends(topic)
        until = time.monotonic() + _PATIENCE
        while True:
            done = self._groups.offsets(group, topic, PARTITIONS)
            if all(done.get(p, 0) >= end for p, end in ends.items()):
                return time.time() * 1000
            check()
            if time.monotonic() > until:
                raise TimeoutError(f"{group} is at {done}, {topic} ends at {ends}")
            time.sleep(_TICK)

    def until_full(self, topic: str, starts: dict[int, int], count: int, check: Callable[[], None]) -> None:
        """Wait until a topic has at least `count` records (or markers) more than at `starts`, and no more come."""
        until = time.monotonic() + _PATIENCE
        reader = self._reader()
        before, since = -1, time.monotonic()
        while True:
            ends = (reader.get_watermark_offsets(TopicPartition(topic, p))[1] for p in range(PARTITIONS))
            now = sum(ends) - sum(starts.values())
            if now != before:
                before, since = now, time.monotonic()
            elif now >= count and time.monotonic() - since > _QUIET:
                break
            check()
            if time.monotonic() > until:
                raise TimeoutError(f"{topic} got {now} offsets, {count} records were expected")
            time.sleep(_TICK)
        reader.close()

    def read(self, topic: str, starts: dict[int, int]) -> list[Seen]:
        """Every committed record from `starts` to the end as of now."""
        reader = self._reader()
        reader.assign([TopicPartition(topic, p, start) for p, start in starts.items()])
        seen: list[Seen] = []
        open_ = set(starts)
        while open_:
            for message in reader.consume(5_000, 0.2):
                error = message.error()
                if error is None:
                    seen.append(Seen(message.timestamp()[1], message.key() or b"", message.value() or b""))
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_.discard(message.partition() or 0)
                else:
                    raise KafkaException(error)
        reader.close()
        return seen

    def follower(self, topic: str) -> Consumer:
        """A consumer that stands at the end of a topic and gets what is committed from now on."""
        reader = self._reader()
        reader.assign([TopicPartition(topic, p, end) for p, end in self.ends(topic).items()])
        reader.poll(0.5)
        return reader

    def _reader(self) -> Consumer:
        return Consumer(
            {"bootstrap.servers": self._bootstrap, "group.id": "bench-reader", "enable.auto.commit": False,
             "auto.offset.reset": "error", "isolation.level": "read_committed", "enable.partition.eof": True,
             "fetch.queue.backoff.ms": 10, "queued.min.messages": 100_000}
        )  # fmt: skip


def complete(seen: list[Seen], count: int, what: str) -> list[Seen]:
    """The same records; RuntimeError when they are not exactly `count` different ones: a fast loss is no speed."""
    keys = {record.key for record in seen}
    if len(seen) != count or len(keys) != count:
        raise RuntimeError(f"{what}: {len(seen)} records with {len(keys)} keys, expected {count}")
    return seen

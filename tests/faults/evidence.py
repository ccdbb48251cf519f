"""Whether a fault struck: read from the coordinators' own topics, which no client can write to.

`__transaction_state` names every turn of every transaction, `__consumer_offsets` every committed offset and every
generation of a group. Layouts: TransactionLogKey/Value, OffsetCommitKey/Value, GroupMetadataKey/Value of Apache Kafka.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, TopicPartition

from faults.history import Entry, Place

_ONGOING, _PREPARE_ABORT = 1, 3
_IN_FLIGHT = 250  # ms in which a commit that was under way at the kill still arrives
_IN_HAND = 50  # ms after which a record has certainly reached a consumer that asks every 20 ms
_SETTLING = 60_000  # ms in which the group must have noticed
_READER: dict[str, str | int | float | bool] = {
    "group.id": "evidence", "enable.auto.commit": False, "isolation.level": "read_committed",
    "auto.offset.reset": "earliest", "enable.partition.eof": True, "metadata.recovery.strategy": "none",
}  # fmt: skip


class Turn(NamedTuple):
    """A transaction's state from a time (ms) on."""

    at: int
    state: int


class Commit(NamedTuple):
    """An offset that a group committed."""

    at: int
    offset: int


class Generation(NamedTuple):
    """A group's generation from a time on; a static member that comes back changes nothing (KIP-345)."""

    at: int
    number: int


@dataclass(frozen=True)
class Coordinators:
    """What the coordinators wrote down, in their order."""

    turns: Mapping[str, list[Turn]] = field(default_factory=lambda: defaultdict(list))
    commits: Mapping[tuple[str, Place], list[Commit]] = field(default_factory=lambda: defaultdict(list))
    generations: Mapping[str, list[Generation]] = field(default_factory=lambda: defaultdict(list))

    def aborted(self, transactional_id: str, at: int) -> bool:
        """Whether a transaction was open at that time and was aborted afterwards."""
        turns = self.turns.get(transactional_id, [])
        before = [turn for turn in turns if turn.at <= at]
        after = [turn for turn in turns if turn.at > at]
        return bool(before and after) and before[-1].state == _ONGOING and after[0].state == _PREPARE_ABORT

    def read_again(self, group: str, entries: tuple[Entry, ...], at: int) -> int:
        """Records that a consumer killed at that time had in hand and not committed, so that another one read them."""
        found = 0
        for partition in {entry.partition for entry in entries}:
            place = entries[0].topic, partition
            done = [c.offset for c in self.commits.get((group, place), []) if c.at <= at + _IN_FLIGHT]
            found += sum(
                1
                for entry in entries
                if entry.partition == partition and entry.offset >= max(done, default=0) and entry.time <= at - _IN_HAND
            )
        return found

    def regrouped(self, group: str, at: int, until: int) -> str:
        """How the group changed in that time; empty when it did not."""
        before = [g.number for g in self.generations.get(group, []) if g.at <= at]
        after = [g.number for g in self.generations.get(group, []) if at < g.at <= until]
        return f"generation {before[-1]} to {after[-1]}" if before and after and after[-1] != before[-1] else ""


def read(bootstrap: str) -> Coordinators:
    """Read both topics to their ends."""
    found = Coordinators()
    for message in _messages(bootstrap):
        key, value, at = message.key(), message.value(), message.timestamp()[1]
        if key is None or value is None:
            continue
        kind = struct.unpack_from(">h", key)[0]
        if message.topic() == "__transaction_state":
            found.turns[_text(key, 2)[0]].append(Turn(at, value[16]))
        elif kind in (0, 1):
            group, next_ = _text(key, 2)
            topic, next_ = _text(key, next_)
            place = topic, struct.unpack_from(">i", key, next_)[0]
            found.commits[group, place].append(Commit(at, struct.unpack_from(">q", value, 2)[0]))
        elif kind == 2:
            group, _ = _text(key, 2)
            _, next_ = _text(value, 2)
            found.generations[group].append(Generation(at, struct.unpack_from(">i", value, next_)[0]))
    return found


def strike(coordinators: Coordinators, member: tuple[str, int], entries: tuple[Entry, ...], at: int) -> list[str]:
    """Every trace that a kill of a step's process left; `entries` is the step's input."""
    step, slot = member
    found = ["aborted transaction"] if coordinators.aborted(f"kill.{step}.{slot}", at) else []
    if again := coordinators.read_again(f"kill.{step}", entries, at):
        found.append(f"{again} read again")
    if changed := coordinators.regrouped(f"kill.{step}", at, at + _SETTLING):
        found.append(changed)
    return found


def _messages(bootstrap: str) -> Iterator[Any]:
    consumer = Consumer({"bootstrap.servers": bootstrap, **_READER})
    topics = consumer.list_topics(timeout=30).topics
    places = {(t, p) for t in ("__transaction_state", "__consumer_offsets") for p in topics[t].partitions}
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in places])
    try:
        while places:
            message = consumer.poll(30)
            if message is None:
                raise TimeoutError("the coordinators' topics cannot be read")
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                places.discard((message.topic() or "", message.partition() or 0))
    finally:
        consumer.close()


def _text(raw: bytes, start: int) -> tuple[str, int]:
    (size,) = struct.unpack_from(">h", raw, start)
    end = start + 2 + max(size, 0)
    return raw[start + 2 : end].decode(), end

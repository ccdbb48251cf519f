"""A broker in memory with transactions, groups, fencing and a last stable offset; passes the suite that Kafka passes.

Time does not pass here by itself: what depends on a timeout (an expired member, a lost answer) is a method to call.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal
from zlib import crc32

from penstock.contracts.address import Address
from penstock.errors import Abort, Fatal, Fenced, Poison, Unknown
from penstock.runtime import halts
from penstock.runtime.ports import BY_KEY, Clock, Committed, Listener, Output, Record

Fate = Literal["open", "committed", "aborted"]


@dataclass
class _Entry:
    record: Record | None  # None is a marker: it takes an offset and nobody reads it
    transaction: _Transaction | None


@dataclass
class _Transaction:
    fate: Fate = "open"
    touched: set[tuple[str, int]] = field(default_factory=set)
    offsets: dict[tuple[str, str, int], Committed] = field(default_factory=dict)


@dataclass
class _Group:
    topic: str
    members: dict[int, MemoryConsumer] = field(default_factory=dict)
    owner: dict[int, int] = field(default_factory=dict)
    generation: int = 0

    def target(self, member: int, count: int) -> set[int]:
        ids = sorted(self.members)
        return {p for p in range(count) if ids[p % len(ids)] == member} if ids else set()


class MemoryBroker:
    """Topics, groups and transactions; implements `ports.Cluster`. Safe to call from several threads."""

    def __init__(self, clock: Clock, max_bytes: int = 1_000_000) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.max_bytes = max_bytes
        self.topics: dict[str, list[list[_Entry]]] = {}
        self.identities: dict[str, int] = {}
        self.lows: dict[tuple[str, int], int] = defaultdict(int)
        self.groups: dict[str, _Group] = {}
        self.offsets: dict[tuple[str, str, int], Committed] = {}
        self.epochs: dict[str, int] = defaultdict(int)
        self.running: dict[str, _Transaction] = {}
        self.lose_answer = 0  # that many of the next commits take effect and then say nothing
        self.lose_commit = 0  # that many of the next commits, after those, say nothing and do nothing
        self._ids = 0

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic; it is an error to make one twice."""
        if topic in self.topics:
            raise Fatal(f"topic {topic} exists")
        self._ids += 1
        self.identities[topic] = self._ids
        self.topics[topic] = [[] for _ in range(partitions)]

    def delete(self, topic: str) -> None:
        """Make an end of a topic; the groups' offsets on it go with it, as in Kafka."""
        del self.topics[topic], self.identities[topic]
        self.offsets = {key: place for key, place in self.offsets.items() if key[1] != topic}

    def trim(self, topic: str, partition: int, offset: int) -> None:
        """Forget what lies below an offset, as retention does."""
        self.lows[topic, partition] = offset

    def consumer(self, group: str, topic: str, listener: Listener) -> MemoryConsumer:
        """A member of `group`."""
        with self.lock:
            self._ids += 1
            return MemoryConsumer(self, group, topic, listener, self._ids)

    def producer(self, transactional_id: str) -> MemoryProducer:
        """A producer."""
        return MemoryProducer(self, transactional_id)

    def log(self) -> MemoryLog:
        """A reader."""
        return MemoryLog(self)

    def close(self) -> None:
        """See `ports.Cluster`."""

    def append(self, output: Output) -> Address:
        """Write a record outside any transaction, as an upstream system does."""
        with self.lock:
            return self.store(output, None)

    def expire(self, consumer: MemoryConsumer) -> None:
        """The group gives a silent member up; it learns of it when it polls next."""
        with self.lock:
            consumer.leave()

    def displace(self, consumer: MemoryConsumer) -> None:
        """Another process takes the member's place: its next call says Fenced."""
        with self.lock:
            consumer.leave()
            consumer.displaced = True

    def store(self, output: Output, transaction: _Transaction | None) -> Address:
        """Append to a partition."""
        size = len(output.value or b"") + len(output.key or b"")
        if size > self.max_bytes:
            raise Poison("output_too_large", f"{size} bytes, the broker takes {self.max_bytes}")
        if output.topic not in self.topics:
            raise Fatal(f"no topic {output.topic}")
        logs = self.topics[output.topic]
        partition = crc32(output.key or b"") % len(logs) if output.partition == BY_KEY else output.partition
        log = logs[partition]
        address = Address(output.topic, partition, len(log))
        record = Record(*address, output.key, output.value, list(output.headers or ()), int(self.clock() * 1000))
        log.append(_Entry(record, transaction))
        if transaction is not None:
            transaction.touched.add((output.topic, partition))
        return address

    def end(self, transaction: _Transaction, fate: Fate) -> None:
        """Settle a transaction: markers are written, offsets kept or dropped."""
        transaction.fate = fate
        for topic, partition in sorted(transaction.touched):
            self.topics[topic][partition].append(_Entry(None, None))
        if fate == "committed":
            self.offsets.update(transaction.offsets)

    def time_out(self, waited_for: Callable[[_Transaction], bool]) -> None:
        """Kafka waits for an open transaction until its producer settles it or its time is over; here it is at once."""
        for transactional_id, transaction in self.running.items():
            if transaction.fate == "open" and waited_for(transaction):
                self.epochs[transactional_id] += 1
                self.end(transaction, "aborted")

    def stable(self, topic: str, partition: int) -> int:
        """The last stable offset: everything below belongs to a settled transaction, or to none."""
        log = self.topics[topic][partition]
        return next((i for i, e in enumerate(log) if e.transaction and e.transaction.fate == "open"), len(log))

    def visible(self, topic: str, partition: int, start: int, end: int) -> Iterator[Record]:
        """What a read_committed reader sees from `start` up to `end`."""
        for entry in self.topics[topic][partition][max(start, self.lows[topic, partition]) : end]:
            if entry.record is not None and (entry.transaction is None or entry.transaction.fate == "committed"):
                yield entry.record


class MemoryConsumer:
    """Implements `ports.Consumer`; partitions move cooperatively, when members poll."""

    def __init__(self, broker: MemoryBroker, group: str, topic: str, listener: Listener, member: int) -> None:
        self._broker = broker
        self._group_id = group
        self._topic = topic
        self._listener = listener
        self._id = member
        self._positions: dict[int, int] = {}
        self._reached: dict[int, int] = {}
        self.displaced = False
        self._expired = False
        self._group = broker.groups.setdefault(group, _Group(topic))
        self._group.members[member] = self
        self._group.generation += 1
        self._generation = self._group.generation

    def poll(self, limit: int, timeout: float) -> list[Record]:
        """See the port; `timeout` is not waited for."""
        del timeout
        with self._broker.lock:
            self._check()
            self._rebalance()
            found: list[Record] = []
            for partition, position in sorted(self._positions.items()):
                end = self._broker.stable(self._topic, partition)
                low, last = self._broker.lows[self._topic, partition], len(self._broker.topics[self._topic][partition])
                if not low <= position <= last:
                    raise halts.offset_gone(self._group_id, self._topic, partition, position, low)
                for record in self._broker.visible(self._topic, partition, position, end):
                    if len(found) >= limit:
                        break
                    found.append(record)
                    self._positions[partition] = self._reached[partition] = record.offset + 1
                else:
                    self._positions[partition] = self._reached[partition] = max(position, end)
            return found

    def reached(self, partition: int) -> int:
        """See the port."""
        return self._reached.get(partition, -1)

    def committed(self, partitions: Sequence[int]) -> Mapping[int, Committed]:
        """See the port."""
        with self._broker.lock:
            self._check()
            keys = {p: (self._group_id, self._topic, p) for p in partitions}
            self._broker.time_out(lambda transaction: not transaction.offsets.keys().isdisjoint(keys.values()))
            return {p: self._broker.offsets.get(key, Committed(-1, "")) for p, key in keys.items()}

    def member(self) -> Any:
        """See the port."""
        return self._group_id, self._id, self._generation

    def seek(self, partition: int, offset: int) -> None:
        """See the port."""
        self._positions[partition] = offset
        self._reached.pop(partition, None)

    def close(self) -> None:
        """See the port."""
        with self._broker.lock:
            if not self._expired and self._positions:
                self._listener.revoked(sorted(self._positions))
            self._positions.clear()
            self.leave()

    def leave(self) -> None:
        """Go out of the group; nobody asks the listener."""
        self._expired = True
        self._group.members.pop(self._id, None)
        for partition in [p for p, owner in self._group.owner.items() if owner == self._id]:
            del self._group.owner[partition]
        self._group.generation += 1

    def _check(self) -> None:
        if self.displaced:
            raise Fenced(f"another member has this one's place in {self._group_id}")

    def _rebalance(self) -> None:
        if self._expired and self._id not in self._group.members:
            lost = sorted(self._positions)
            self._positions.clear()
            self._listener.lost(lost)
            self._group.members[self._id] = self
            self._group.generation += 1
            self._expired = False
        if not (count := len(self._broker.topics.get(self._topic, ()))):
            raise halts.missing(self._topic)
        target = self._group.target(self._id, count)
        self._generation = self._group.generation  # joined again before anything is revoked, as cooperative members do
        if gone := sorted(set(self._positions) - target):
            self._listener.revoked(gone)
            for partition in gone:
                del self._positions[partition]
                self._group.owner.pop(partition, None)
        fresh = sorted(p for p in target if p not in self._positions and p not in self._group.owner)
        if fresh:
            self._group.owner.update(dict.fromkeys(fresh, self._id))
            self._reached = {p: place for p, place in self._reached.items() if p not in fresh}
            self._positions.update(self._listener.assigned(self.committed(fresh)))


class MemoryProducer:
    """Implements `ports.Producer`."""

    def __init__(self, broker: MemoryBroker, transactional_id: str) -> None:
        self._broker = broker
        self._id = transactional_id
        self._epoch = -1
        self._transaction: _Transaction | None = None
        self._unknown = False

    def init(self) -> None:
        """See the port."""
        with self._broker.lock:
            self._broker.epochs[self._id] += 1
            self._epoch = self._broker.epochs[self._id]
            if (left := self._broker.running.pop(self._id, None)) is not None and left.fate == "open":
                self._broker.end(left, "aborted")

    def begin(self) -> None:
        """See the port."""
        with self._broker.lock:
            self._check()
            if self._transaction is not None and self._transaction.fate == "open":
                raise Unknown("begin in the middle of a transaction")
            self._transaction = self._broker.running[self._id] = _Transaction()

    def produce(self, output: Output) -> None:
        """See the port."""
        with self._broker.lock:
            self._broker.store(output, self._open())

    def place(self, outputs: Sequence[Output]) -> list[Address]:
        """See the port."""
        with self._broker.lock:
            return [self._broker.store(output, self._open()) for output in outputs]

    def send_offsets(self, topic: str, offsets: Mapping[int, Committed], member: Any) -> None:
        """See the port."""
        with self._broker.lock:
            transaction = self._open()
            group, who, generation = member
            state = self._broker.groups[group]
            if who not in state.members or generation != state.generation:
                raise Abort("ILLEGAL_GENERATION", rebalance=True)
            transaction.offsets.update({(group, topic, p): committed for p, committed in offsets.items()})

    def commit(self) -> None:
        """See the port."""
        with self._broker.lock:
            transaction = self._open()
            if self._broker.lose_answer:
                self._broker.lose_answer -= 1
                self._unknown = True
                self._broker.end(transaction, "committed")
                raise Unknown("the answer to the commit was lost")
            if self._broker.lose_commit:
                self._broker.lose_commit -= 1
                self._unknown = True
                raise Unknown("the commit was lost")
            self._broker.end(transaction, "committed")
            self._transaction = None

    def abort(self) -> None:
        """See the port."""
        with self._broker.lock:
            self._check()
            if self._transaction is not None and self._transaction.fate == "open":
                self._broker.end(self._transaction, "aborted")
            self._transaction = None

    def close(self) -> None:
        """See the port: an open transaction stays open, as it does when a process dies."""

    def _check(self) -> None:
        if self._unknown:
            raise Fatal("this producer must not be used again")
        if self._epoch != self._broker.epochs[self._id]:
            raise Fenced(f"{self._id} was taken over")

    def _open(self) -> _Transaction:
        self._check()
        if self._transaction is None or self._transaction.fate != "open":
            raise Abort("no open transaction")
        return self._transaction


class MemoryLog:
    """Implements `ports.Log`."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def fetch(self, address: Address) -> Record | None:
        """See the port."""
        with self._broker.lock:
            if self.partitions(address.topic) <= address.partition:
                return None
            end = min(address.offset + 1, self._broker.stable(address.topic, address.partition))
            return next(self._broker.visible(address.topic, address.partition, address.offset, end), None)

    def read(self, topic: str, partition: int, start: int = 0, end: int | None = None) -> Iterator[Record]:
        """See the port."""
        with self._broker.lock:
            if self.partitions(topic) <= partition:
                raise halts.missing(f"{topic}[{partition}]")
            if end is None:
                self._broker.time_out(lambda transaction: (topic, partition) in transaction.touched)
                end = len(self._broker.topics[topic][partition])
            return iter(list(self._broker.visible(topic, partition, start, end)))

    def high_watermarks(self, topic: str, partitions: Sequence[int]) -> Future[Mapping[int, int]]:
        """See the port."""
        with self._broker.lock:
            return _known({p: len(self._broker.topics[topic][p]) for p in partitions})

    def stable_ends(self, topic: str, partitions: Sequence[int]) -> Future[Mapping[int, int]]:
        """See the port."""
        with self._broker.lock:
            return _known({p: self._broker.stable(topic, p) for p in partitions if p < self.partitions(topic)})

    def identity(self, topic: str) -> Future[str]:
        """See the port."""
        return _known(str(self._broker.identities.get(topic, "")))

    def partitions(self, topic: str) -> int:
        """See the port."""
        return len(self._broker.topics.get(topic, ()))

    def close(self) -> None:
        """See the port."""


def _known(answer: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(answer)
    return future

"""What the loop asks of a broker: the port that Kafka and the in-memory broker both stand behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol, TypeAlias

from penstock.contracts.address import Address

Headers: TypeAlias = list[tuple[str, str | bytes | None]]
BY_KEY = -1  # let the partitioner (murmur2, as in Java) choose


class Record(NamedTuple):
    """A record as it lay in the log; `timestamp` in ms since the epoch."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int

    @property
    def address(self) -> Address:
        """Where it lies."""
        return Address(self.topic, self.partition, self.offset)


class Output(NamedTuple):
    """A record to be written, encoded."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


class TopicSpec(NamedTuple):
    """A topic as it should be; `config` as Kafka spells it."""

    name: str
    partitions: int
    config: Mapping[str, str]


class Committed(NamedTuple):
    """A group's place on one partition; `offset` is -1 where none was ever committed."""

    offset: int
    metadata: str


class Listener(Protocol):
    """What a consumer tells of its share of the partitions, on the thread that polls it."""

    def assigned(self, committed: Mapping[int, Committed]) -> Mapping[int, int]:
        """Partitions that are ours now; answers the offset to read each from, leaving out those to be left alone."""

    def revoked(self, partitions: Sequence[int]) -> None:
        """Partitions that go to somebody else after this call returns: finish and commit now."""

    def lost(self, partitions: Sequence[int]) -> None:
        """Partitions that somebody else may own already: drop them, commit nothing."""

    def waiting(self) -> None:
        """The broker is away and a call that cannot be put off is made again."""


class Consumer(Protocol):
    """One member of one group on one topic. All calls on one thread."""

    def poll(self, limit: int, timeout: float) -> list[Record]:
        """Up to `limit` records, waiting up to `timeout` s for the first; serves the listener.

        Raises Halt when the topic or an offset is not what it was, Fenced when the client cannot go on as this member
        (close it and take a new one), Fatal when none can.
        """

    def reached(self, partition: int) -> int:
        """The next offset to be read, behind markers and aborted records once the end was seen; -1 if unknown."""

    def committed(self, partitions: Sequence[int]) -> Mapping[int, Committed]:
        """What the group has committed, waiting for transactions that are still open. Retriable, Fenced."""

    def member(self) -> Any:
        """Proof of membership for `Producer.send_offsets`, as of the last poll."""

    def seek(self, partition: int, offset: int) -> None:
        """Read on from `offset`."""

    def close(self) -> None:
        """Leave the group; the listener hears of it first."""


class Producer(Protocol):
    """One transactional producer.

    Raises Retriable, Abort (abort and use again), Unknown (never use again) or Fenced (somebody else is us now).
    """

    def init(self) -> None:
        """Take over the transactional id; a predecessor's open transaction is settled when this returns."""

    def begin(self) -> None:
        """Open a transaction."""

    def produce(self, output: Output) -> None:
        """Add a record to it. Poison when it is larger than the broker takes; the transaction goes on."""

    def place(self, outputs: Sequence[Output]) -> list[Address]:
        """Add records and wait until the broker says where they lie, in their order."""

    def send_offsets(self, topic: str, offsets: Mapping[int, Committed], member: Any) -> None:
        """Add a group's places to it."""

    def commit(self) -> None:
        """Make it all visible, or none of it."""

    def abort(self) -> None:
        """Make none of it visible."""

    def close(self) -> None:
        """Give it up."""


class Log(Protocol):
    """Reads outside any group. Calls may come from any thread."""

    def fetch(self, address: Address) -> Record | None:
        """The committed record at an address; None when it is gone or never was."""

    def read(self, topic: str, partition: int, start: int = 0, end: int | None = None) -> Iterator[Record]:
        """Every committed record of a partition, from `start` or its beginning up to `end`, or the end as of now."""

    def high_watermarks(self, topic: str, partitions: Sequence[int]) -> Future[Mapping[int, int]]:
        """The end of each partition as of now, open transactions included."""

    def stable_ends(self, topic: str, partitions: Sequence[int]) -> Future[Mapping[int, int]]:
        """Up to where each partition can be read as of now: what is open and what lies behind it is left out."""

    def identity(self, topic: str) -> Future[str]:
        """What tells a topic from a later one of the same name; empty when there is none."""

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0 when there is no such topic."""

    def close(self) -> None:
        """Give it up; a second time does nothing."""


class Cluster(Protocol):
    """A broker, or several: where the loop gets its clients from."""

    def consumer(self, group: str, topic: str, listener: Listener) -> Consumer:
        """A member of `group`, subscribed to `topic`."""

    def producer(self, transactional_id: str) -> Producer:
        """A producer; `init` it before use."""

    def log(self) -> Log:
        """A reader."""

    def close(self) -> None:
        """Give up every reader that is still open."""


Clock: TypeAlias = Callable[[], float]

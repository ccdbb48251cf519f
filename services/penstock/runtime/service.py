"""A service is a value: what it reads, what it keeps and what it answers; the loop does the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

from penstock.contracts import envelope
from penstock.contracts.envelope import Envelope
from penstock.contracts.limits import Halting
from penstock.contracts.records import RunEvent
from penstock.errors import Poison
from penstock.runtime.ports import Headers, Output, Record

SAME = -2  # the partition of the record that is answered: one run, one partition number


class Message(NamedTuple):
    """A decoded record: `contract` names what `value` is; `envelope` is None on topics that carry none."""

    record: Record
    envelope: Envelope | None
    contract: str
    value: dict[str, Any]


class Send(NamedTuple):
    """A record to be written: `value` is encoded under `contract`, or sent as it is where it is bytes or None."""

    topic: str
    key: bytes
    value: Any
    contract: str = ""
    envelope: Envelope | None = None
    partition: int = SAME
    headers: Headers | None = None


class Done(NamedTuple):
    """All that follows from one record (or timer), written in one transaction together with its offset.

    `letter` is a dead letter; the `event` goes out after it and names its address. `failed` says whether the step could
    not do its work: too many of these stop it. None where it says neither that it can nor that it cannot.
    """

    sends: Sequence[Send] = ()
    event: RunEvent | None = None
    letter: Output | None = None
    failed: bool | None = False

    @property
    def why(self) -> str:
        """Why a task is dead, in a few words."""
        dead = self.event["dead"] if self.event is not None else None
        if dead is None or not dead["reasons"]:
            return "no reason was given"
        return f"{dead['reasons'][0]['code']}: {dead['reasons'][0]['message']}"


class State(Protocol):
    """What a step keeps for one partition: written to its changelog in the same transaction as the answer."""

    def get(self, key: str) -> Any:
        """The value under a key, or None."""

    def put(self, key: str, value: Any) -> None:
        """Keep a value; it must not be changed in place afterwards without another `put`."""

    def drop(self, key: str) -> None:
        """Forget a key."""

    def oldest(self) -> Iterator[str]:
        """Keys, first the one that was put longest ago."""

    def __len__(self) -> int: ...


class View(NamedTuple):
    """What a decision may look at: the state of its partition, the time (ms since the epoch) and the partition."""

    state: State
    now: int
    partition: int


Settle: TypeAlias = Callable[[View], Done]


class Call(NamedTuple):
    """Work that takes its time: `job` runs beside the loop and answers later, in any order.

    With `claim` the state that was just written is committed before the job starts.
    """

    job: Callable[[], Awaitable[Done | Settle]]
    claim: bool = False


class Later(NamedTuple):
    """Nobody can say yet: the record stays incomplete and is answered again, until `patience` s are over.

    Then it is buried as `poison`.
    """

    poison: Poison
    patience: float


Answer: TypeAlias = Done | Call | Later


@dataclass(frozen=True, slots=True)
class Keeps:
    """The state of a service: its changelog topic, the contract of its values, and when each is due.

    `due` answers ms since the epoch, or None; `expire` is asked once that time has come and the partition is read up
    to its end as of then. `packed` keeps values encoded, for large and rarely read memories.
    """

    topic: str
    contract: str
    due: Callable[[Mapping[str, Any]], int | None] | None = None
    expire: Callable[[str, View], Done] | None = None
    packed: bool = False


class Follows(NamedTuple):
    """A small compacted topic: read whole before the first record, then followed; `hear` takes each of its records."""

    topic: str
    hear: Callable[[Record], None]


@dataclass(frozen=True, slots=True)
class Service:
    """One step, ready to be hosted. What several services of a process follow alike is read once.

    `contracts` are accepted on `source`; anything else goes to `bury`, as does what cannot be decoded or encoded.
    `concurrency` is how many jobs run at once; a `prompt` service answers most records at once, so its polls are large;
    `prepare` loads what the handler needs, once, before the first record. `halting` is when failed tasks stop it.
    """

    pipeline: str
    step: str
    source: str
    group: str
    runs: str
    contracts: Container[str]
    answer: Callable[[Message, View], Answer]
    bury: Callable[[Record, Envelope | None, Poison, int], Done]
    keeps: Keeps | None = None
    follows: tuple[Follows, ...] = ()
    enveloped: bool = True
    concurrency: int = 1
    prompt: bool = False
    prepare: Callable[[], None] | None = None
    halting: Halting | None = None


def envelope_of(record: Record) -> Envelope:
    """The envelope that a record carries; Poison when it has none, or several."""
    found = [value for name, value in record.headers if name == envelope.HEADER]
    if len(found) != 1 or not isinstance(found[0], bytes):
        raise Poison("bad_envelope", f"{len(found)} headers named {envelope.HEADER}, expected one")
    return envelope.parse(found[0])

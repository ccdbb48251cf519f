"""What follows when a task is dead: the rungs as a table, in their order, and each a bounded number of times."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

from penstock.contracts.records import Dead, RunEvent, Terminal

Name: TypeAlias = Literal["rerun", "fallback", "missing", "review", "end"]


class Row(NamedTuple):
    """One rung: which outcomes of a dead task may take it, what is done then, and when it is passed over."""

    name: Name
    outcomes: frozenset[str]
    does: str
    passed: str


# The outcomes of a dead task, and how its part of the run ends where no rung is left.
ENDS: Mapping[str, Terminal] = {
    "rejected": "rejected",
    "failed": "failed",
    "conflict": "rejected",
    "escalated": "rejected",
    "expired": "expired",
    "stopped": "expired",
    "cancelled": "cancelled",
    "in_doubt": "failed",
}
_TRIED = frozenset({"rejected", "failed", "conflict"})

TABLE: tuple[Row, ...] = (
    Row(
        "rerun",
        frozenset({"rejected"}),
        "the judged worker again, with the verdict as feedback",
        "no re-runs declared or left, no reason is retryable, or the fallback has acted",
    ),
    Row("fallback", _TRIED, "the fallback, on the same input", "none, or it has acted"),
    Row(
        "missing",
        _TRIED | {"escalated"},
        "the joins behind are told that the branch stays empty",
        "no join can do without",
    ),
    Row("review", _TRIED | {"escalated"}, "a person is asked", "nobody is to be asked, or no question is left"),
    Row("end", frozenset(ENDS), "this part of the run ends", ""),
)


class Steps(Protocol):
    """The rungs a step declares; see `topology.plan.Ladder`."""

    @property
    def rerun(self) -> str | None:
        """The worker that can be asked again."""

    @property
    def reruns(self) -> int:
        """How often it is, without a person."""

    @property
    def replaced_by(self) -> str | None:
        """The fallback after which it is not asked again."""

    @property
    def fallback(self) -> str | None:
        """The step that is run on the same input."""

    @property
    def missing(self) -> tuple[tuple[str, str], ...]:
        """(join, branch) pairs that will never get a value now."""

    @property
    def review(self) -> bool:
        """Whether a person may be asked."""

    @property
    def gate(self) -> str | None:
        """The gate through which a decision goes."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """Run the judged worker on the same input, with the verdict in hand."""

    step: str


@dataclass(frozen=True, slots=True)
class Fall:
    """Run the fallback on the same input."""

    step: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Tell the joins that these branches stay empty."""

    branches: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a person; the answer goes through this gate."""

    gate: str


@dataclass(frozen=True, slots=True)
class End:
    """Nothing is left to try; this part of the run ends like this."""

    status: Terminal


@dataclass(frozen=True, slots=True)
class Forget:
    """Nothing waits for it any more: it ends, and the run's status is none the worse."""


Rung: TypeAlias = Rerun | Fall | Missing | Ask | End | Forget


class Cause(NamedTuple):
    """What a rung depends on beside the step: the outcome, whether the worker could do better, and the item."""

    outcome: str
    retryable: bool = False
    item: str = ""


def next_rung(steps: Steps, cause: Cause, used: Collection[str], reviews: int) -> Rung:
    """The first rung of the table that a death may take; `used` are those taken, `reviews` how many may be asked."""
    outcome = cause.outcome if cause.outcome in ENDS else "failed"
    for row in TABLE:
        rung = _taken(row.name, steps, cause, used, reviews) if outcome in row.outcomes else None
        if rung is not None:
            return rung
    return End(ENDS[outcome])


def _taken(name: Name, steps: Steps, cause: Cause, used: Collection[str], reviews: int) -> Rung | None:
    """The rung of this name, or None where it is passed over."""
    match name:
        case "rerun":
            return Rerun(steps.rerun) if steps.rerun and _again(steps, steps.rerun, cause, used) else None
        case "fallback":
            fresh = steps.fallback and entry("fallback", steps.fallback, cause.item) not in used
            return Fall(steps.fallback) if fresh and steps.fallback else None
        case "missing":
            return Missing(steps.missing) if steps.missing else None
        case "review":
            return Ask(steps.gate) if steps.review and steps.gate and times("review", used) < reviews else None
        case "end":
            return None


def _again(steps: Steps, worker: str, cause: Cause, used: Collection[str]) -> bool:
    """Whether a worker is run again: it could do better, it may, and nobody has acted for it yet."""
    acted = steps.replaced_by is not None and entry("fallback", steps.replaced_by, cause.item) in used
    taken = sum(rung == entry("rerun", worker, cause.item) for rung in used)
    return cause.retryable and taken < steps.reruns and not acted


def retryable(dead: Dead) -> bool:
    """Whether a verdict has an error that the worker could mend; one with none would only come again."""
    return any(reason["retryable"] for reason in dead["reasons"] if reason["severity"] == "error")


def fate(event: RunEvent, deadline: int, ending: str) -> str:
    """What a task died of; in a run that ends nothing is begun any more, save that a doubt stays one.

    By the time of the step, so that a supervisor that was away does not make runs expire.
    """
    if event["outcome"] == "in_doubt":
        return "in_doubt"
    return ending or ("expired" if event["at"] >= deadline else event["outcome"])


def rung_of_the_unawaited(steps: Steps, concluded: Collection[str]) -> Rung:
    """What follows a death that costs nothing: the joins in between that still wait are told."""
    waiting = tuple(pair for pair in steps.missing if pair[0] not in concluded)
    return Missing(waiting) if waiting else Forget()


def unawaited(after: Mapping[str, Sequence[str]], step: str, concluded: Collection[str]) -> bool:
    """Whether every way on from a step leads to a join that has concluded, so that its death costs nothing."""
    ahead, seen = [step], set[str]()
    while ahead:
        further = after.get(ahead.pop(), ())
        if not further:
            return False
        fresh = [name for name in further if name not in concluded and name not in seen]
        seen.update(fresh)
        ahead += fresh
    return True


def before(after: Mapping[str, Sequence[str]], step: str) -> frozenset[str]:
    """A step and every step from which a way leads to it."""
    found = {step}
    while more := {name for name, ahead in after.items() if name not in found and not found.isdisjoint(ahead)}:
        found |= more
    return frozenset(found)


def entry(kind: Literal["rerun", "fallback", "review", "retry", "concluded"], step: str, item: str = "") -> str:
    """How a rung that was taken, or a join that concluded without all of its branches, is remembered."""
    return f"{kind}:{step}@{item}" if item else f"{kind}:{step}"


def times(kind: str, used: Iterable[str]) -> int:
    """How often a kind of rung was taken in the whole run."""
    return sum(rung.startswith(f"{kind}:") for rung in used)


def concluded(used: Iterable[str], item: str) -> set[str]:
    """The joins that concluded without all of their branches, for this item or for one that it is a part of."""
    found = set()
    for rung in used:
        kind, _, name = rung.partition(":")
        step, _, of = name.partition("@")
        if kind == "concluded" and (not of or f"{item}.".startswith(f"{of}.")):
            found.add(step)
    return found

"""What follows when a task is dead: fallback, missing, review, the end, in that order and each a bounded time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from penstock.contracts.records import RunEvent, Terminal


class Steps(Protocol):
    """The rungs a step declares; see `topology.plan.Ladder`."""

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


Rung: TypeAlias = Fall | Missing | Ask | End | Forget

# What a dead task's outcome skips, and how its part of the run ends where no rung is left.
SKIPS: dict[str, frozenset[type]] = {
    "expired": frozenset({Fall, Missing, Ask}),
    "in_doubt": frozenset({Fall, Missing, Ask}),
    "escalated": frozenset({Fall}),
}
ENDS: dict[str, Terminal] = {
    "expired": "expired",
    "rejected": "rejected",
    "conflict": "rejected",
    "escalated": "rejected",
}


def next_rung(steps: Steps, outcome: str, used: Collection[str], reviews: int) -> Rung:
    """The next rung for a task that died with `outcome`; `used` are those taken, `reviews` how many may be asked.

    What dies after the run's deadline has expired, whatever it died of: see `fate`.
    """
    skips = SKIPS.get(outcome, frozenset())
    if steps.fallback and Fall not in skips and fall_name(steps.fallback) not in used:
        return Fall(steps.fallback)
    if steps.missing and Missing not in skips:
        return Missing(steps.missing)
    asked = sum(1 for rung in used if rung.startswith("review:"))
    if steps.review and steps.gate and Ask not in skips and asked < reviews:
        return Ask(steps.gate)
    return End(ENDS.get(outcome, "failed"))


def fate(event: RunEvent, deadline: int) -> str:
    """What a task died of; after the run's deadline nothing is begun any more, save that a doubt stays one.

    By the time of the step, so that a supervisor that was away does not make runs expire.
    """
    return "expired" if event["at"] >= deadline and event["outcome"] != "in_doubt" else event["outcome"]


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


def done_name(join: str) -> str:
    """How a join that concluded without all of its branches is remembered."""
    return f"concluded:{join}"


def fall_name(step: str) -> str:
    """How a taken fallback is remembered."""
    return f"fallback:{step}"


def ask_name(step: str) -> str:
    """How an asked review is remembered."""
    return f"review:{step}"

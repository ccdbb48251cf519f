"""What a handler may know and do beside its value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

from penstock.contracts.answers import Reason
from penstock.contracts.artifacts import NOWHERE, Artifacts
from penstock.contracts.identity import effect_key
from penstock.errors import PenstockError

F = TypeVar("F", bound=Callable[..., object])
_NOTHING: Mapping[str, float] = {}


class OverBudget(PenstockError):  # noqa: N818 - named for what it says
    """The attempt would spend more than the step declares; the call it was for must not be made."""


class Context:
    """One attempt of one task. Nothing of it can be set: what a handler changed here would be everybody's bound.

    Properties over slots, and not a frozen dataclass, which takes 2 us to make where this takes 0.2.
    """

    __slots__ = ("_artifacts", "_attempt", "_budget_usd", "_deadline", "_feedback", "_item", "_key", "_pipeline",
                 "_run", "_spending", "_spent_usd", "_step")  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 - what an attempt knows
        self,
        pipeline: str = "",
        step: str = "",
        run: str = "",
        key: str = "",
        item: str = "",
        attempt: int = 1,
        deadline: int = 0,
        feedback: tuple[Reason, ...] = (),
        budget_usd: float = math.inf,
        artifacts: Artifacts = NOWHERE,
    ) -> None:
        self._pipeline = pipeline
        self._step = step
        self._run = run
        self._key = key
        self._item = item
        self._attempt = attempt
        self._deadline = deadline
        self._feedback = feedback
        self._budget_usd = budget_usd
        self._artifacts = artifacts
        self._spent_usd = 0.0
        self._spending: dict[str, float] | None = None

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self._pipeline

    @property
    def step(self) -> str:
        """The step that makes the attempt."""
        return self._step

    @property
    def run(self) -> str:
        """The run it belongs to."""
        return self._run

    @property
    def key(self) -> str:
        """The id of the upstream event."""
        return self._key

    @property
    def item(self) -> str:
        """Which item of a list, where the run has several tasks of one step."""
        return self._item

    @property
    def attempt(self) -> int:
        """Which attempt this is, the first is 1; those that did not count are left out."""
        return self._attempt

    @property
    def deadline(self) -> int:
        """Ms since the epoch after which no attempt starts."""
        return self._deadline

    @property
    def feedback(self) -> tuple[Reason, ...]:
        """The verdict on the last try, on a re-run or a fallback."""
        return self._feedback

    @property
    def budget_usd(self) -> float:
        """What this attempt may spend."""
        return self._budget_usd

    @property
    def artifacts(self) -> Artifacts:
        """The store of what is too large to travel inline."""
        return self._artifacts

    @property
    def spent_usd(self) -> float:
        """What it has spent so far."""
        return self._spent_usd

    @property
    def spending(self) -> Mapping[str, float]:
        """The same by model; what named none stands under an empty text."""
        return _NOTHING if self._spending is None else dict(self._spending)

    @property
    def idempotency_key(self) -> str:
        """The same for all attempts and rounds: pass it to whatever the handler calls."""
        return effect_key(self._pipeline, self._key, self._step, self._item)

    def again(self, *, counted: bool = True) -> Context:
        """The context of the next attempt, with nothing spent yet; with the same number where this did not count."""
        return Context(
            self._pipeline, self._step, self._run, self._key, self._item, self._attempt + counted, self._deadline,
            self._feedback, self._budget_usd, self._artifacts,
        )  # fmt: skip

    def reserve(self, usd: float) -> None:
        """Ask before a call that may cost `usd`; OverBudget when that is more than is left of this attempt."""
        if not 0 <= usd < math.inf:
            raise ValueError(f"{usd} is no amount of money to spend")
        if self._spent_usd + usd > self._budget_usd * (1 + 1e-9):
            raise OverBudget(
                f"{usd:g} USD on top of {self._spent_usd:g} is more than the declared {self._budget_usd:g}"
            )

    def spend(self, usd: float, model: str = "") -> None:
        """Record what a call cost, and of which model; OverBudget when the declared cost of an attempt is exceeded."""
        self.reserve(usd)
        self._spent_usd += usd
        if self._spending is None:
            self._spending = {}
        self._spending[model] = self._spending.get(model, 0.0) + usd


def inline(handler: F) -> F:
    """Mark a synchronous handler as trivial: it runs on the loop's own thread, where a slow one stops everything."""
    handler.inline = True  # type: ignore[attr-defined]  # a mark, read where handlers are loaded
    return handler

"""What a handler may know and do beside its value."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from penstock.contracts.answers import Reason
from penstock.contracts.artifacts import NOWHERE, Artifacts
from penstock.contracts.identity import effect_key
from penstock.errors import PenstockError

F = TypeVar("F", bound=Callable[..., object])


class OverBudget(PenstockError):  # noqa: N818 - named for what it says
    """The attempt would spend more than the step declares; the call it was for must not be made."""


@dataclass(slots=True)
class Context:
    """One attempt of one task.

    `key` is the id of the upstream event, `deadline` in ms since the epoch, `feedback` the verdict on the last try, on
    a re-run. `budget_usd` is what this attempt may spend, `artifacts` the store of what is too large to travel inline.
    """

    pipeline: str = ""
    step: str = ""
    run: str = ""
    key: str = ""
    item: str = ""
    attempt: int = 1
    deadline: int = 0
    feedback: tuple[Reason, ...] = ()
    budget_usd: float = math.inf
    artifacts: Artifacts = NOWHERE
    spent_usd: float = field(default=0.0, init=False)

    @property
    def idempotency_key(self) -> str:
        """The same for all attempts and rounds: pass it to whatever the handler calls."""
        return effect_key(self.pipeline, self.key, self.step, self.item)

    def again(self) -> Context:
        """The context of the next attempt, with nothing spent yet."""
        return replace(self, attempt=self.attempt + 1)

    def reserve(self, usd: float) -> None:
        """Ask before a call that may cost `usd`; OverBudget when that is more than is left of this attempt."""
        if not 0 <= usd < math.inf:
            raise ValueError(f"{usd} is no amount of money to spend")
        if self.spent_usd + usd > self.budget_usd * (1 + 1e-9):
            raise OverBudget(f"{usd:g} USD on top of {self.spent_usd:g} is more than the declared {self.budget_usd:g}")

    def spend(self, usd: float, model: str = "") -> None:
        """Record what a call cost; OverBudget when the declared cost of an attempt is exceeded."""
        del model
        self.reserve(usd)
        self.spent_usd += usd


def inline(handler: F) -> F:
    """Mark a synchronous handler as trivial: it runs on the loop's own thread, where a slow one stops everything."""
    handler.inline = True  # type: ignore[attr-defined]  # a mark, read where handlers are loaded
    return handler

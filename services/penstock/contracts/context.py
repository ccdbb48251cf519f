"""What a handler may know and do beside its value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from penstock.contracts.answers import Reason
from penstock.errors import PenstockError

F = TypeVar("F", bound=Callable[..., object])


class OverBudget(PenstockError):  # noqa: N818 - named for what it says
    """The attempt would spend more than the step declares; the call it was for must not be made."""


@dataclass(slots=True)
class Context:
    """One attempt of one task.

    `idempotency_key` is the same for all attempts: pass it to whatever the handler calls. `deadline` in ms since the
    epoch. `feedback` is the verdict on the last try, on a re-run. `budget_usd` is what this attempt may spend.
    """

    run: str = ""
    step: str = ""
    key: str = ""
    attempt: int = 1
    idempotency_key: str = ""
    deadline: int = 0
    feedback: tuple[Reason, ...] = ()
    budget_usd: float = float("inf")
    spent_usd: float = field(default=0.0, init=False)

    def reserve(self, usd: float) -> None:
        """Ask before a call that may cost `usd`; OverBudget when that is more than is left of this attempt."""
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

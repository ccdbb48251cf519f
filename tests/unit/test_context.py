"""What a handler can do with its context, and what it cannot."""

from __future__ import annotations

import math

import pytest

from penstock import Context, Reason
from penstock.contracts.context import OverBudget

FIELDS = ["pipeline", "step", "run", "key", "item", "attempt", "deadline", "feedback", "budget_usd", "spent_usd"]


def context() -> Context:
    """A second attempt."""
    return Context("p", "s", "r", "e", "i", 2, 99, (Reason("low"),), 0.5)


@pytest.mark.parametrize("name", [*FIELDS, "idempotency_key", "spending", "anything"])
def test_nothing_of_it_can_be_set(name: str) -> None:
    """A handler that could would change its own budget, deadline or count of attempts."""
    with pytest.raises(AttributeError):
        setattr(context(), name, math.inf)


def test_the_next_attempt_has_spent_nothing() -> None:
    """All else is the same; its number too where this one did not count."""
    first = context()
    first.spend(0.25, "large")

    again, free = first.again(), first.again(counted=False)

    same = [name for name in FIELDS if name not in {"attempt", "spent_usd"}]
    assert [getattr(again, name) for name in same] == [getattr(first, name) for name in same]
    assert (again.attempt, again.spent_usd, dict(again.spending)) == (3, 0.0, {})
    assert (free.attempt, free.spent_usd) == (2, 0.0)
    assert first.idempotency_key == again.idempotency_key


def test_spending_is_known_by_model() -> None:
    """Each model's sum, and what named none; what is read cannot change it."""
    ctx = context()
    for usd, model in ((0.1, "a"), (0.2, "b"), (0.1, "a"), (0.05, "")):
        ctx.spend(usd, model)
    dict(ctx.spending).clear()

    assert ctx.spending == {"a": pytest.approx(0.2), "b": pytest.approx(0.2), "": pytest.approx(0.05)}
    assert ctx.spent_usd == pytest.approx(0.45)


@pytest.mark.parametrize("usd", [-0.01, math.nan, math.inf])
def test_only_money_can_be_spent(usd: float) -> None:
    """A negative amount would give some back."""
    with pytest.raises(ValueError, match="no amount of money"):
        context().spend(usd)


def test_the_budget_is_an_attempts_and_holds() -> None:
    """What was refused has not been spent, and the rest may still be."""
    ctx = context()
    ctx.spend(0.4)
    with pytest.raises(OverBudget):
        ctx.spend(0.2)
    ctx.spend(0.1)

    assert ctx.spent_usd == pytest.approx(0.5)

"""What a worker's message asks for: its own value, or another record by address."""

from __future__ import annotations

from typing import Any

import pytest

from penstock import Reason
from penstock.contracts.address import Address
from penstock.contracts.envelope import Envelope
from penstock.contracts.records import COMMAND, reason_records
from penstock.errors import Poison
from penstock.worker.attempt import Fetch, Work, context, order

RUN: dict[str, Any] = {"kind": "run", "address": "p.a[0]@7", "branch": "", "review": "", "sha256": "", "reasons": []}


def test_a_message_is_worked_on_as_it_is() -> None:
    """Anything but a command is the worker's input."""
    assert order("diagram.Job", {"id": "e"}) == Work({"id": "e"})


def test_a_command_names_the_input_and_why() -> None:
    """The verdict comes along as feedback."""
    why = (Reason("low"),)

    assert order(COMMAND, {**RUN, "reasons": reason_records(why)}) == Fetch(Address("p.a", 0, 7), why)


@pytest.mark.parametrize("wrong", [{"kind": "missing"}, {"kind": "decided"}, {"address": ""}, {"address": "p.a"}])
def test_any_other_command_is_poison(wrong: dict[str, str]) -> None:
    """Another kind, or an address that is none."""
    with pytest.raises(Poison) as caught:
        order(COMMAND, {**RUN, **wrong})

    assert caught.value.code == "wrong_command"


def test_the_context_is_the_envelopes() -> None:
    """The first attempt, with the deadline and the budget of this step."""
    around = Envelope("r", "e", "t", "i", "before", 1, 2, "p.a[0]@7", "d", 99)
    ctx = context("p", "step", around, 0.5, (Reason("low"),))

    assert (ctx.run, ctx.key, ctx.item, ctx.attempt, ctx.deadline) == ("r", "e", "i", 1, 99)
    assert (ctx.budget_usd, ctx.spent_usd, ctx.feedback) == (0.5, 0.0, (Reason("low"),))
    assert ctx.idempotency_key == context("p", "step", around._replace(run="r2", round=3), 0, ()).idempotency_key

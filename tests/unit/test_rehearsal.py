"""A gate's checks, asked about a person's payload before it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from penstock import Reason
from penstock.assembly.rehearsal import refusals
from penstock.contracts.address import Address
from penstock.errors import Mistake
from penstock.runtime.codec import Codec
from penstock.runtime.kit import Kit
from penstock.runtime.metrics import Metrics
from penstock.testing.clock import Clock
from penstock.topology.compiler import compile_topology
from pipelines import DESK, Cast, contracts

TEXT = DESK.replace('checks: [{run: "cast:check"}]', 'checks: [{run: "cast:check"}, {run: "cast:odd", waivable: true}]')


def asked(cast: Cast) -> list[str]:
    """The codes for which the gate behind the join would refuse a value."""
    clock, codec = Clock(), Codec(contracts())

    async def fetch(address: Address) -> None:
        raise AssertionError(address)

    async def sleep(seconds: float) -> None:
        raise AssertionError(seconds)

    plan = compile_topology(TEXT.encode(), "desk.yaml", contracts(), cast.resolve)
    kit = Kit(codec, Metrics("desk"), cast.resolve, fetch, clock, sleep, lambda: 0.5)
    payload = codec.encode("diagram.Second", {"id": "e0", "number": 1.0, "score": 0.5, "label": "large"})
    return [reason.code for reason in refusals(plan, "check-decision", kit, payload)]


@pytest.mark.parametrize(
    ("check", "odd", "codes"),
    [
        ([], [], []),
        ([], [Reason("odd")], []),
        ([Reason("wrong")], [Reason("odd")], ["wrong"]),
        ([Reason("so-so", severity="warning")], [], []),
        ([Reason("wrong"), Reason("so-so", severity="warning")], [], ["wrong"]),
    ],
)
def test_what_the_gate_would_say(check: list[Reason], odd: list[Reason], codes: list[str]) -> None:
    """Its errors, without what a person waives and without what only warns."""
    cast = Cast()
    cast.usually("check", check)
    cast.usually("odd", odd)

    assert asked(cast) == codes


@pytest.mark.parametrize("answer", [RuntimeError("no model"), None, "yes"])
def test_a_check_that_cannot_be_asked(answer: Any) -> None:  # noqa: ANN401 - whatever a check answers
    """Nobody knows what the gate would say, so nothing is sent."""
    cast = Cast()
    cast.usually("check", answer)
    cast.usually("odd", [])

    with pytest.raises(Mistake) as caught:
        asked(cast)
    assert caught.value.code == "E317"

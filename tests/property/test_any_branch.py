"""Whatever an order holds and whoever fails, each run through rules, routers and fan-outs ends once, in bounds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock import Reason, Reject
from penstock.assembly.plans import resolve
from penstock.testing import Pipeline
from penstock.testing.production import Production
from penstock.topology.compiler import compile_topology
from pipelines import check_order
from strategies import failures, orders_of_a_shop

TOPOLOGIES = Path(__file__).resolve().parents[1] / "branches" / "topology"
HOUR = 3_600
BOUNDED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


VOTE = "{policy: vote, field: amount, tie: reject}"
FALLING = {
    "attempts: {max: 1, timeout: 5s}, to: [gate]}": "attempts: {max: 1, timeout: 5s}, fallback: simply, to: [gate]}\n"
    '  simply: {kind: worker, run: "shop.workers:price", attempts: {max: 1, timeout: 5s}}',
    "code: negative}]": "code: negative}]\n    on_reject: {reruns: 1, fallback: true}",
    "tasks: 120": "tasks: 500",
}
VARIANTS: list[tuple[str, dict[str, str]]] = [
    *((name, {}) for name in ("rules", "meet", "lines", "parts", "advice", "intake")),
    ("advice", {VOTE: "{policy: first}"}),
    ("advice", {VOTE: "{policy: quorum, field: amount}"}),
    ("lines", FALLING),
]


@cache
def production(variant: int) -> Production:
    """A topology of the shop, some of its text replaced, compiled once."""
    name, changes = VARIANTS[variant]
    path = TOPOLOGIES / f"{name}.yaml"
    made = Production.of(path)
    text = path.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    if not changes:
        return made
    return Production(compile_topology(text.encode(), path.name, made.contracts, resolve), made.contracts)


def turn(pipeline: Pipeline, role: str, failure: str) -> Any:  # noqa: ANN401 - any answer
    """What a handler does: its work, or one of the ways not to."""
    return {
        "reject": Reject((Reason("no"),)),
        "raise": RuntimeError("boom"),
        "garbage": {"nonsense": 1} if pipeline.production.roles[role].kind == "worker" else ["nobody"],
    }.get(failure) or pipeline.real(role)


@pytest.mark.parametrize("variant", range(len(VARIANTS)))
@BOUNDED
@given(data=st.data(), orders=st.lists(orders_of_a_shop(), min_size=1, max_size=2), kills=st.integers(0, 2))
def test_every_run_ends_once(variant: int, data: st.DataObject, orders: list[dict[str, Any]], kills: int) -> None:
    """No join waits for what cannot come: everything has ended without any time that passed."""
    with Pipeline(production(variant), partitions=data.draw(st.integers(1, 2))) as pipeline:
        for role, found in pipeline.production.roles.items():
            if found.kind in {"worker", "router"}:
                failed = data.draw(st.lists(failures, max_size=3), label=role)
                pipeline.stub(role, *(turn(pipeline, role, failure) for failure in failed), pipeline.real(role))
        pipeline.send(*({**order, "id": f"o{at}"} for at, order in enumerate(orders)))
        for _ in range(kills):
            pipeline.processor.turn()
            pipeline.kill()
        pipeline.settle()

        ends = {status["run"] for status in pipeline.statuses() if status["terminal"]}
        assert len(ends) == len(orders), pipeline.statuses()
        check_order(pipeline)

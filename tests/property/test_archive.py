"""A plan that was written down is the plan that is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from penstock.assembly.plans import compile_file, resolve
from penstock.contracts.schemas import load as load_contracts
from penstock.errors import Mistake
from penstock.topology import digest
from penstock.topology.archive import dump, load
from penstock.topology.compiler import compile_topology
from penstock.topology.plan import Plan
from strategies import any_topology, grown_topology

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = load_contracts(ROOT / "schemas" / "avro")


def check(plan: Plan) -> None:
    """Read and written again it is the same, in all its parts, in the order of its steps, under the same digest."""
    again = load(dump(plan))

    assert again == plan
    assert list(again.steps) == list(plan.steps)
    assert [type(step) for step in again.steps.values()] == [type(step) for step in plan.steps.values()]
    assert digest.of(again) == plan.digest
    assert dump(again) == dump(plan)


@given(any_topology() | grown_topology())
def test_any_plan_is_read_as_it_was_written(topology: dict[str, Any]) -> None:
    """Whatever the compiler accepts."""
    try:
        plan = compile_topology(json.dumps(topology).encode(), "some.yaml", SCHEMAS, resolve)
    except Mistake:
        return
    check(plan)


@pytest.mark.parametrize("file", [ROOT / "topology" / f"{name}.yaml" for name in ("diagram", "triage")], ids=str)
def test_the_plans_that_come_along_are_read_as_they_were_written(file: Path) -> None:
    """With settings, weights and texts in other alphabets, as people write them."""
    check(compile_file(file))

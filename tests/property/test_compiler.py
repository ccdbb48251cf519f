"""What the compiler does with any file: a plan that keeps the rules, or mistakes with places, and nothing else."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from penstock.assembly.plans import resolve
from penstock.contracts.schemas import Schemas, load
from penstock.contracts.topics import INGRESS
from penstock.errors import Mistake
from penstock.topology.compiler import compile_topology
from penstock.topology.plan import Aggregator, Effect, Output, Plan, Validator, Worker
from strategies import any_topology, grown_topology, shuffled

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = load(ROOT / "schemas" / "avro", ROOT / "tests" / "branches" / "schemas" / "avro")
DIAGRAM = (ROOT / "topology" / "diagram.yaml").read_text(encoding="utf-8")
BOUNDED = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def compiled(data: bytes, contracts: Schemas = SCHEMAS) -> Plan:
    return compile_topology(data, "some.yaml", contracts, resolve)


def written(topology: dict[str, Any]) -> bytes:
    """As a file: JSON is YAML."""
    return json.dumps(topology, indent=1).encode()


def into(plan: Plan) -> dict[str, list[str]]:
    """For each step, the steps that lead to it; a fallback stands for the step it acts for."""
    leading: dict[str, list[str]] = {name: [] for name in plan.steps}
    for target in plan.ingress.to:
        leading[target].append(INGRESS)
    for step in plan.steps.values():
        if not isinstance(step, Effect | Output) and not (isinstance(step, Worker) and step.acts_for):
            for target in step.to:
                leading[target].append(step.name)
    return leading


def named(lead: str | dict[str, Any]) -> str:
    """The step that an edge leads to."""
    return lead if isinstance(lead, str) else str(lead["step"])


@BOUNDED
@given(any_topology() | grown_topology())
def test_a_random_graph_is_a_plan_or_mistakes(topology: dict[str, Any]) -> None:
    """No graph crashes the compiler, and every mistake has a code, a place in the file, and a fix."""
    data = written(topology)

    try:
        plan = compiled(data)
    except Mistake as mistake:
        lines = data.count(b"\n") + 1
        for one in (mistake, *mistake.others):
            assert one.place is not None
            assert 1 <= one.place.line <= lines
            assert one.code.startswith("E")
            assert one.fix
    else:
        assert set(plan.steps) == set(topology["steps"])


@BOUNDED
@given(grown_topology())
def test_what_grew_by_the_rules_compiles(topology: dict[str, Any]) -> None:
    """Files that are built under the rules are accepted: the properties below are not about an empty set."""
    plan = compiled(written(topology))

    assert plan.bound.tasks >= 1


@BOUNDED
@given(any_topology() | grown_topology())
def test_an_accepted_effect_stands_behind_validators_only(topology: dict[str, Any]) -> None:
    """Whatever leads to an effect in an accepted file is a validator."""
    try:
        plan = compiled(written(topology))
    except Mistake:
        reject()
    leading = into(plan)

    effects = [name for name, step in plan.steps.items() if isinstance(step, Effect)]
    assert all(leading[name] for name in effects)
    assert all(isinstance(plan.steps[source], Validator) for name in effects for source in leading[name])


@BOUNDED
@given(st.data(), grown_topology())
def test_taking_the_gate_away_is_noticed(data: st.DataObject, topology: dict[str, Any]) -> None:
    """Where what was before the gate leads to the effect itself, the file is refused, and says so."""
    steps = topology["steps"]
    gates = [name for name, step in steps.items() if step["kind"] == "validator"
             if any(steps[named(lead)]["kind"] == "effect" for lead in step["to"])]  # fmt: skip
    assume(gates)
    gate = data.draw(st.sampled_from(gates))
    judged = steps[steps[gate]["of"]]
    judged["to"] = steps.pop(gate)["to"]

    with pytest.raises(Mistake) as caught:
        compiled(written(topology))

    assert "E050" in {one.code for one in (caught.value, *caught.value.others)}


@BOUNDED
@given(grown_topology())
def test_a_step_runs_at_most_once_per_run(topology: dict[str, Any]) -> None:
    """In an accepted file only an aggregator has more than one predecessor, and those are its branches."""
    plan = compiled(written(topology))
    leading = into(plan)

    for name, step in plan.steps.items():
        if isinstance(step, Aggregator):
            assert sorted(leading[name]) == sorted(step.of)
        elif not (isinstance(step, Worker) and step.acts_for):
            assert len(leading[name]) == 1


@BOUNDED
@given(grown_topology())
def test_a_death_cuts_off_exactly_the_branches_that_cannot_come(topology: dict[str, Any]) -> None:
    """The `missing` tokens of a step are what a walk finds: dead branches of joins that still have a living one."""
    plan = compiled(written(topology))
    leading = into(plan)

    for name, step in plan.steps.items():
        if isinstance(step, Effect | Output) or (isinstance(step, Worker) and step.acts_for):
            continue
        alive = living_without(name, plan, leading)
        expected = {
            (join.name, branch)
            for join in plan.steps.values()
            if isinstance(join, Aggregator) and join.name in alive
            for branch in join.of
            if branch not in alive
        }
        assert set(step.ladder.missing) == expected


def living_without(dead: str, plan: Plan, leading: dict[str, list[str]]) -> set[str]:
    """The steps that can still get a message, by running through the graph until nothing changes."""
    alive = {INGRESS}
    while True:
        more = {name for name in plan.steps if name != dead and any(source in alive for source in leading[name])}
        if more <= alive:
            return alive
        alive |= more


@BOUNDED
@given(st.data(), grown_topology())
def test_the_digest_is_of_the_meaning(data: st.DataObject, topology: dict[str, Any]) -> None:
    """Comments, the order of keys, the description and deployment settings do not change the digest."""
    plan = compiled(written(topology))
    other = data.draw(shuffled(topology))
    other["description"] = data.draw(st.text("abc ", max_size=9)) + "."
    other["deploy"] = {"replicas": 3}
    text = written(other).decode().replace("{\n", "{ # a remark\n", 3)

    assert compiled(text.encode()).digest == plan.digest


@BOUNDED
@given(st.data(), grown_topology())
def test_another_meaning_is_another_digest(data: st.DataObject, topology: dict[str, Any]) -> None:
    """A changed number of attempts is a changed plan."""
    before = compiled(written(topology))
    workers = [name for name, step in topology["steps"].items() if step["kind"] == "worker"]
    topology["steps"][data.draw(st.sampled_from(workers))]["attempts"] = {"max": 4, "timeout": "7ms"}

    assert compiled(written(topology)).digest != before.digest


@BOUNDED
@given(st.data())
def test_a_mangled_file_is_a_plan_or_mistakes(data: st.DataObject) -> None:
    """Lines dropped, doubled, swapped or cut: still only a plan or mistakes."""
    lines = DIAGRAM.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at, other = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        change = data.draw(st.sampled_from(["drop", "double", "swap", "cut", "indent"]))
        if change == "drop" and len(lines) > 1:
            del lines[at]
        elif change == "double":
            lines.insert(at, lines[other])
        elif change == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif change == "cut":
            lines[at] = lines[at][: data.draw(st.integers(0, len(lines[at])))]
        else:
            lines[at] = " " * data.draw(st.integers(1, 5)) + lines[at]

    survives("\n".join(lines).encode())


@BOUNDED
@given(st.binary(max_size=200) | st.text("{}[]:,-?!&*|>%@`#'\" \n\tab01.\0\u2028", max_size=60).map(str.encode))
def test_any_bytes_are_mistakes(data: bytes) -> None:
    """Whatever the bytes are, there is no other exception than a Mistake."""
    survives(data)


def survives(data: bytes) -> None:
    with contextlib.suppress(Mistake):
        compiled(data)

"""What branching topologies are compiled to, worked out by hand: who is told what, how often things run, the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.assembly.plans import compile_file, contracts_beside, resolve
from penstock.cli.check import document
from penstock.errors import Mistake
from penstock.topology import render
from penstock.topology.bound import runs, terms
from penstock.topology.compiler import compile_topology
from penstock.topology.plan import Aggregator, Cut, Effect, Gather, Output, Plan

ROOT = Path(__file__).resolve().parents[2]
BRANCHES = ROOT / "tests" / "branches" / "topology"


def plan_of(name: str) -> Plan:
    """A topology of the shop."""
    return compile_file(BRANCHES / f"{name}.yaml")


def cuts(plan: Plan, name: str) -> set[Cut]:
    """What a step may call off."""
    step = plan.steps[name]
    assert not isinstance(step, Effect | Output)
    return set(step.branching.cuts)


def missing(plan: Plan, name: str) -> set[tuple[str, str]]:
    """Which joins hear of a step's death."""
    step = plan.steps[name]
    assert not isinstance(step, Effect | Output)
    return set(step.ladder.missing)


def test_what_a_rule_calls_off() -> None:
    """A branch is called off where the edge to it is not taken; what always comes is not."""
    plan = plan_of("rules")

    assert cuts(plan, "read") == {Cut("decide", "check", ("check",)), Cut("decide", "look", ("look",))}
    assert cuts(plan, "check") == cuts(plan, "decide") == set()


def test_what_a_choice_calls_off() -> None:
    """At home the join of those abroad does not begin, so nothing is called off there; `note` comes either way.

    If neither were taken, `decide` would not begin, and nobody would have to be told.
    """
    plan = plan_of("meet")

    either = ("home", "abroad")
    assert cuts(plan, "pick") == {Cut("decide", "home", ("home",), either), Cut("decide", "worst", ("abroad",), either)}


def test_whose_death_is_told() -> None:
    """Behind a choice no other path brings what a dead step would have: `note` is missing too."""
    plan = plan_of("meet")

    assert missing(plan, "pick") == set()
    assert missing(plan, "home") == {("decide", "home"), ("decide", "note")}
    assert missing(plan, "worst") == {("decide", "worst"), ("decide", "note")}
    assert missing(plan, "abroad") == {("decide", "worst"), ("decide", "note")}
    assert missing(plan, "first") == {("worst", "first")}


def test_an_item_is_missed_by_who_gathers() -> None:
    """A death inside a fan-out is told to the join outside, which goes on; one before it ends all that it led to."""
    plan = plan_of("lines")

    assert missing(plan, "price") == missing(plan, "gate") == {("bill", "gate")}
    assert missing(plan, "read") == set()
    assert cuts(plan, "gate") == {Cut("bill", "gate", ("bill",))}
    bill = plan.steps["bill"]
    assert isinstance(bill, Aggregator)
    assert bill.gather == Gather("lines", "gate", None, 0.5, 0)


def test_a_fan_out_multiplies() -> None:
    """Tasks, messages and money of everything inside are counted once for each item, a fan-out within one again."""
    plan = plan_of("parts")

    often = {"read": 1, "home": 1, "abroad": 1, "risks": 1, "line": 4, "weigh": 20, "price": 4, "weighed": 4,
             "heavy": 4, "light": 4}  # fmt: skip
    assert dict(runs(plan)) == often
    assert {term.step: term.tasks for term in terms(plan)} == {
        name: times for name, times in often.items() if name not in {"risks", "heavy", "light"}
    }
    assert plan.bound.tasks == 1 + 1 + 1 + 4 + 20 + 4 + 4


def test_edges_are_drawn() -> None:
    """On what an edge depends stands beside the step that it leads to, in the tree and in the document."""
    lines, rules = plan_of("lines"), plan_of("rules")

    tree = [line.lstrip("├─└│ ") for line in (*render.tree(lines), *render.tree(rules))]
    assert "price  for each of lines, at most 3  worker  1 x 5s  → shop.Priced" in tree
    assert "pass  otherwise  worker  1 x 5s  → shop.Checked" in tree
    assert any(line.startswith("check  when value.total > 100.0  worker") for line in tree)
    edges = document(lines, Path("lines.yaml"))["edges"]
    assert isinstance(edges, list)
    assert {"from": "read", "to": "price", "contract": "shop.Line", "each": "lines", "most": 3} in edges
    assert {"from": "read", "to": "check", "contract": "shop.Order"} in edges
    assert json.loads(json.dumps(document(lines, Path("lines.yaml"))))["steps"][5]["gather"]["field"] == "lines"


def test_mermaid_takes_any_rule() -> None:
    """Quotes inside a rule do not end the label."""
    assert (
        '  read -->|"shop.Order<br/>when value.total > 100.0"| check' in render.mermaid(plan_of("rules")).splitlines()
    )


@pytest.mark.parametrize("name", ["rules", "meet", "lines", "parts"])
def test_a_page_fits_a_terminal(name: str) -> None:
    """Whatever an edge asks, no line is wider than 80 columns."""
    assert max(map(len, render.page(plan_of(name)).splitlines())) <= 80


@pytest.mark.parametrize("lost", ["to: [check, {step: price, each: lines, most: 3}]", "to: [bills]", "to: [gate]"])
def test_a_circle_or_a_loose_end_is_only_that(lost: str) -> None:
    """What stands behind it is not looked at: one mistake, and no fault of ours."""
    text = (BRANCHES / "lines.yaml").read_text(encoding="utf-8")
    data = text.replace(lost, "to: [price]" if "gate" in lost else "to: [read]" if "bills" in lost else "").encode()

    with pytest.raises(Mistake) as caught:
        compile_topology(data, "lines.yaml", contracts_beside(BRANCHES / "lines.yaml"), resolve)

    assert {one.code for one in (caught.value, *caught.value.others)} & {"E041", "E042", "E043", "E044"}

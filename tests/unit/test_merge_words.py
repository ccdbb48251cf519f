"""Merges as people read them, and what they add to a plan."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from penstock.errors import Mistake
from penstock.topology import render
from penstock.topology.bound import terms
from penstock.topology.compiler import compile_topology
from penstock.topology.contracts import Record
from penstock.topology.draft import MergeDraft
from penstock.topology.merge_fit import MergeFitting
from penstock.topology.merge_words import words
from penstock.topology.plan import Aggregator, Plan
from penstock.topology.report import At, Report, Spot
from penstock.topology.wanted import POLICIES
from pipelines import Cast, contracts

PAGE = Path(__file__).resolve().parents[2] / "docs" / "merge-policies.md"
TEXT = """
pipeline: poll
limits: {deadline: 1m, tasks: 60, cost: 1 USD}
ingress: {contract: diagram.Job, event_id: id, to: [b, c, d]}
steps:
  b: {kind: worker, run: "cast:b", writes: diagram.Second, attempts: {max: 1, timeout: 5s}, to: [join]}
  c: {kind: worker, run: "cast:c", writes: diagram.Second, attempts: {max: 1, timeout: 5s}, to: [join]}
  d: {kind: worker, run: "cast:d", writes: diagram.Second, attempts: {max: 1, timeout: 5s}, to: [join]}
  join: {kind: aggregator, of: [b, c, d], merge: MERGE, writes: diagram.Second, to: [out]}
  out: {kind: output, key: id}
  arbiter: {kind: worker, run: "cast:arbiter", cost: 0.02 USD, attempts: {max: 2, timeout: 20s, backoff: [1s]}}
"""
ASKED = "{policy: judge, field: label, judge: arbiter}"


def compiled(merge: str) -> Plan:
    """A join of three under this policy; the judge only where one is asked."""
    text = TEXT if "arbiter" in merge else TEXT[: TEXT.index("  arbiter")]
    return compile_topology(text.replace("MERGE", merge).encode(), "t.yaml", contracts(), Cast().resolve)


def mistakes(merge: str) -> list[str]:
    """What is wrong with a join of three under this policy."""
    try:
        compiled(merge)
    except Mistake as mistake:
        return [one.code for one in (mistake, *mistake.others)]
    return []


def join_of(plan: Plan) -> Aggregator:
    """The one aggregator."""
    join = plan.steps["join"]
    assert isinstance(join, Aggregator)
    return join


@pytest.mark.parametrize(
    ("merge", "said"),
    [
        ("{policy: all}", "all"),
        ("{policy: any}", "whichever are there"),
        ("{policy: first}", "the first to come"),
        ("{policy: quorum, field: label}", "as soon as 2 agree on label"),
        ("{policy: vote, field: [label, id], tie: reject}", "vote on label and id, 2 must agree"),
        ("{policy: vote, field: score, tie: {prefer: [d]}, tolerance: 0.5, missing: {at_least: 2}}",
         "vote on score, 2 must agree, within 0.5, a tie goes to the first of d, b, c, 2 of 3 must be there"),
        ("{policy: weighted, field: label, tie: first, weight: score, threshold: 0.6}",
         ("vote on label weighted by score, 0.6 of the weight must agree, a tie goes to the first of b, c, d, "
          "none may be missing")),
        ("{policy: weighted, field: label, tie: reject, weights: {b: 2, c: 1, d: 1}, missing: ignore}",
         "vote on label weighted b 2, c 1, d 1, 0.5 of the weight must agree"),
        ("{policy: mean, field: score, spread: {absolute: 1, relative: 0.1}, missing: ignore}",
         "mean of score, at most 1 or 0.1 of the larger apart"),
        ("{policy: prefer, order: [c]}", "the first that is there of c, b, d"),
        (ASKED, "all agree on label, else arbiter judges, none may be missing"),
    ],
)  # fmt: skip
def test_a_policy_in_words(merge: str, said: str) -> None:
    """What it does, what it compares, and what a tie and a missing branch mean, where that is not the usual."""
    assert ", ".join(words(join_of(compiled(merge)))) == said


def test_a_judge_is_drawn_and_counted() -> None:
    """Below its join, dashed in Mermaid; its attempts, its cost and its round are in the bound."""
    plan, without = compiled(ASKED), compiled("{policy: any}")

    assert "else arbiter  worker  2 x 20s  ≤ 0.02 USD each" in [line.strip() for line in render.tree(plan)]
    assert "  join -.->|judge| arbiter" in render.mermaid(plan)
    assert {term.step: (term.tasks, term.messages) for term in terms(plan)}["arbiter"] == (2, 3 + 4)  # it may wait once
    assert plan.bound.tasks == without.bound.tasks + 2
    assert plan.bound.cost_usd == pytest.approx(0.04)
    assert plan.bound.wall_ms - without.bound.wall_ms == 60_000 + 15_000  # a round, and a longer last call
    arbiter = plan.steps["arbiter"]
    assert (arbiter.reads, arbiter.acts_for) == ("penstock.MergeConflict", "join")  # type: ignore[union-attr]  # a worker


def test_late_branches_are_counted() -> None:
    """All but one may come after an early conclusion, each with an event of its own."""
    assert {term.step: term.messages for term in terms(compiled("{policy: first}"))}["join"] == 1 + 1 + 2


def test_a_mean_does_not_fit_a_whole_number() -> None:
    """Where the join's contract holds an int, a mean would be cut: E067 says so."""
    fields = {name: [{"name": "count", "type": kind}] for name, kind in (("int", "int"), ("double", "double"))}
    records = {
        name: Record(f"t.{name}", {"type": "record", "name": name, "namespace": "t", "fields": one}, {})
        for name, one in fields.items()
    }
    report = Report("t.yaml")
    merge = MergeDraft(Spot(), "mean", fields=(At("count", Spot(3, 7)),))
    for target in records.values():
        MergeFitting(merge, {"a": records["int"], "b": records["double"]}, target, Spot(), report).check()

    assert [(mistake.code, mistake.place and mistake.place.line) for mistake in report.found] == [("E067", 3)]


def test_the_page_on_policies_shows_what_compiles() -> None:
    """Every `merge:` in it is of the right form; only its names are another pipeline's."""
    shown = re.findall(r"^ *merge: (\{.*\})", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    another = {"E040", "E053", "E063", "E065", "E067", "E073", "E080"}  # steps, gates, branches, fields, modules

    assert set(re.findall(r"policy: (\w+)", " ".join(shown))) == set(POLICIES)
    assert {code for merge in shown for code in mistakes(merge)} <= another

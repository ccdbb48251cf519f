"""The rules of gates: effects only behind them, nothing beside them that runs twice, decisions only through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.contracts.topics import INGRESS
from penstock.topology.report import At, Report, Spot

if TYPE_CHECKING:
    from penstock.topology.branching import Branches
    from penstock.topology.draft import Draft, StepDraft
    from penstock.topology.graph import Graph


def check(draft: Draft, branches: Branches, report: Report) -> None:
    """Hold the rules without which an effect could go ungated, a step run twice or a decision get lost."""
    graph = branches.graph
    for name, step in draft.steps.items():
        if step.kind == "effect":
            _gated(draft, graph, name, report)
        if step.kind == "validator":
            _of_a_judge(draft, graph, step, report)
        if (asked := asks_people(step)) is not None:
            _decidable(draft, graph, step, asked, report)
            _joins_need_not_wait(graph.acts_for.get(name, name), asked, branches, report)


def asks_people(step: StepDraft) -> Spot | None:
    """Where a step says that people may be asked when it is dead, or None."""
    if step.review is not None and step.review.value:
        return step.review.spot
    tie = step.merge.tie if step.merge else None
    return tie.spot if tie is not None and tie.value == "review" else None


def gate_of(draft: Draft, graph: Graph, name: str) -> str | None:
    """The validator through which a decision about a step re-enters: the step's only successor, or the step itself."""
    name = graph.acts_for.get(name, name)
    step = draft.steps[name]
    if step.kind == "validator":
        return name
    after = [edge.target for edge in graph.out_of[name]]
    judged = len(after) == 1 and _judges(draft.steps[after[0]], name)
    each = judged and graph.out_of[name][0].way.each  # it judges items, and a decision is about the whole
    return after[0] if judged and not each and step.kind in {"worker", "aggregator"} else None


def asked_again(draft: Draft, graph: Graph, name: str) -> str | None:
    """The worker that can be run once more when a step is dead: it, or what it judges, where nothing else follows."""
    step = draft.steps[name]
    if step.kind == "validator":
        judged = [of.value for of in step.of if of.value in draft.steps and draft.steps[of.value].kind == "worker"]
        return next((of for of in judged if gate_of(draft, graph, of) == name), None)
    if step.kind != "worker" or gate_of(draft, graph, name) is None:
        return None
    main = graph.acts_for.get(name, name)
    return main if draft.steps[main].kind == "worker" else name


def _judges(step: StepDraft, name: str) -> bool:
    return step.kind == "validator" and any(of.value == name for of in step.of)


def _gated(draft: Draft, graph: Graph, name: str, report: Report) -> None:
    for edge in graph.into[name]:
        source = None if edge.source == INGRESS else draft.steps[edge.source].kind
        if source not in {"validator", None}:
            report.add("E050", edge.spot, name=name, source=f"the {source} “{edge.source}”")


def _of_a_judge(draft: Draft, graph: Graph, gate: StepDraft, report: Report) -> None:
    """What a gate asks of the step it judges: a fallback or another try, each of which would fan out once more."""
    fallback = gate.ask_fallback if gate.ask_fallback and gate.ask_fallback.value else None
    reruns = gate.reruns if gate.reruns and gate.reruns.value else None
    asked = fallback or reruns
    for judged in (draft.steps[of.value] for of in gate.of if of.value in draft.steps):
        if fallback is not None:
            _fallback_of_judged(gate, judged, fallback, report)
        if reruns is not None and judged.kind not in {"worker", None}:
            article = "an" if judged.kind[0] in "aeo" else "a"
            report.add("E079", reruns.spot, name=gate.name, of=judged.name, kind=judged.kind, article=article)
        for edge in graph.out_of[judged.name] if asked is not None else ():
            what, spot = "fallback" if fallback else "re-run", asked.spot if asked else edge.spot
            if edge.target == gate.name and edge.way.each:
                report.add("E099", spot, name=gate.name, of=judged.name, what=what)
            if edge.target != gate.name:
                report.add("E051", edge.spot, name=judged.name, other=edge.target, gate=gate.name, what=what)


def _fallback_of_judged(gate: StepDraft, judged: StepDraft, asked: At[bool], report: Report) -> None:
    joined = judged.kind == "aggregator"  # what it may have is a judge, who is asked about conflicts only
    if (judged.fallback is None or joined) and not judged.broken:
        advice = "remove this" if joined else f"give “{judged.name}” a `fallback:`, or remove this"
        report.add("E060", asked.spot, name=gate.name, of=judged.name, advice=advice)


def _decidable(draft: Draft, graph: Graph, step: StepDraft, asked: Spot, report: Report) -> None:
    if gate_of(draft, graph, step.name) is None:
        report.add("E053", asked, name=step.name)


def _joins_need_not_wait(name: str, asked: Spot, branches: Branches, report: Report) -> None:
    if pairs := branches.missing.get(name):
        join, branch = pairs[0]
        report.add("E054", asked, name=name, join=join, branch=branch)

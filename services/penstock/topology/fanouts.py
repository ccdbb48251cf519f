"""Which steps run once for each item of a list, and where the items come together again."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from penstock.topology.plan import MOST_ITEMS

if TYPE_CHECKING:
    from penstock.topology.branching import Branches, Scope
    from penstock.topology.draft import Draft, StepDraft
    from penstock.topology.graph import Edge
    from penstock.topology.report import Report, Spot

_MOST_TASKS = 10_000  # some 70 bytes each, in a record of 1 MB that remembers the run


def check(draft: Draft, branches: Branches, report: Report) -> None:
    """Hold that paths that meet run equally often, but for a join that gathers the items of one branch."""
    _hold(draft, branches, report)
    _not_too_many(branches, report)


def _hold(draft: Draft, branches: Branches, report: Report) -> None:
    for name in branches.graph.order:
        step = draft.steps[name]
        into = branches.graph.into[name]
        for edge in into:
            if edge.way.each and step.kind == "aggregator":
                report.add("E032", edge.spot, name=name, trouble="is for each item, but it is an aggregator",
                           advice="put a worker in between, and gather what it makes of the items")  # fmt: skip
            _equally_long(edge, branches, report)
        if step.gather is not None:
            _gathers(step, step.gather.spot, branches, report)
        elif step.kind is not None:
            _run_equally_often(step, branches, report)
        scope = branches.scopes[name]
        if scope and into[0].way.each and (most := items(scope)) > MOST_ITEMS:
            report.add("E098", into[0].spot, who=f"“{name}”", most=most, allowed=MOST_ITEMS)


def _not_too_many(branches: Branches, report: Report) -> None:
    """The tasks of all items together still fit into what is remembered of a run."""
    inside = [scope for name, scope in branches.scopes.items() if scope]
    if (most := sum(map(items, inside))) > _MOST_TASKS and not report.has("E098"):
        who = "the steps of all fan-outs together"
        report.add("E098", min(scope[0].spot for scope in inside), who=who, most=most, allowed=_MOST_TASKS)


def items(scope: Scope) -> int:
    """How often a step in this scope may run."""
    return prod(edge.way.most for edge in scope)


def _equally_long(edge: Edge, branches: Branches, report: Report) -> None:
    """Edges on which the same list goes item by item are one fan-out, of one size."""
    scope = branches.scope_of(edge)
    if edge.way.each and scope[-1].way.most != edge.way.most:
        said = f"says most: {edge.way.most}, and the edge to “{scope[-1].target}” says {scope[-1].way.most}"
        report.add("E032", edge.spot, name=edge.target, trouble=said,
                   advice="say the same for all edges of a list: its items meet again by their number")  # fmt: skip


def _gathers(step: StepDraft, spot: Spot, branches: Branches, report: Report) -> None:
    inside = branches.inside(step.name)
    depth = len(branches.scopes[step.name]) + 1
    if len(inside) != 1:
        found = ", ".join(edge.source for edge in inside) or "none of its branches"
        report.add("E096", spot, name=step.name, found=found)
    elif len(branches.scope_of(inside[0])) > depth:
        report.add("E096", spot, name=step.name, found=f"{inside[0].source}, within two of them,")


def _run_equally_often(step: StepDraft, branches: Branches, report: Report) -> None:
    first, *others = branches.graph.into[step.name]
    for edge in others:
        if branches.scope_of(edge) != branches.scope_of(first):
            report.add("E095", max(first.spot, edge.spot), name=step.name, first=first.source, second=edge.source)
            return

"""One topology file in, one frozen plan out, or every mistake of the file at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.topology import assemble, bound, digest, document, fanouts, gates, grammar, handlers, siblings, wiring
from penstock.topology.branching import Branches
from penstock.topology.fit import Fitting
from penstock.topology.report import Report

if TYPE_CHECKING:
    from penstock.topology.contracts import Contracts
    from penstock.topology.draft import Draft
    from penstock.topology.handlers import Resolve
    from penstock.topology.plan import Plan
    from penstock.topology.siblings import Siblings


def compile_topology(data: bytes, file: str, contracts: Contracts, resolve: Resolve, beside: Siblings = tuple) -> Plan:
    """Compile the content of a topology file; `file` names it in mistakes.

    `resolve` finds the object behind `module:attribute`, or raises ImportError. `beside` finds the files of the
    pipelines that this one may hand over to. Raises Mistake: the first mistake of
    the file, with all others in `others`, in the file's order.
    """
    report = Report(file)
    draft = grammar.draft(document.read(data, report), report)
    plan = _checked(draft, contracts, resolve, beside, report) if draft is not None else None
    report.settle()
    if plan is None:
        raise AssertionError("a file without a plan has a mistake")
    return plan


def _checked(draft: Draft, contracts: Contracts, resolve: Resolve, beside: Siblings, report: Report) -> Plan | None:
    """Hold every rule; each stage looks at what the ones before it could make sense of."""
    graph = wiring.connect(draft, report)
    joins = {name: step for name, step in draft.steps.items() if step.kind == "aggregator"}
    branches = Branches(graph, joins, (name for name, step in joins.items() if step.gather))
    wiring.check(draft, branches, report)
    fanouts.check(draft, branches, report)
    handlers.check(draft, resolve, report)
    gates.check(draft, branches, report)
    said = Fitting(draft, branches, contracts, report).check()
    siblings.check(draft, said, beside, report)
    if report.found:
        return None
    plan = assemble.plan(draft, branches, said)
    plan = replace(plan, bound=bound.fold(plan, branches), digest=digest.of(plan))
    bound.hold(plan, graph, draft, report)
    return plan

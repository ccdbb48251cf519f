"""The edges of a plan as routes."""

from __future__ import annotations

from penstock.contracts.routes import Outlet, Route, Routes
from penstock.contracts.topics import INGRESS, Topics
from penstock.topology.plan import Aggregator, Effect, Output, Plan


def routes_of(plan: Plan, name: str) -> Routes:
    """Every edge out of a step, or out of the ingress."""
    topics = Topics(plan.pipeline)
    if name == INGRESS:
        source, successors = INGRESS, plan.ingress.to
    else:
        step = plan.steps[name]
        source = getattr(step, "acts_for", None) or name
        successors = () if isinstance(step, Effect | Output) else step.to
    steps = []
    outlets = []
    for successor in successors:
        target = plan.steps[successor]
        if isinstance(target, Output):
            outlets.append(Outlet(successor, topics.output(successor), target.key, target.reads))
        else:
            branch = source if isinstance(target, Aggregator) else ""
            steps.append(Route(successor, topics.step(successor), branch))
    return Routes(source, tuple(steps), tuple(outlets))

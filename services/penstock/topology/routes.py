"""The edges of a plan as routes."""

from __future__ import annotations

from penstock.contracts.routes import ALWAYS, Outlet, Route, Routes, Skip
from penstock.contracts.topics import INGRESS, Topics
from penstock.topology.plan import Aggregator, Branching, Cut, Effect, Output, Plan


def routes_of(plan: Plan, name: str) -> Routes:
    """Every edge out of a step, or out of the ingress."""
    topics = Topics(plan.pipeline)
    if name == INGRESS:
        source, successors, branching = INGRESS, plan.ingress.to, Branching()
    else:
        step = plan.steps[name]
        if isinstance(step, Effect | Output):
            return Routes(name)
        source, successors, branching = getattr(step, "acts_for", None) or name, step.to, step.branching
    steps = []
    outlets = []
    for successor in successors:
        target, way = plan.steps[successor], branching.ways.get(successor, ALWAYS)
        if isinstance(target, Output):
            outlets.append(Outlet(successor, topic_of(plan, successor), target.key, target.reads, way))
        else:
            branch = source if isinstance(target, Aggregator) else ""
            steps.append(Route(successor, topics.step(successor), branch, way))
    return Routes(source, tuple(steps), tuple(outlets), _skips(topics, branching.cuts), _counts(topics, branching))


def topic_of(plan: Plan, output: str) -> str:
    """Where an output is written: its own topic, or the door of another pipeline."""
    step = plan.steps[output]
    into = step.into if isinstance(step, Output) else ""
    return Topics(into).intake if into else Topics(plan.pipeline).output(output)


def handed_over(plan: Plan) -> list[str]:
    """The doors of other pipelines that this one writes to; they are there once those are applied."""
    return sorted({topic_of(plan, n) for n, step in plan.steps.items() if isinstance(step, Output) and step.into})


def skips_of(plan: Plan, name: str) -> tuple[Route, ...]:
    """The branches that get nothing when all branches of a join are called off, and with them the join itself."""
    topics = Topics(plan.pipeline)
    step = plan.steps[name]
    missing = () if isinstance(step, Output | Effect) else step.ladder.missing
    return tuple(Route(join, topics.step(join), branch) for join, branch in missing)


def _skips(topics: Topics, cuts: tuple[Cut, ...]) -> tuple[Skip, ...]:
    branches = (Route(cut.join, topics.step(cut.join), cut.branch) for cut in cuts)
    return tuple(Skip(b, frozenset(cut.by), frozenset(cut.needs)) for b, cut in zip(branches, cuts, strict=True))


def _counts(topics: Topics, branching: Branching) -> dict[str, tuple[Route, ...]]:
    return {
        target: tuple(Route(join, topics.step(join), branch) for join, branch in pairs)
        for target, pairs in branching.counts.items()
    }

"""How long a join waits for its branches, where the topology does not say: until none of them can come any more."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.topology.plan import Aggregator, Effect, Output, Plan, Validator, Worker


def rounds(plan: Plan, join: Aggregator) -> int:
    """How many re-runs, fallbacks and judges may hold up a branch while another is there; each opens a round.

    A fallback before the branches part delays them all, and their envelopes carry the later deadline. Items part where
    they are counted.
    """
    behind = [_behind(plan, branch) for branch in (*join.of, *_counting(plan, join))]
    apart = set[str]().union(*behind) - set[str].intersection(*behind)
    return sum(_commands(plan, name) for name in apart)


def _counting(plan: Plan, join: Aggregator) -> Iterator[str]:
    """The step that sends a join the number of the items that it gathers."""
    for step in plan.steps.values():
        if not isinstance(step, Effect | Output):
            pairs = [pair for pairs in step.branching.counts.values() for pair in pairs]
            if any(name == join.name for name, _ in pairs):
                yield step.name


def _behind(plan: Plan, name: str) -> set[str]:
    """A step and all steps that lead to it."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        step = ahead.pop()
        if step not in found:
            found.add(step)
            ahead += _before(plan, step)
    return found


def _before(plan: Plan, name: str) -> Iterator[str]:
    for step in plan.steps.values():
        if not isinstance(step, Effect | Output) and name in step.to:
            yield step.name


def _commands(plan: Plan, name: str) -> int:
    """How many rounds a step's ladder may open."""
    step = plan.steps.get(name)
    if isinstance(step, Validator):
        return step.ladder.reruns
    return int(isinstance(step, Worker | Aggregator) and step.ladder.fallback is not None)

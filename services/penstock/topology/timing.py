"""How long the work of a run may take, queues aside: attempts, pauses and waits along the longest path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.topology.plan import Aggregator, Output, Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.topology.graph import Graph
    from penstock.topology.plan import Step


@dataclass(frozen=True, slots=True)
class Path:
    """Steps one after the other, and the longest their work may take."""

    ms: int
    steps: tuple[str, ...]


def work_ms(step: Step) -> int:
    """The longest a step may work on one task: every attempt timing out, with the pauses between."""
    if isinstance(step, Aggregator | Output):
        return 0
    tries = step.attempts
    last = len(tries.backoff_ms) - 1
    pauses = sum(tries.backoff_ms[min(at, last)] for at in range(tries.max - 1)) if tries.backoff_ms else 0
    return tries.max * tries.timeout_ms + pauses


def longest(steps: Mapping[str, Step], graph: Graph) -> Path:
    """The slowest path through the graph, where no step falls back; a join waits no longer than it says."""
    ends: dict[str, int] = {}
    via: dict[str, str] = {}
    for name in graph.order:
        step = steps[name]
        before = {edge.source: ends[edge.source] for edge in graph.into[name] if edge.source in ends}
        slowest = max(before, key=before.__getitem__, default="")
        begin = before.get(slowest, 0)
        if isinstance(step, Aggregator) and step.wait_ms is not None:
            begin = min(begin, min(before.values(), default=0) + step.wait_ms)
        ends[name], via[name] = begin + work_ms(step), slowest
    last = max(ends, key=ends.__getitem__, default="")
    return Path(ends.get(last, 0), _back(last, via)[::-1])


def longest_after_fallback(steps: Mapping[str, Step], graph: Graph) -> Path:
    """The slowest path that begins with a fallback: a round of its own, under a deadline of its own."""
    remaining: dict[str, int] = {}
    via: dict[str, str] = {}
    for name in reversed(graph.order):
        after = {edge.target: remaining[edge.target] for edge in graph.out_of[name] if edge.target in remaining}
        via[name] = max(after, key=after.__getitem__, default="")
        remaining[name] = work_ms(steps[name]) + after.get(via[name], 0)
    slowest = Path(0, ())
    for step in steps.values():
        if isinstance(step, Worker) and step.acts_for in remaining and step.acts_for is not None:
            ms = work_ms(step) + remaining[step.acts_for] - work_ms(steps[step.acts_for])
            slowest = max(slowest, Path(ms, (step.name, *_back(via[step.acts_for], via))), key=lambda path: path.ms)
    return slowest


def _back(name: str, via: Mapping[str, str]) -> tuple[str, ...]:
    path = []
    while name:
        path.append(name)
        name = via[name]
    return tuple(path)

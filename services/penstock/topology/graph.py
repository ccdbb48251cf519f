"""The graph behind a draft: edges, circles, an order, what is reached, and which edges are alternatives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from penstock.contracts.routes import ALWAYS, Way
from penstock.contracts.topics import INGRESS
from penstock.topology.report import Spot


@dataclass(frozen=True, slots=True, eq=False)  # each is made once, and known by being itself
class Edge:
    """One entry of a `to:` that names a step which exists.

    `routed` where a handler says which edges are taken, `choice` where it takes exactly one.
    """

    source: str
    target: str
    spot: Spot
    way: Way = ALWAYS
    choice: bool = False
    routed: bool = False

    @property
    def sometimes(self) -> bool:
        """Whether some values do not take it."""
        return self.routed or self.way.conditional

    def excludes(self, other: Edge) -> bool:
        """Whether no value takes both of two edges out of one step."""
        if self.target == other.target:
            return False
        when = (self.way.when and other.way.otherwise) or (self.way.otherwise and other.way.when)
        return self.choice or bool(when)


@dataclass(frozen=True)
class Graph:
    """Steps in the file's order and the edges between them; `acts_for` names the step each fallback replaces."""

    names: tuple[str, ...]
    edges: tuple[Edge, ...]
    acts_for: Mapping[str, str]

    @cached_property
    def into(self) -> Mapping[str, tuple[Edge, ...]]:
        """The edges that lead to each step."""
        return _grouped(self.names, ((edge.target, edge) for edge in self.edges))

    @cached_property
    def out_of(self) -> Mapping[str, tuple[Edge, ...]]:
        """The edges that leave each step, and `ingress`."""
        return _grouped((INGRESS, *self.names), ((edge.source, edge) for edge in self.edges))

    @cached_property
    def reached(self) -> frozenset[str]:
        """Every step that a run can come to, fallbacks among them."""
        seen: set[str] = set()
        ahead = [edge.target for edge in self.out_of[INGRESS]]
        acting = {main: fallback for fallback, main in self.acts_for.items()}
        while ahead:
            name = ahead.pop()
            if name not in seen:
                seen.add(name)
                ahead += [edge.target for edge in self.out_of[name]]
                ahead += [acting[name]] if name in acting else []
        return frozenset(seen)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The reached steps, each behind all that lead to it; what stands in or behind a circle is left out."""
        waiting = {name: len(self.into[name]) for name in self.names}
        ahead, done = [INGRESS], []
        for source in ahead:  # grows while it is read
            done.append(source)
            for edge in self.out_of[source]:
                waiting[edge.target] -= 1
                if not waiting[edge.target]:
                    ahead.append(edge.target)
        return tuple(done[1:])

    def circles(self) -> Iterable[tuple[Edge, tuple[str, ...]]]:
        """Each edge that closes a circle, with the circle's steps from where it begins to where it returns."""
        done: set[str] = set()
        for start in self.names:
            trail = {} if start in done else {start: iter(self.out_of[start])}  # in the order walked
            while trail:
                here = next(reversed(trail))
                edge = next(trail[here], None)
                if edge is None:
                    done.add(here)
                    del trail[here]
                elif edge.target in trail:
                    walked = list(trail)
                    yield edge, (*walked[walked.index(edge.target) :], edge.target)
                elif edge.target not in done:
                    trail[edge.target] = iter(self.out_of[edge.target])


def _grouped(keys: Iterable[str], pairs: Iterable[tuple[str, Edge]]) -> dict[str, tuple[Edge, ...]]:
    lists: dict[str, list[Edge]] = {key: [] for key in keys}
    for key, edge in pairs:
        lists[key].append(edge)
    return {key: tuple(edges) for key, edges in lists.items()}

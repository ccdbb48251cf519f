"""Which paths exclude each other, and which joins have to be told where a step or an edge brings nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from penstock.contracts.topics import INGRESS
from penstock.topology.plan import Cut

if TYPE_CHECKING:
    from penstock.topology.graph import Edge, Graph

Pairs: TypeAlias = tuple[tuple[str, str], ...]
Scope: TypeAlias = tuple["Edge", ...]
"""The fan-outs that a step stands in, each by its first edge, the outermost first."""


class _Death(NamedTuple):
    """What gets nothing any more."""

    edges: set[Edge]
    steps: set[str]


class Branches:
    """A graph with its joins, asked about what can come together and what cannot come any more.

    `gathers` are the joins that stand outside a fan-out and take its items.
    """

    def __init__(self, graph: Graph, joins: Iterable[str] = (), gathers: Iterable[str] = ()) -> None:
        self.graph = graph
        self.joins = frozenset(joins)
        self.gathers = frozenset(gathers)
        self._place = {name: at for at, name in enumerate((INGRESS, *graph.order))}
        self._apart: set[tuple[Edge, Edge]] = set()
        self._together: set[tuple[Edge, Edge]] = set()

    @cached_property
    def scopes(self) -> Mapping[str, Scope]:
        """The scope of each ordered step; where its paths disagree, the shallowest of theirs."""
        found: dict[str, Scope] = {INGRESS: ()}
        for name in self.graph.order:
            scopes = [self.scope_of(edge, found) for edge in self.graph.into[name]]
            shallow = min(scopes, key=len)
            only_items = name in self.gathers and all(scope == shallow for scope in scopes)
            found[name] = shallow[:-1] if only_items else shallow
        return found

    def scope_of(self, edge: Edge, known: Mapping[str, Scope] | None = None) -> Scope:
        """The scope of what travels on an edge."""
        before = (self.scopes if known is None else known)[edge.source]
        return (*before, self._fan(edge)) if edge.way.each else before

    def _fan(self, edge: Edge) -> Edge:
        """The first of the edges on which a step sends the items of the same list: they are one fan-out."""
        return next(one for one in self.graph.out_of[edge.source] if one.way.each == edge.way.each)

    def meets(self, name: str) -> bool:
        """Whether two edges into a step could both be taken."""
        into = self.graph.into[name]
        return any(not self.apart(one, other) for at, one in enumerate(into) for other in into[at + 1 :])

    def apart(self, one: Edge, other: Edge) -> bool:
        """Whether no run (and no item) takes both edges.

        The one whose step comes later is only taken after an edge into that step, so it is enough that the other
        excludes all of these. A pair from which none can be reached that goes together is apart.
        """
        if (one, other) in self._together:
            return False
        ahead, seen = [(one, other)], set["tuple[Edge, Edge]"]()
        while ahead:
            pair = ahead.pop()
            if pair in seen or pair in self._apart:
                continue
            seen.add(pair)
            further = self._earlier(*pair)
            if further is None:
                self._together.add((one, other))
                return False
            ahead += further
        self._apart |= seen
        return True

    def _earlier(self, one: Edge, other: Edge) -> list[tuple[Edge, Edge]] | None:
        """What has to be apart instead; nothing for alternatives, None for edges that go together."""
        if one.source == other.source:
            return [] if one.excludes(other) else None
        if self._place[one.source] > self._place[other.source]:
            one, other = other, one
        return [(one, before) for before in self.causes(other.source)]

    def causes(self, name: str) -> tuple[Edge, ...]:
        """The edges of which one must be taken for a step to run: a gathering join runs without any item."""
        into = self.graph.into.get(name, ())
        if name not in self.gathers:
            return into
        inside = self.inside(name)
        return (*(edge for edge in into if edge not in inside), *(self.scopes[edge.source][-1] for edge in inside))

    def inside(self, name: str) -> tuple[Edge, ...]:
        """The edges that bring the items of a fan-out to the join outside that gathers them."""
        if name not in self.gathers or name not in self.scopes:
            return ()
        depth = len(self.scopes[name])
        return tuple(edge for edge in self.graph.into[name] if len(self.scope_of(edge)) > depth)

    @cached_property
    def missing(self) -> Mapping[str, Pairs]:
        """For each ordered step the (join, branch) pairs that get nothing once it is dead, where the join goes on."""
        found: dict[str, Pairs] = dict.fromkeys(self.graph.names, ())
        for name in reversed(self.graph.order):
            after = self.graph.out_of[name]
            if len(after) == 1 and self._follows(after[0]):
                found[name] = found[after[0].target]  # the one dies with the other
            elif after:
                death = self._death(name, after)
                found[name] = tuple(sorted(self._pair(edge) for edge in self._told(death)))
        return found

    def cuts(self, name: str) -> tuple[Cut, ...]:
        """The branches that a step may have to call off, by the edges it takes."""
        sometimes = [edge for edge in self.graph.out_of[name] if edge.sometimes]
        if not sometimes:
            return ()
        death = self._death(name, sometimes)
        reach = {edge.target: self._beyond(edge) for edge in sometimes}
        cuts = []
        for edge in sorted(death.edges, key=self._pair):
            if edge.target in self.joins:
                by = tuple(target for target, beyond in reach.items() if edge in beyond.edges)
                needs = tuple(target for target, beyond in reach.items() if edge.target in beyond.steps)
                if edge.target not in death.steps:
                    cuts.append(Cut(*self._pair(edge), by))
                elif set(needs) > set(by):
                    cuts.append(Cut(*self._pair(edge), by, needs))
        return tuple(cuts)

    def counts(self, name: str) -> Mapping[str, Pairs]:
        """The pairs that gather the items of each fan-out of a step, by the step that the items go to."""
        gathered = [edge for join in sorted(self.gathers & self.scopes.keys()) for edge in self.inside(join)]
        return {
            fan.target: tuple(self._pair(edge) for edge in gathered if self.scopes[edge.source][-1] == fan)
            for fan in self.graph.out_of[name]
            if fan.way.each
        }

    @cached_property
    def skipped(self) -> frozenset[tuple[str, str]]:
        """The pairs that may be called off: by a step that takes other edges, or by a join that is called off itself.

        An item that is called off inside a fan-out leaves the branch that brings the others as it is.
        """
        depth = {name: len(scope) for name, scope in self.scopes.items()}
        found = {(cut.join, cut.branch) for name in self.graph.order for cut in self.cuts(name)
                 if depth[name] <= depth[cut.join]}  # fmt: skip
        for name in self.graph.order:
            if name in self.joins and all((name, edge.source) in found for edge in self.graph.into[name]):
                found |= set(self.missing[name])
        return frozenset(found)

    @cached_property
    def _before_joins(self) -> frozenset[str]:
        """The ordered steps that are joins or lead to one: nothing else has to be told, whatever dies."""
        ahead, found = [name for name in self.graph.order if name in self.joins], set[str]()
        while ahead:
            name = ahead.pop()
            if name not in found and name in self.scopes:
                found.add(name)
                ahead += [edge.source for edge in self.graph.into.get(name, ())]
        return frozenset(found)

    def _follows(self, edge: Edge) -> bool:
        """Whether an edge is the only way to a step, which runs as often."""
        return len(self.graph.into[edge.target]) == 1 and edge.target not in self.joins and not edge.way.each

    def _pair(self, edge: Edge) -> tuple[str, str]:
        return edge.target, edge.source

    def _told(self, death: _Death) -> list[Edge]:
        return [edge for edge in death.edges if edge.target in self.joins and edge.target not in death.steps]

    def _death(self, name: str, edges: Iterable[Edge]) -> _Death:
        """What gets nothing once a step has run and brings nothing on these edges.

        A step dies when all that could begin it is dead, or cannot come in a run in which the step `name` has run. A
        join lives on in that case: who decided against its other branches has told it, and it waits for the rest.
        """
        dead, steps, seen = set(edges), set[str](), set[str]()
        ahead = [self._place[edge.target] for edge in dead if edge.target in self._before_joins]
        heapify(ahead)
        while ahead:
            at = heappop(ahead)  # in their order, so that all that led to it is decided
            step = self.graph.order[at - 1]
            if step in seen:
                continue
            seen.add(step)
            alive = [cause for cause in self.causes(step) if cause not in dead]
            if alive and (step in self.joins or not all(self._excluded(cause, name) for cause in alive)):
                continue
            steps.add(step)
            for after in self.graph.out_of[step]:
                dead.add(after)
                if after.target in self._before_joins:
                    heappush(ahead, self._place[after.target])
        return _Death(dead, steps)

    def _excluded(self, edge: Edge, name: str) -> bool:
        """Whether an edge cannot be taken in a run in which a step has run."""
        causes = self.causes(name)
        return bool(causes) and all(self.apart(edge, cause) for cause in causes)

    def _beyond(self, edge: Edge) -> _Death:
        """Everything that an edge leads to, itself included."""
        edges, steps, ahead = set["Edge"](), set[str](), [edge]
        while ahead:
            edge = ahead.pop()
            if edge not in edges:
                edges.add(edge)
                steps.add(edge.target)
                ahead += self.graph.out_of[edge.target]
        return _Death(edges, steps)

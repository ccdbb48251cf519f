"""Whatever edges are taken and whatever dies, a join that hears of one branch hears of all, each once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from penstock.contracts.routes import Way
from penstock.contracts.topics import INGRESS
from penstock.topology.branching import Branches
from penstock.topology.graph import Edge, Graph
from penstock.topology.report import Spot
from strategies import branching_graphs

_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
BOUNDED = settings(max_examples=300, deadline=None, suppress_health_check=_SLOW)


@dataclass
class Walk:
    """One run through a graph: what chance decides at each step, and what the joins were told."""

    branches: Branches
    data: st.DataObject
    heard: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    ran: dict[str, int] = field(default_factory=dict)

    def run(self) -> None:
        """From the ingress on, each step once all that could lead to it has spoken: the graph has no circle."""
        self.leave(INGRESS)
        for name in self.branches.graph.order:
            if name in self.branches.joins:
                self.join(name)
            elif self.ran.get(name):
                self.leave(name)

    def join(self, name: str) -> None:
        """A join that heard anything concludes, or passes on that it was called off."""
        said = self.heard.get(name, {})
        if not said:
            return
        if all(words == ["skip"] for words in said.values()):
            self.tell("skip", self.branches.missing[name])
        else:
            self.ran[name] = 1
            self.leave(name)

    def leave(self, name: str) -> None:
        """A step dies, or takes some of its edges and calls off what these do not lead to."""
        edges = self.branches.graph.out_of[name]
        if name != INGRESS and self.data.draw(st.integers(0, 5)) == 0:
            self.tell("missing", self.branches.missing[name])
            return
        taken = self.taken(edges)
        for edge in edges:
            if edge.target in taken and edge.target in self.branches.joins:
                self.tell("value", [(edge.target, name)])
            elif edge.target in taken:
                self.ran[edge.target] = self.ran.get(edge.target, 0) + 1
        cuts = self.branches.cuts(name) if name != INGRESS else ()
        pairs = [(c.join, c.branch) for c in cuts if not taken & {*c.by} and (not c.needs or taken & {*c.needs})]
        self.tell("skip", pairs)

    def taken(self, edges: tuple[Edge, ...]) -> set[str]:
        """What a value takes: plain edges, some whose rule holds or else the others, the one or more of a router."""
        if edges and edges[0].choice:
            return {self.data.draw(st.sampled_from(edges)).target}
        if edges and edges[0].routed:
            return {edge.target for edge in self.data.draw(st.sets(st.sampled_from(edges), min_size=1))}
        held = {edge.target for edge in edges if edge.way.when and self.data.draw(st.booleans())}
        rest = set() if held else {edge.target for edge in edges if edge.way.otherwise}
        return held | rest | {edge.target for edge in edges if not edge.sometimes}

    def tell(self, word: str, pairs: Any) -> None:  # noqa: ANN401 - pairs in any order
        """Joins hear something about a branch."""
        for join, branch in pairs:
            self.heard.setdefault(join, {}).setdefault(branch, []).append(word)


@BOUNDED
@given(branching_graphs(), st.data())
def test_a_join_hears_of_all_branches_or_of_none(shape: tuple[Graph, frozenset[str]], data: st.DataObject) -> None:
    """Values, deaths and what was called off: one word for each branch, and no step runs twice."""
    graph, joins = shape
    branches = Branches(graph, joins)
    assume(not any(branches.meets(name) for name in graph.order if name not in joins))
    walk = Walk(branches, data)

    walk.run()

    assert all(times == 1 for times in walk.ran.values())
    for join, said in walk.heard.items():
        assert {branch: len(words) for branch, words in said.items()} == {e.source: 1 for e in graph.into[join]}, said


def test_two_rules_are_no_alternatives() -> None:
    """Only `otherwise` excludes a rule, and one successor of a router the others."""
    spot = Spot()
    when, also, rest = (Edge("a", name, spot, way) for name, way in
                        (("b", Way(when="x")), ("c", Way(when="y")), ("d", Way(otherwise=True))))  # fmt: skip
    one, other = (Edge("a", name, spot, choice=True, routed=True) for name in "bc")

    assert not when.excludes(also)
    assert when.excludes(rest)
    assert rest.excludes(also)
    assert one.excludes(other)
    assert not one.excludes(one)

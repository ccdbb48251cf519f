"""Which step leads to which: names that exist, no circles, no loose ends, one path to each step, sound fallbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from penstock.contracts.routes import ALWAYS, Way
from penstock.contracts.topics import INGRESS
from penstock.topology import merge_branches
from penstock.topology.graph import Edge, Graph
from penstock.topology.report import At, Report, nearest
from penstock.topology.wanted import WANTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from penstock.topology.branching import Branches
    from penstock.topology.draft import Draft, Lead, StepDraft

Named = TypeVar("Named", "At[str]", "Lead")
_CHAIN = 2  # a step and its fallback
_HOLES = ("E018", "E030", "E031", "E040", "E047", "E055", "E058", "E059")  # edges are unknown: no end is surely loose


def connect(draft: Draft, report: Report) -> Graph:
    """The graph of a draft, without the edges and fallbacks that cannot be; each of these is reported."""
    edges = list(_edges(draft, report))
    acts_for = _fallbacks(draft, {edge.target for edge in edges}, report)
    kept = [edge for edge in edges if _in_the_graph(edge, acts_for, report)]
    _declared_by_fallbacks(draft, acts_for, report)
    return Graph(tuple(draft.steps), tuple(kept), acts_for)


def check(draft: Draft, branches: Branches, report: Report) -> None:
    """Hold the wiring's rules that need the whole graph."""
    graph = branches.graph
    ordered, reached = set(graph.order), graph.reached - set(graph.acts_for)
    for edge, circle in graph.circles():
        report.add("E041", edge.spot, circle=" -> ".join(circle))
    for name, step in draft.steps.items():
        if step.kind not in {"aggregator", None} and name in ordered and branches.meets(name):
            sources = " and ".join(f"“{edge.source}”" for edge in graph.into[name])
            report.add("E048", sorted(edge.spot for edge in graph.into[name])[1], name=name, sources=sources)
        if step.kind == "aggregator":
            _of_a_join(step, graph, report)
        if step.kind == "validator":
            _of_a_gate(step, graph, report)
        if (rest := [lead for lead in step.to if lead.otherwise]) and not any(lead.when for lead in step.to):
            report.add("E087", rest[0].spot, name=name)
        if step.kind == "worker" and name in reached and not step.writes and not step.broken:
            why, example = WANTED["writes"]
            report.add("E024", step.spot, where=f"step “{name}”", key="writes", why=why, example=example)
    if not report.has(*_HOLES) and not any(step.broken for step in draft.steps.values()):
        _loose_ends(draft, graph, report)


def _edges(draft: Draft, report: Report) -> Iterator[Edge]:
    if draft.ingress is not None:
        for target in _known(draft, "ingress", draft.ingress.to, report):
            kind = draft.steps[target.value].kind
            if kind in {"worker", "router", None}:
                yield Edge(INGRESS, target.value, target.spot)
            else:
                report.add("E047", target.spot, kind=kind, name=target.value)
    for name, step in draft.steps.items():
        for target in _known(draft, f"step “{name}”", step.to, report):
            if target.value == name:
                report.add("E042", target.spot, name=name)
            else:
                choice = step.kind == "router" and not step.many
                yield Edge(name, target.value, target.spot, _way(target), choice, routed=step.kind == "router")
        for named in (step.of, (step.fallback,) if step.fallback else ()):
            list(_known(draft, f"step “{name}”", named, report))


def _way(lead: Lead) -> Way:
    """On what an edge depends, without the contract of its items, which is not known yet."""
    if lead.plain:
        return ALWAYS
    when, each = lead.when.value if lead.when else "", lead.each.value if lead.each else ""
    return Way(when, lead.otherwise, each, lead.most)


def _known(draft: Draft, where: str, names: Iterable[Named], report: Report) -> Iterator[Named]:
    """The names that exist, each once."""
    seen: set[str] = set()
    for name in names:
        if name.value in seen:
            report.add("E045", name.spot, name=name.value)
        elif name.value in draft.steps:
            yield name
        else:
            known = ", ".join(draft.steps) or "none"
            advice = nearest(name.value, draft.steps, "name a step of this file")
            report.add("E040", name.spot, where=where, name=name.value, known=known, advice=advice)
        seen.add(name.value)


def _fallbacks(draft: Draft, in_graph: set[str], report: Report) -> dict[str, str]:
    """Each sound fallback with the step it acts for; chains, doubles and other kinds are reported."""
    asking = [name for name, step in draft.steps.items() if step.fallback and step.fallback.value in draft.steps]
    asking.sort(key=lambda name: name not in in_graph)  # a chain begins in the graph
    acts_for: dict[str, str] = {}
    walked: set[str] = set()
    for name in asking:
        if name in walked:
            continue
        chain = _chain(name, draft)
        walked.update(chain)
        if len(chain) > _CHAIN:
            second = draft.steps[chain[1] if chain[1] != name else name].fallback
            report.add("E055", second.spot if second else draft.steps[name].spot, chain=" -> ".join(chain))
        named = draft.steps[name].fallback
        if named is not None and chain[1] != name:
            _fallback(draft, name, named, acts_for, report)
    return acts_for


def _chain(name: str, draft: Draft) -> list[str]:
    """The fallbacks from a step on: to the one that has none, or to the first that comes again."""
    chain = [name]
    while (step := draft.steps[chain[-1]]).fallback and step.fallback.value in draft.steps:
        chain.append(step.fallback.value)
        if chain.count(chain[-1]) > 1:
            return chain if len(chain) > _CHAIN else [*chain, chain[-1]]
    return chain


def _fallback(draft: Draft, name: str, named: At[str], acts_for: dict[str, str], report: Report) -> None:
    kind = draft.steps[named.value].kind
    if kind not in {"worker", None}:
        article = "an" if kind[0] in "aeo" else "a"
        code = "E086" if draft.steps[name].kind == "aggregator" else "E056"
        report.add(code, named.spot, name=named.value, kind=kind, article=article)
    elif named.value in acts_for:
        report.add("E057", named.spot, name=named.value, first=acts_for[named.value], second=name)
    else:
        acts_for[named.value] = name


def _in_the_graph(edge: Edge, acts_for: dict[str, str], report: Report) -> bool:
    if edge.target in acts_for:
        report.add("E058", edge.spot, name=edge.target, source=edge.source)
    return edge.target not in acts_for and edge.source not in acts_for


def _declared_by_fallbacks(draft: Draft, acts_for: dict[str, str], report: Report) -> None:
    for name, main in acts_for.items():
        if "to" in draft.steps[name].keys:
            report.add("E059", draft.steps[name].keys["to"], name=name, key="to", of=main)


def _of_a_join(step: StepDraft, graph: Graph, report: Report) -> None:
    leading = {edge.source for edge in graph.into[step.name]}
    declared = {name.value for name in step.of}
    for name in step.of:
        if name.value in graph.names and name.value not in leading:
            report.add("E049", name.spot, name=step.name, difference=f"“{name.value}” does not lead to it")
    if step.merge is not None:
        merge_branches.check(step, step.merge, report)
    if step.of_spot and (forgotten := sorted(leading - declared)) and not step.broken:
        report.add("E049", step.of_spot, name=step.name, difference=f"{', '.join(forgotten)} is missing")


def _of_a_gate(step: StepDraft, graph: Graph, report: Report) -> None:
    leading = [edge.source for edge in graph.into[step.name]]
    for of in step.of:
        if of.value in graph.names and leading and of.value not in leading:
            sources = " and ".join(f"“{name}”" for name in leading)
            report.add("E052", of.spot, name=step.name, of=of.value, sources=sources,
                       advice=f"write `of: {leading[0]}`, or let “{of.value}” lead to it")  # fmt: skip


def _loose_ends(draft: Draft, graph: Graph, report: Report) -> None:
    for name, step in draft.steps.items():
        if name not in graph.reached and not graph.into[name] and name not in graph.acts_for:
            report.add("E043", step.spot, name=name)
        ends = step.kind in {"effect", "output"} or name in graph.acts_for
        if name in graph.reached and not ends and not step.to:
            report.add("E044", step.to_spot or step.spot, name=name)

"""Every Hypothesis strategy of the tests, room by room."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from hypothesis import strategies as st

from penstock.contracts.envelope import Envelope
from penstock.contracts.records import EventKind, RunEvent, Terminal
from penstock.contracts.routes import Way
from penstock.topology.graph import Edge, Graph
from penstock.topology.report import Spot

# --- topologies ---------------------------------------------------------------------------------------------------

_NAMES = ["a", "b", "c", "d", "e", "f"]
_CONTRACTS = ["diagram.Job", "diagram.Scored", "diagram.Second", "diagram.Result", "diagram.Nothing", "shop.Order",
              "shop.Line", "shop.Bill"]  # fmt: skip
_HANDLERS = ["diagram.workers:score", "diagram.workers:second", "broken.handlers:Sink", "broken.handlers:NUMBER"]

names = st.sampled_from(_NAMES)
edges = st.lists(names, max_size=3)
leads = st.lists(
    names
    | st.fixed_dictionaries(
        {"step": names},
        optional={
            "when": st.sampled_from(
                ["value.score > 0.5", "value.number > 1.0", "value.nothing == 1", "value.total > 1.0"]
            ),
            "otherwise": st.booleans(),
            "each": st.sampled_from(["lines", "parts", "score"]),
            "most": st.integers(0, 20),
        },
    ),
    max_size=3,
)
handlers = st.sampled_from(_HANDLERS)
contracts = st.sampled_from(_CONTRACTS)
durations = st.sampled_from(["1ms", "200ms", "5s", "2m", "1h"])
attempts = st.fixed_dictionaries(
    {"max": st.integers(0, 4), "timeout": durations}, optional={"backoff": st.lists(durations, max_size=2)}
)
checks = st.lists(
    st.sampled_from(
        [
            {"rule": "value.score >= 0.0", "code": "low"},
            {"rule": "value.number > 1.0", "code": "small", "path": "/number"},
            {"run": "broken.handlers:check"},
            {"rule": "value.nothing == 1", "code": "never"},
        ]
    ),
    max_size=2,
)
on_reject = st.fixed_dictionaries(
    {}, optional={"fallback": st.booleans(), "review": st.booleans(), "reruns": st.integers(0, 3)}
)
merges = st.sampled_from(
    [
        {"policy": "all"},
        {"policy": "all", "run": "diagram.workers:together"},
        {"policy": "vote", "field": "label", "tie": "reject"},
        {"policy": "vote", "field": "label", "tie": "review", "min_agree": 2},
        {"policy": "any"},
        {"policy": "first"},
        {"policy": "quorum", "field": ["label", "id"]},
        {"policy": "weighted", "field": "label", "tie": {"prefer": ["a"]}, "weights": {"a": 1, "b": 0.5}},
        {"policy": "weighted", "field": "score", "tie": "first", "weight": "score", "tolerance": 0.1},
        {"policy": "mean", "field": "score", "spread": {"relative": 0.5}, "missing": "ignore"},
        {"policy": "prefer", "order": ["b"], "missing": {"at_least": 2}},
        {"policy": "judge", "field": "label", "judge": "c"},
        {"policy": "judge", "field": "nothing", "tolerance": 1},
    ]
)
_kinds: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "worker": (
        {"run": handlers},
        {"writes": contracts, "reads": contracts, "to": leads, "fallback": names, "review": st.booleans(),
         "attempts": attempts, "cost": st.sampled_from(["0 USD", "0.01 USD"])},
    ),
    "router": ({"run": handlers}, {"many": st.booleans(), "reads": contracts, "to": leads, "attempts": attempts}),
    "validator": ({"of": names, "checks": checks}, {"to": leads, "on_reject": on_reject}),
    "aggregator": (
        {"of": edges, "merge": merges, "writes": contracts},
        {"to": leads, "wait": durations, "review": st.booleans(), "gather": st.sampled_from(["lines", "parts"])},
    ),
    "effect": ({"run": handlers}, {"to": leads}),
    "output": ({"key": st.sampled_from(["id", "number", "nothing"])}, {"contract": contracts}),
}  # fmt: skip


@st.composite
def any_step(draw: st.DrawFn) -> dict[str, Any]:
    """A step of any kind whose keys are known and whose names may exist: the graph behind it is anything."""
    kind = draw(st.sampled_from(sorted(_kinds)))
    needed, optional = _kinds[kind]
    return {"kind": kind, **draw(st.fixed_dictionaries(needed, optional=optional))}


@st.composite
def any_topology(draw: st.DrawFn) -> dict[str, Any]:
    """A file of the right form around a random graph; hardly any compiles."""
    steps = draw(st.dictionaries(names, any_step(), min_size=1))
    ingress = {"contract": draw(contracts), "event_id": "id", "to": draw(st.lists(names, min_size=1, max_size=2))}
    limits = {"deadline": draw(durations), "tasks": draw(st.integers(1, 200)), "cost": "1 USD"}
    return {"pipeline": "p", "limits": limits, "ingress": ingress, "steps": steps}


_SOUND: list[dict[str, Any]] = [
    {"policy": "all"},
    {"policy": "first"},
    {"policy": "vote", "field": "label", "tie": "reject"},
    {"policy": "quorum", "field": "label"},
    {"policy": "judge", "field": "label"},
]


class _Grown:
    """Grows a topology from its ingress, each step under one rule or another: most of them compile."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw, self.steps = draw, dict[str, Any]()

    def name(self) -> str:
        return f"s{len(self.steps)}"

    def worker(self, depth: int) -> str:
        """A worker, alone or judged, with or without a fallback, and all that follows it."""
        name = self.name()
        step: dict[str, Any] = {"kind": "worker", "run": "diagram.workers:score", "writes": "diagram.Scored"}
        step["attempts"] = {"max": self.draw(st.integers(1, 3)), "timeout": "1s"}
        self.steps[name] = step
        if self.draw(st.booleans()):
            fallback = self.name()
            self.steps[fallback] = {"kind": "worker", "run": "diagram.workers:score"}
            step["fallback"] = fallback
        step["to"] = [self.gate(name, depth)] if self.draw(st.booleans()) else self.after(depth)
        return name

    def gate(self, judged: str, depth: int) -> str:
        name = self.name()
        step: dict[str, Any] = {"kind": "validator", "of": judged, "checks": [{"run": "broken.handlers:check"}]}
        self.steps[name] = step
        on_reject: dict[str, Any] = {}
        if "fallback" in self.steps[judged]:
            on_reject["fallback"] = self.draw(st.booleans())
        if self.steps[judged]["kind"] == "worker":
            on_reject["reruns"] = self.draw(st.integers(0, 2))
        step["on_reject"] = on_reject
        step["to"] = self.after(depth, gated=True)
        return name

    def after(self, depth: int, *, gated: bool = False) -> list[Any]:
        """One or two steps that follow: ends, workers, or two branches and their join."""
        if depth and self.draw(st.booleans()):
            return self.diamond(depth - 1)
        return self.either([self.one(depth, gated=gated) for _ in range(self.draw(st.integers(1, 2)))])

    def either(self, after: list[str]) -> list[Any]:
        """The steps as they are, or one of two by a rule."""
        if len(after) == 1 or self.draw(st.booleans()):
            return list(after)
        return [{"step": after[0], "when": "value.score > 0.5"}, {"step": after[1], "otherwise": True}]

    def one(self, depth: int, *, gated: bool) -> str:
        if depth and self.draw(st.booleans()):
            return self.worker(depth - 1)
        name = self.name()
        effect = {"kind": "effect", "run": "broken.handlers:Sink"}
        self.steps[name] = effect if gated and self.draw(st.booleans()) else {"kind": "output", "key": "id"}
        return name

    def diamond(self, depth: int) -> list[str]:
        """Two or three chains of workers, one perhaps with a smaller join inside, and the join of them all."""
        first, last = zip(*(self.chain() for _ in range(self.draw(st.integers(2, 3)))), strict=True)
        if self.draw(st.booleans()):
            last = (self.join(last[:2]), *last[2:])
        join = self.join(last)
        self.steps[join]["to"] = [self.gate(join, depth)] if self.draw(st.booleans()) else self.after(depth)
        return list(first)

    def chain(self) -> tuple[str, str]:
        """The first and the last of one to three workers in a row."""
        chain = []
        for _ in range(self.draw(st.integers(1, 3))):
            chain.append(self.name())
            self.steps[chain[-1]] = {"kind": "worker", "run": "diagram.workers:second", "writes": "diagram.Second"}
        for name, after in itertools.pairwise(chain):
            self.steps[name]["to"] = [after]
        return chain[0], chain[-1]

    def join(self, branches: Sequence[str]) -> str:
        """An aggregator of these steps, which lead to nothing else."""
        merge = dict(self.draw(st.sampled_from(_SOUND)))
        if merge["policy"] == "judge":
            merge["judge"] = self.name() + "-judge"
            self.steps[merge["judge"]] = {"kind": "worker", "run": "diagram.workers:second"}
        join = self.name()
        self.steps[join] = {"kind": "aggregator", "of": list(branches), "merge": merge, "writes": "diagram.Second"}
        for name in branches:
            self.steps[name]["to"] = [join]
        return join


@st.composite
def grown_topology(draw: st.DrawFn) -> dict[str, Any]:
    """A file that compiles: grown from its ingress by the rules, with generous limits."""
    grown = _Grown(draw)
    first = grown.worker(draw(st.integers(0, 2)))
    ingress = {"contract": "diagram.Job", "event_id": "id", "to": [first]}
    limits = {"deadline": "24h", "tasks": 100_000, "cost": "0 USD"}
    return {"pipeline": "p", "limits": limits, "ingress": ingress, "steps": grown.steps}


_WAYS = (Way(), Way(), Way(when="value.score > 0.5"), Way(otherwise=True))


@st.composite
def branching_graphs(draw: st.DrawFn) -> tuple[Graph, frozenset[str]]:
    """A graph of steps that take their edges by rules, by choice or always, with its joins; paths may meet wrongly."""
    steps = [f"s{at}" for at in range(draw(st.integers(3, 9)))]
    joins = frozenset(name for name in steps[2:] if draw(st.integers(0, 2)) == 0)
    edges = [Edge("ingress", steps[0], Spot())]
    for at, name in enumerate(steps[1:], start=1):
        sources = draw(
            st.sets(st.sampled_from(steps[max(0, at - 4) : at]), min_size=1, max_size=3 if name in joins else 2)
        )
        edges += [Edge(source, name, Spot(at + 1)) for source in sorted(sources)]
    kinds = {name: draw(st.sampled_from(["rules", "rules", "one", "some"])) for name in steps if name not in joins}
    return Graph(tuple(steps), tuple(_made(draw, edge, kinds.get(edge.source, "")) for edge in edges), {}), joins


def _made(draw: st.DrawFn, edge: Edge, kind: str) -> Edge:
    if edge.source == "ingress":
        return edge
    if kind in {"one", "some"}:
        return replace(edge, choice=kind == "one", routed=True)
    return replace(edge, way=draw(st.sampled_from(_WAYS)))


@st.composite
def shuffled(draw: st.DrawFn, value: Any) -> Any:  # noqa: ANN401 - a topology as plain data
    """The same data with the keys of every mapping in another order; lists stay as they are."""
    if isinstance(value, dict):
        keys = draw(st.permutations(sorted(value)))
        return {key: draw(shuffled(value[key])) for key in keys}
    if isinstance(value, list):
        return [draw(shuffled(below)) for below in value]
    return value


# --- orders of the shop in tests/branches ---

failures = st.sampled_from(["real", "real", "reject", "raise", "garbage"])
_parts = st.lists(st.fixed_dictionaries({"id": st.just("p"), "grams": st.integers(0, 9)}), max_size=6)
_lines = st.fixed_dictionaries(
    {
        "id": st.just("l"),
        "sku": st.sampled_from("abc"),
        "price": st.floats(-1, 9),
        "count": st.integers(0, 3),
        "parts": _parts,
    }
)


def orders_of_a_shop() -> st.SearchStrategy[dict[str, Any]]:
    """What a customer wants, possibly more of it than is allowed."""
    totals = st.sampled_from([-1.0, 0.0, 50.0, 200.0, 900.0])
    fields = {"country": st.sampled_from(["DE", "FR"]), "total": totals, "lines": st.lists(_lines, max_size=6)}
    return st.fixed_dictionaries(fields)


# --- run events ---------------------------------------------------------------------------------------------------

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=90)
_longs = st.integers(-(2**63), 2**63 - 1)
_ints = st.integers(-(2**31), 2**31 - 1)
_reasons = st.fixed_dictionaries(
    {**dict.fromkeys(("code", "message", "path", "expected", "actual", "hint"), _texts),
     "severity": st.sampled_from(["info", "warning", "error"]), "retryable": st.booleans()}
)  # fmt: skip


def run_events() -> st.SearchStrategy[RunEvent]:
    """Any run event the schema allows, whether or not a step would write it."""
    names = ("run", "event", "step", "task", "item", "plan", "input", "outcome", "sha256", "version")
    dead = st.fixed_dictionaries(
        {"reasons": st.lists(_reasons, max_size=2), "letter": _texts, "origin": _texts, "judged": st.booleans(),
         "suggestion": st.none() | st.binary()}
    )  # fmt: skip
    ruling = st.fixed_dictionaries(dict.fromkeys(("review", "decision", "verdict", "by", "note"), _texts))
    return st.fixed_dictionaries(  # type: ignore[return-value]  # field for field a RunEvent
        {
            **dict.fromkeys(names, _texts),
            "kind": st.sampled_from(get_args(EventKind)),
            **dict.fromkeys(("round", "attempt"), _ints),
            **dict.fromkeys(("at", "deadline"), _longs),
            "ended": st.lists(_texts, max_size=3),
            "spawned": st.lists(st.fixed_dictionaries(dict.fromkeys(("task", "step", "item"), _texts)), max_size=3),
            "cost_usd": st.floats(),
            "dead": st.none() | dead,
            "ruling": st.none() | ruling,
        }
    )


# --- joins --------------------------------------------------------------------------------------------------------

BRANCHES = ("b", "c", "d")
labels = st.sampled_from(["x", "y", "z"])
said = st.one_of(st.none(), labels)  # None: the branch is missing


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[dict[str, str | None], list[str], list[str]]:
    """What three branches say, and two orders in which they may arrive, some of them twice or more."""
    voices = {name: draw(said) for name in BRANCHES}
    orders = []
    for _ in range(2):
        repeats = draw(st.lists(st.sampled_from(BRANCHES), max_size=4))
        orders.append(draw(st.permutations([*BRANCHES, *repeats])))
    return voices, orders[0], orders[1]


# --- merges -------------------------------------------------------------------------------------------------------

TOLERANCE = 0.25
FIRST = "{policy: first}"
QUORUMS = [
    "{policy: quorum, field: label}",
    "{policy: quorum, field: label, min_agree: 3}",
    "{policy: quorum, field: score, tolerance: 0.25}",
]
PATIENT = [
    "{policy: all}",
    "{policy: any}",
    "{policy: vote, field: label, tie: reject}",
    "{policy: vote, field: label, min_agree: 1, tie: first}",
    "{policy: vote, field: label, min_agree: 1, tie: {prefer: [d]}, missing: {at_least: 2}}",
    "{policy: vote, field: score, tie: reject, tolerance: 0.25}",
    "{policy: vote, field: score, tie: first, tolerance: {relative: 0.1}}",
    "{policy: vote, field: [label, score], tie: reject, tolerance: 0.25}",
    "{policy: weighted, field: label, tie: reject, weights: {b: 0.1, c: 0.2, d: 0.3}}",
    "{policy: weighted, field: label, tie: first, weight: score, threshold: 0.7, missing: ignore}",
    "{policy: mean, field: score, spread: 0.5, tolerance: 0.1}",
    "{policy: mean, field: [score, number], spread: {relative: 0.5}, missing: ignore}",
    "{policy: prefer, order: [d, b]}",
    "{policy: prefer, order: [c], field: score, tolerance: 0.25, missing: {at_least: 2}}",
    "{policy: judge, field: label, judge: arbiter}",
    "{policy: judge, field: score, judge: arbiter, tolerance: 0.25, missing: ignore}",
]
Voice = dict[str, Any] | None
scores_of_any_kind = st.one_of(
    st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.3 - 0.1, 0.5, 1.0, -1.0]), st.floats(allow_nan=True, allow_infinity=True)
)


@st.composite
def voices(draw: st.DrawFn) -> dict[str, Voice]:
    """What each of three branches says under `diagram.Second`, with any numbers; None where it is missing."""
    said: dict[str, Voice] = {}
    for name in BRANCHES:
        value = {
            "id": "e",
            "number": draw(scores_of_any_kind),
            "score": draw(scores_of_any_kind),
            "label": draw(labels),
        }
        said[name] = value if draw(st.integers(0, 3)) else None
    return said


@st.composite
def hearings(draw: st.DrawFn) -> list[str]:
    """An order in which three branches are heard, some of them twice or more."""
    repeats = draw(st.lists(st.sampled_from(BRANCHES), max_size=4))
    return draw(st.permutations([*BRANCHES, *repeats]))


noises = st.lists(st.floats(-TOLERANCE / 2, TOLERANCE / 2), min_size=3, max_size=3)
_plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=3), st.binary(max_size=3)
)
anything = st.recursive(
    _plain,
    lambda below: st.one_of(st.lists(below, max_size=2), st.dictionaries(st.text(max_size=2), below, max_size=2)),
    max_leaves=4,
)
strange = st.none() | st.fixed_dictionaries(dict.fromkeys(("id", "number", "score", "label"), anything))

# --- runs ---------------------------------------------------------------------------------------------------------

marks = st.lists(
    st.sampled_from(
        ["succeeded", "succeeded_by_fallback", "resolved_by_human", "rejected", "expired", "cancelled", "failed"]
    )
)
Happening = tuple[list[str], list[str], int]  # tasks that ended, tasks that began, attempts


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Happening], list[Happening]]:
    """What happened in a run from its first task, and the same with some of it told again, at any later time."""
    waiting, made, history = ["t0"], 1, list[Happening]()
    while waiting and len(history) < 12:
        ended = draw(st.lists(st.sampled_from(waiting), min_size=1, max_size=2, unique=True))
        fresh = [f"t{made + at}" for at in range(draw(st.integers(0, 2)))]
        made += len(fresh)
        waiting = [task for task in waiting if task not in ended] + fresh
        history.append((ended, fresh, draw(st.integers(0, 3))))
    told = list(history)
    for at in draw(st.lists(st.integers(0, len(history) - 1), max_size=5)):
        first = told.index(history[at])
        told.insert(draw(st.integers(first + 1, len(told))), history[at])
    return history, told


def endings() -> st.SearchStrategy[list[Terminal]]:
    """How parts of a run have ended."""
    return marks  # type: ignore[return-value]  # drawn from the terminal states


# --- formats ------------------------------------------------------------------------------------------------------

event_ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
_words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=40)
envelopes = st.builds(
    Envelope,
    run=st.uuids().map(str),
    event=event_ids,
    task=st.binary(min_size=8, max_size=8).map(bytes.hex),
    item=event_ids,
    source=_words,
    attempt=st.integers(0, 1_000),
    round=st.integers(0, 1_000),
    address=st.builds("{}[{}]@{}".format, _words, st.integers(0, 999_999), st.integers(0, 2**63 - 1)),
    digest=st.binary(min_size=8, max_size=8).map(bytes.hex),
    deadline=st.integers(0, 2**53),
)
gaps = st.one_of(st.just(1), st.integers(1, 300), st.integers(1, 2**40))

# --- whole runs ---------------------------------------------------------------------------------------------------

ACTORS = ("read", "read_simply", "second", "check", "sink_file", "sink_thank", "arbiter")
lines = st.lists(
    st.sampled_from(
        ["good", "good", "retry", "later", "raise", "reject", "escalate", "suggest", "garbage", "exit", "slow"]
    ),
    min_size=1,
    max_size=3,
)
scripts = st.fixed_dictionaries({}, optional=dict.fromkeys(ACTORS, lines))
scores = st.sampled_from([0.9, 0.9, 0.3, 1.5, -1.0])
doings = st.lists(
    st.sampled_from(["approve", "edit", "reject", "retry", "claim", "cancel", "kill", "pause", "again"]), max_size=8
)

"""Hosts a compiled topology on the broker in memory, under a clock moved by hand, with actors in place of workers."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from penstock import Conflict, Merged, Vote, inline, testing
from penstock.assembly.plans import resolve
from penstock.contracts import schemas
from penstock.runtime.codec import Codec
from penstock.runtime.lanes import Lanes
from penstock.testing.clock import Clock
from penstock.testing.stage import Stage
from penstock.testing.work import Still
from penstock.topology.compiler import compile_topology
from penstock.topology.plan import Aggregator, Effect, Plan

ROOT = Path(__file__).resolve().parents[1]
DIAGRAM = (ROOT / "topology" / "diagram.yaml").read_text(encoding="utf-8")
DESK = (ROOT / "tests" / "topologies" / "desk.yaml").read_text(encoding="utf-8")
RACE = (ROOT / "tests" / "topologies" / "race.yaml").read_text(encoding="utf-8")


@cache
def contracts() -> schemas.Schemas:
    """All contracts of this repository."""
    return schemas.load(ROOT / "schemas" / "avro")


class Cast(testing.Cast):
    """Actors that a topology names as `cast:NAME`, a sink or a merge function where the name begins so.

    They are async; they block a thread where the name ends in `_blocking`, and run on the loop's own thread where it
    ends in `_inline`.
    """

    def resolve(self, path: str) -> Any:  # noqa: ANN401 - any object
        """The actor behind `cast:NAME`; anything else is imported."""
        module, _, name = path.partition(":")
        if module != "cast":
            return resolve(path)
        if name.startswith("sink"):
            return _sink(self, name)
        return self._merge(name) if name.startswith("merge") else self._actor(name)

    def _actor(self, name: str) -> Callable[[dict[str, Any], Any], Any]:
        def act(value: dict[str, Any], ctx: Any) -> Any:  # noqa: ANN401 - whatever a handler answers
            return self.answer(name, ctx.key, value, ctx)

        async def act_async(value: dict[str, Any], ctx: Any) -> Any:  # noqa: ANN401 - the same
            return act(value, ctx)

        if name.endswith("_inline"):
            return inline(act)
        return act if name.endswith("_blocking") else act_async

    def _merge(self, name: str) -> Callable[[Sequence[Vote], Merged | Conflict], Any]:
        def merge(votes: Sequence[Vote], concluded: Merged | Conflict) -> Any:  # noqa: ANN401 - the same
            event = next(vote.value["id"] for vote in votes if vote.value is not None)
            return self.answer(name, event, votes, concluded)

        return merge


def scored(value: dict[str, Any], _: object = None) -> dict[str, Any]:
    """A score that is the number itself."""
    return {"id": value["id"], "number": value["number"], "score": value["number"], "label": "large"}


def desk_cast() -> Cast:
    """Actors of the desk: a score that is the number, and a second voice that agrees."""
    cast = Cast()
    cast.usually("read", scored)
    cast.usually("read_simply", scored)
    cast.usually("second", lambda value, _: {**value, "score": value["score"] / 2})
    cast.usually("check", lambda *_: [])
    cast.usually("arbiter", lambda conflict, _: json.loads(conflict["votes"][0]["value"]))
    return cast


def _sink(cast: Cast, name: str) -> type:
    class Sink:
        """Keeps what it is sent, each key once; told lines are for its failures."""

        def __init__(self, settings: Mapping[str, Any]) -> None:
            del settings

        async def send(self, effect: dict[str, Any], key: str) -> Any:  # noqa: ANN401 - whatever a sink answers
            return cast.sends(name, key, effect, cast.answer(name, effect["id"], effect, key))

    class BlockingSink(Sink):
        """The same, in a thread."""

        def send(self, effect: dict[str, Any], key: str) -> Any:  # noqa: ANN401 - the same
            return cast.sends(name, key, effect, cast.answer(name, effect["id"], effect, key))

    return BlockingSink if name.endswith("_blocking") else Sink


class Threaded:
    """Work in a thread of its own, as production has it, for handlers that block; a pause only moves the clock."""

    def __init__(self) -> None:
        self.clock = Clock()

    def lanes(self) -> Lanes:
        """See testing.Work."""
        return Lanes()

    async def sleep(self, seconds: float) -> None:
        """See testing.Work."""
        self.clock.sleep(seconds)

    def get_on(self, *, running: bool) -> bool:
        """See testing.Work."""
        if running:
            time.sleep(0.0002)
        return running

    def wakes(self) -> None:
        """See testing.Work."""

    def close(self) -> None:
        """See testing.Work."""


@cache
def _codec() -> Codec:
    return Codec(contracts())


@cache
def _compiled(text: str) -> Plan:
    return compile_topology(text.encode(), "test.yaml", contracts(), Cast().resolve)


class Pipeline(Stage):
    """A topology of actors; `threaded` where they block."""

    def __init__(self, text: str, cast: Cast | None = None, *, partitions: int = 1, threaded: bool = False) -> None:
        self.cast = cast or Cast()
        super().__init__(
            _compiled(text), _codec(), self.cast.resolve, work=Threaded() if threaded else Still(),
            partitions=partitions, forgiving=True,
        )  # fmt: skip


Host = Callable[..., Pipeline]


def check_order(pipeline: Pipeline | testing.Pipeline) -> None:
    """What holds after every scenario: one end for each run or a person to wait for, nothing left, no key twice."""
    started = [event["run"] for event in pipeline.events("run_started")]
    assert len(started) == len(set(started))
    ends = [status["run"] for status in pipeline.statuses() if status["terminal"]]
    assert len(ends) == len(set(ends)), "a run ended twice"
    last = {status["run"]: status["state"] for status in pipeline.statuses()}
    waiting = {run for run, state in last.items() if state == "waiting"}
    assert set(ends) | waiting == set(started), "a run neither ended nor waits"
    assert set(ends).isdisjoint(waiting), "a run waits after its end"
    assert set(pipeline.kept("supervisor")) == waiting, "the supervisor keeps what has ended, or forgot what waits"
    assert {review["run"] for review in pipeline.reviews()} == waiting
    for name, step in pipeline.plan.steps.items():
        if isinstance(step, Aggregator):
            left = pipeline.kept(name)
            assert all(state["closed"] and state["due"] for state in left.values()), left
        if isinstance(step, Effect):
            assert all(entry["state"] == "recorded" or last.get(entry["run"]) != "succeeded"
                       for entry in pipeline.kept(name).values())  # fmt: skip
    keys = [key for _, key, _ in pipeline.cast.sent]
    assert len(keys) == len(set(keys)), "an effect was sent twice"
    _check_bounds(pipeline, started)


def _check_bounds(pipeline: Pipeline | testing.Pipeline, started: Sequence[str]) -> None:
    bound = pipeline.plan.bound
    for run in started:
        final = [status for status in pipeline.statuses() if status["run"] == run and status["terminal"]]
        assert all(s["attempts"] <= bound.tasks for s in final), (final, bound)
        assert all(s["cost_usd"] <= bound.cost_usd + 1e-9 for s in final), (final, bound)
        assert messages_of(pipeline, run) <= bound.messages, bound


def messages_of(pipeline: Pipeline | testing.Pipeline, run: str) -> int:
    """How many records a run caused, changelogs left out."""
    review_ids = {r["review"] for r in pipeline.values(pipeline.topics.reviews) if r["run"] == run}
    mine = {run.encode(), *(identifier.encode() for identifier in review_ids)}
    topics = [t for t in pipeline.broker.topics if not t.endswith((".state", ".in"))]
    keyed = sum(record.key in mine for t in topics if ".out." not in t for record in pipeline.records(t))
    out = (r for t in topics if ".out." in t for r in pipeline.records(t))
    return keyed + sum(("ce_correlationid", run.encode()) in r.headers for r in out)


def jobs(*numbers: float) -> Iterable[dict[str, Any]]:
    """Events e0, e1, … with these numbers."""
    return ({"id": f"e{at}", "number": float(number)} for at, number in zip(itertools.count(), numbers, strict=False))

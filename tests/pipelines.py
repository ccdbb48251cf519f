"""Hosts a compiled topology on the broker in memory, under a clock moved by hand, with actors in place of workers."""

from __future__ import annotations

import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from penstock import Conflict, Merged, Vote, inline
from penstock.cli.hosting import all_steps, kit_for, services
from penstock.cli.plans import resolve
from penstock.contracts import schemas
from penstock.contracts.records import Offer, Review, RunEvent, RunStatus
from penstock.contracts.topics import Topics
from penstock.effects.sinks import Sent
from penstock.escalation.desk import decide, open_reviews
from penstock.escalation.inbox import Inbox
from penstock.ingress.entries import entries
from penstock.provision.apply import groups_of, topics_of
from penstock.runtime.codec import Codec
from penstock.runtime.memory import MemoryBroker
from penstock.runtime.metrics import Metrics
from penstock.runtime.ports import Committed, Output, Record
from penstock.runtime.processor import Processor
from penstock.topology.compiler import compile_topology
from penstock.topology.plan import Aggregator, Effect, Plan

ROOT = Path(__file__).resolve().parents[1]
DIAGRAM = (ROOT / "topology" / "diagram.yaml").read_text(encoding="utf-8")
DESK = (ROOT / "tests" / "topologies" / "desk.yaml").read_text(encoding="utf-8")
RACE = (ROOT / "tests" / "topologies" / "race.yaml").read_text(encoding="utf-8")
_QUIET = 3  # idle turns in a row
_PATIENCE = 20.0  # real seconds


@cache
def contracts() -> schemas.Schemas:
    """All contracts of this repository."""
    return schemas.load(ROOT / "schemas" / "avro")


class Ticker:
    """A clock that moves when somebody sleeps or moves it; real time passes only for other threads to get on."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        time.sleep(min(seconds, 0.0005))

    async def rest(self, seconds: float) -> None:
        """A pause of the pipeline's own: it only moves the clock."""
        self.now += max(seconds, 0.0)


class Cast:
    """Actors: a handler `cast:NAME` does what it was told for an event and a turn, else what `usually` says.

    `calls` counts the turns of each (name, event). `cast:sink…` keeps what it was sent in `sent`; `cast:merge…` is a
    merge function. Actors are async; they block a thread where the name ends in `_blocking`, and run on the loop's own
    thread where it ends in `_inline`.
    """

    def __init__(self) -> None:
        self.calls: dict[tuple[str, str], int] = defaultdict(int)
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self._lines: dict[tuple[str, str], list[Any]] = {}
        self._usual: dict[str, Callable[..., Any]] = {}

    def usually(self, name: str, act: Callable[..., Any]) -> None:
        """What a handler does where it was told nothing else."""
        self._usual[name] = act

    def told(self, name: str, event: str, *lines: Any) -> None:  # noqa: ANN401 - any answer, or an exception to raise
        """The answers of a handler to one event, turn by turn; the last one repeats."""
        self._lines[name, event] = list(lines)

    def resolve(self, path: str) -> Any:  # noqa: ANN401 - any object
        """The actor behind `cast:NAME`; anything else is imported."""
        module, _, name = path.partition(":")
        if module != "cast":
            return resolve(path)
        if name.startswith("sink"):
            return _sink(self, name)
        return self._merge(name) if name.startswith("merge") else self._actor(name)

    def answer(self, name: str, event: str, *arguments: Any) -> Any:  # noqa: ANN401 - what it was told
        """One turn of an actor."""
        turn = self.calls[name, event]
        self.calls[name, event] += 1
        lines = self._lines.get((name, event))
        if lines is None:
            return self._usual[name](*arguments) if name in self._usual else None
        line = lines[min(turn, len(lines) - 1)]
        if isinstance(line, BaseException):
            raise line
        return line(*arguments) if callable(line) else line

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
            return self._keep(effect, key)

        def _keep(self, effect: dict[str, Any], key: str) -> Any:  # noqa: ANN401 - the same
            line = cast.answer(name, effect["id"], effect, key)
            if any(known == key for _, known, _ in cast.sent):
                return Sent(duplicate=True)
            cast.sent.append((name, key, effect))
            return Sent(reference="kept") if line is None else line

    class BlockingSink(Sink):
        """The same, in a thread."""

        def send(self, effect: dict[str, Any], key: str) -> Any:  # noqa: ANN401 - the same
            return self._keep(effect, key)

    return BlockingSink if name.endswith("_blocking") else Sink


@cache
def _compiled(text: str, names: tuple[str, ...]) -> Plan:
    del names
    return compile_topology(text.encode(), "test.yaml", contracts(), Cast().resolve)


class Pipeline:
    """A topology with its own broker, clock and cast."""

    def __init__(self, text: str, cast: Cast | None = None, *, partitions: int = 1) -> None:
        self.cast = cast or Cast()
        self.plan = _compiled(text, ())
        self.topics = Topics(self.plan.pipeline)
        self.clock = Ticker()
        self.broker = MemoryBroker(self.clock)
        self.codec = Codec(contracts())
        self.metrics = Metrics(self.plan.pipeline)
        self.kit = replace(
            kit_for(self.broker, self.codec, self.metrics, settings={}, clock=self.clock),
            resolve=self.cast.resolve, sleep=self.clock.rest, jitter=lambda: 0.5,
        )  # fmt: skip
        for spec in topics_of(self.plan, partitions):
            self.broker.create(spec.name, partitions)
        for group, topic in groups_of(self.plan).items():
            self.broker.offsets.update({(group, topic, p): Committed(0, "") for p in range(partitions)})
        self._away: set[str] = set()
        self.processor = self._processor()

    def _processor(self) -> Processor:
        hosted = services(self.plan, tuple(s for s in all_steps(self.plan) if s not in self._away), self.kit)
        for service in hosted:
            if service.prepare is not None:
                service.prepare()
        return Processor(
            hosted, self.broker, self.codec, transactional_id=f"{self.plan.pipeline}.dev.0", clock=self.clock,
            sleep=self.clock.sleep, interval=0.0, forgive_deaths=True,
        )  # fmt: skip

    # --- doing ---

    def send(self, *values: Mapping[str, Any], headers: list[tuple[str, str | bytes | None]] | None = None) -> None:
        """Upstream events, as `penstock send` writes them."""
        lines = [json.dumps(value) for value in values]
        for entry in entries(lines, self.plan.ingress, self.codec, "test"):
            self.put(entry.value, key=entry.key, headers=headers)

    def put(
        self, value: bytes | None, *, key: bytes | None = b"k", topic: str = "",
        headers: list[tuple[str, str | bytes | None]] | None = None,
    ) -> None:  # fmt: skip
        """Any record, on the partition of its key."""
        self.broker.append(Output(topic or self.topics.intake, -1, key, value, headers))

    def settle(self) -> None:
        """Turn until nothing moves any more; the clock stands still unless the pipeline sleeps."""
        idle, until = 0, time.monotonic() + _PATIENCE
        while idle < _QUIET:
            busy = self.processor.turn() or bool(self.processor.transactions)
            if any(intake.in_flight for intake in self.processor.intakes):
                busy = True
                time.sleep(0.0002)
            idle = 0 if busy else idle + 1
            assert time.monotonic() < until, "the pipeline does not come to rest"
        assert not self.processor.halted, self.processor.halted

    def wait(self, seconds: float) -> None:
        """Let so much time pass, and everything follow from it."""
        self.clock.now += seconds
        self.settle()

    def kill(self) -> None:
        """The process dies, wherever it is, and a new one takes its place."""
        for intake in self.processor.intakes:
            self.broker.expire(intake.consumer)  # type: ignore[arg-type]  # every consumer of this broker is its own
        self.processor.lanes.close()
        self.processor = self._processor()

    def hold(self, step: str) -> None:
        """A step reads nothing from here on: its process is away."""
        self._away.add(step)
        for intake in [intake for intake in self.processor.intakes if intake.service.step == step]:
            self.processor.intakes.remove(intake)
            self.broker.expire(intake.consumer)  # type: ignore[arg-type]  # every consumer of this broker is its own

    def resume(self, step: str) -> None:
        """It reads on, in a process of its own."""
        self._away.discard(step)
        self.kill()

    def close(self) -> None:
        """Let the threads go."""
        self.processor.lanes.close()

    def decide(self, verdict: Offer, *, review: Review | None = None, note: str = "because", by: str = "ana") -> None:
        """A person decides the review that waits (the first one, unless named)."""
        inbox = Inbox(self.plan.pipeline, self.broker, self.codec, self.clock)
        found = review or open_reviews(inbox.reviews())[0]
        list(inbox.reviews())
        now = int(self.clock() * 1000)
        inbox.decide(decide(found, verdict, inbox.value(found), by=by, now=now, note=note))

    # --- looking ---

    def records(self, topic: str) -> list[Record]:
        """All committed records of a topic."""
        logs = self.broker.topics[topic]
        ends = [self.broker.stable(topic, p) for p in range(len(logs))]
        return [record for p, end in enumerate(ends) for record in self.broker.visible(topic, p, 0, end)]

    def values(self, topic: str) -> list[Any]:
        """Their values, decoded."""
        return [self.codec.decode(record.value)[1] for record in self.records(topic)]

    def events(self, kind: str = "", step: str = "") -> list[RunEvent]:
        """What happened, all of it or of one kind and step."""
        found: list[RunEvent] = self.values(self.topics.runs)
        return [e for e in found if kind in {"", e["kind"]} and step in {"", e["step"]}]

    def statuses(self) -> list[RunStatus]:
        """Every status record."""
        found: list[RunStatus] = self.values(self.topics.status)
        return found

    def ends(self) -> dict[str, str]:
        """Event id -> where its run stands."""
        return {status["event"]: status["state"] for status in self.statuses()}

    def reviews(self) -> list[Review]:
        """The reviews that wait."""
        return open_reviews(self.values(self.topics.reviews))

    def kept(self, step: str) -> dict[str, Any]:
        """What a step keeps, as its changelog says."""
        found: dict[str, Any] = {}
        for record in self.records(self.topics.state(step)):
            key = (record.key or b"").decode()
            found.pop(key, None)
            if record.value is not None:
                found[key] = self.codec.decode(record.value)[1]
        return found

    def outputs(self, name: str) -> list[Any]:
        """What an output holds."""
        return self.values(self.topics.output(name))


Host = Callable[..., Pipeline]


def check_order(pipeline: Pipeline) -> None:
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


def _check_bounds(pipeline: Pipeline, started: Sequence[str]) -> None:
    bound = pipeline.plan.bound
    for run in started:
        final = [status for status in pipeline.statuses() if status["run"] == run and status["terminal"]]
        assert all(s["attempts"] <= bound.tasks for s in final), (final, bound)
        assert all(s["cost_usd"] <= bound.cost_usd + 1e-9 for s in final), (final, bound)
        assert messages_of(pipeline, run) <= bound.messages, bound


def messages_of(pipeline: Pipeline, run: str) -> int:
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

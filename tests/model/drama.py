"""What befalls a random pipeline: what handlers answer, which processes die, what comes twice or late, who decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from model.graphs import PART
from penstock import Conflict, Escalate, Merged, Reason, Reject, Retry
from penstock.contracts.context import Context
from penstock.errors import PenstockError
from penstock.runtime.ports import Output
from penstock.testing import Pipeline
from penstock.testing.lines import hang
from penstock.testing.production import Production, Role
from penstock.topology.plan import Router, Step

DEATHLY = frozenset({"die", "kill", "rebalance", "copy"})  # after these a step may do again what it did
_DEATHS = 2  # three in a row are another story
_LOW = ["low"] * 5  # what gates are for
_BAD = [
    *_LOW,
    "retry",
    "later",
    "busy",
    "raise",
    "reject",
    "escalate",
    "suggest",
    "garbage",
    "hang",
    "differ",
    "overspend",
]
_CALM = ["wait", "decide", "again", "cancel"]
_TURBULENCE = [*_CALM, "decide", "copy", "kill", "rebalance", "hold", "resume"]


@dataclass
class Played:
    """What happened on the stage, as the actors and the director saw it; nothing of it is read from the log."""

    pipeline: Pipeline
    events: list[str]
    calls: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    sent: list[tuple[str, str, dict[str, Any], float]] = field(default_factory=list)
    needless: list[str] = field(default_factory=list)
    befell: set[str] = field(default_factory=set)

    @property
    def calm(self) -> bool:
        """Whether no step ever had to do anything again."""
        return not self.befell & DEATHLY


@dataclass
class Director:
    """Plays one seed; `evil` is the share of turns that go wrong."""

    dice: Random
    played: Played
    evil: float
    held: set[str] = field(default_factory=set)
    deaths: int = 0

    @property
    def steps(self) -> Mapping[str, Step]:
        """The steps of the plan."""
        return self.played.pipeline.plan.steps

    def cast(self) -> None:
        """Give every role its lines."""
        for role in self.played.pipeline.production.roles.values():
            self.played.pipeline.stub(role.name, self.line(role))

    def line(self, role: Role) -> Callable[..., Any]:
        """One actor: what it answers is thrown anew at each turn."""
        match role.kind:
            case "effect":
                return lambda effect, key: self.sends(role, effect, key)
            case "check":
                return lambda value, _: self.checks(role, value)
            case "merge":
                return lambda _, concluded: self.merges(role, concluded)
            case _:
                return lambda value, ctx: self.works(role, value, ctx)

    def turn(self) -> str:
        """What an actor does this time."""
        if self.dice.random() >= self.evil:
            return "good"
        if self.deaths < _DEATHS and self.dice.random() < 0.04:
            self.deaths += 1
            self.played.befell.add("die")
            return "die"
        return self.dice.choice(_BAD)

    def works(self, role: Role, value: dict[str, Any], ctx: Context) -> Any:  # noqa: ANN401 - any answer
        """A worker's turn."""
        self.played.calls[role.name, ctx.run] += 1
        turn = self.turn()
        good = self.good(role, value)
        if self.steps[role.step].kind == "router":
            return self.picks(role, turn)
        cost = 0.01 if turn == "overspend" else self.dice.choice([0.0, 0.002])
        budget = min(cost, ctx.budget_usd) if turn != "overspend" else cost + ctx.budget_usd
        try:
            ctx.spend(budget)
        finally:
            self.played.spent[ctx.run] += ctx.spent_usd
        return self.answer(turn, good)

    def picks(self, role: Role, turn: str) -> Any:  # noqa: ANN401 - the same
        """A router's turn: one of its ways, or several where it may."""
        step = self.steps[role.step]
        assert isinstance(step, Router)
        if turn in {"good", "low", "differ", "overspend"}:
            return self.dice.sample(step.to, self.dice.randint(1, len(step.to)) if step.many else 1)
        return self.answer(turn, {"to": "nowhere"})

    def answer(self, turn: str, good: dict[str, Any]) -> Any:  # noqa: ANN401 - any answer
        """What a worker says."""
        if turn == "busy":
            self.played.befell.add("busy")
        said: dict[str, Callable[[], Any]] = {
            "retry": lambda: Retry("hm", self.dice.choice([None, 1.0, 5.0])),
            "later": lambda: Retry("not now", self.dice.choice([20.0, 90.0])),
            "busy": lambda: Retry("429", self.dice.choice([1.0, 20.0]), counts=False),
            "raise": boom,
            "reject": lambda: Reject((Reason("no"),)),
            "escalate": lambda: Escalate((Reason("above_me"),)),
            "suggest": lambda: Escalate((Reason("above_me"),), good),
            "garbage": lambda: {"nonsense": 1},
            "hang": hang,
            "die": self.played.pipeline.dies(""),
            "low": lambda: {**good, "score": 0.05},
            "differ": lambda: {**good, "label": self.dice.choice("xyz"), "score": self.dice.random()},
        }
        act = said.get(turn)
        return good if act is None else act()

    def good(self, role: Role, value: dict[str, Any]) -> dict[str, Any]:
        """A sound answer, whatever was read; a judge answers what the first branch said."""
        name = value["run"] if "votes" in value else value["id"]
        good = {"id": name, "score": 0.9, "label": "x"}
        return good if role.writes == PART else {**good, "parts": value.get("parts", [])}

    def checks(self, role: Role, value: dict[str, Any]) -> Any:  # noqa: ANN401 - the same
        """A check's turn."""
        del value, role
        match self.turn():
            case "raise" | "retry" | "garbage":
                raise RuntimeError("boom")
            case "hang":
                return hang()
            case "die":
                return self.played.pipeline.dies("")()
            case "reject" | "escalate" | "low":
                return [Reason("wrong", retryable=self.dice.random() < 0.5)]
            case _:
                return []

    def merges(self, role: Role, concluded: Merged | Conflict) -> Any:  # noqa: ANN401 - the same
        """A merge function's turn."""
        del role
        return concluded

    def sends(self, role: Role, effect: dict[str, Any], key: str) -> Any:  # noqa: ANN401 - the same
        """A sink's turn."""
        if self.recorded(role.name, key):
            self.played.needless.append(key)
        turn = self.turn()
        if turn == "die":
            return self.played.pipeline.dies(role.name, after=self.dice.random() < 0.5)(effect, key)
        if turn in {"retry", "raise", "reject", "hang"}:
            return self.answer(turn, effect)
        self.played.sent.append((role.name, key, effect, self.played.pipeline.clock.now))
        return None

    def recorded(self, effect: str, key: str) -> bool:
        """Whether the changelog has ever said that the effect is done."""
        pipeline = self.played.pipeline
        entries = (r for r in pipeline.records(pipeline.topics.state(effect)) if r.key == key.encode() and r.value)
        return any(pipeline.codec.decode(entry.value)[1]["state"] == "recorded" for entry in entries)

    def befall(self, what: str) -> None:
        """Something that happens beside the handlers."""
        pipeline = self.played.pipeline
        if what in {"kill", "hold"} and self.deaths >= _DEATHS:
            return
        self.played.befell.add(what)
        match what:
            case "again":
                pipeline.send(whole(self.dice.choice(self.played.events)))
            case "copy":
                self.copy()
            case "kill":
                self.deaths += 1
                pipeline.processor.turn()
                pipeline.kill()
            case "rebalance":
                pipeline.processor.turn()
                intake = self.dice.choice(pipeline.processor.intakes)
                pipeline._expire(intake)
            case "hold":
                self.hold()
            case "resume":
                self.resume()
            case "cancel":
                self.cancel()
            case "wait":
                pipeline.wait(self.dice.choice([0.5, 5.0, 60.0, 200.0]))
            case _:
                self.decide()
        pipeline.settle()

    def copy(self) -> None:
        """A record of a step's topic comes a second time, under the same headers."""
        pipeline = self.played.pipeline
        names = [name for name, step in pipeline.plan.steps.items() if step.kind != "output"]
        records = pipeline.records(pipeline.topics.step(self.dice.choice(names)))
        if records:
            found = self.dice.choice(records)
            pipeline.broker.append(Output(found.topic, found.partition, found.key, found.value, found.headers))

    def hold(self) -> None:
        """A step's process is away for a while."""
        pipeline = self.played.pipeline
        step = self.dice.choice([*(n for n, s in pipeline.plan.steps.items() if s.kind != "output"), "supervisor"])
        if step not in self.held and len(self.held) < 2:
            pipeline.processor.turn()
            pipeline.hold(step)
            self.held.add(step)
            self.deaths += 1
            self.played.befell.add("kill")

    def resume(self) -> None:
        """It is back."""
        for step in sorted(self.held):
            self.played.pipeline.resume(step)
        self.held.clear()

    def cancel(self) -> None:
        """Somebody wants a run to end."""
        open_ = {memory["event"] for memory in self.played.pipeline.kept("supervisor").values()}
        if open_ and self.dice.random() < 0.3:
            try:
                self.played.pipeline.cancel(self.dice.choice(sorted(open_)))
            except PenstockError:
                self.played.befell.add("refused")

    def decide(self) -> None:
        """A person decides something of what waits."""
        pipeline = self.played.pipeline
        if reviews := pipeline.reviews():
            review = self.dice.choice(reviews)
            verdict = self.dice.choice(review["offers"])
            score = 0.8 if self.dice.random() < 0.7 else 0.01
            value = {**whole(review["event"]), "score": score} if verdict == "edit" else None
            try:
                pipeline.decide(verdict, review=review, value=value)
            except PenstockError:
                self.played.befell.add("refused")


def boom() -> None:
    """An exception of a handler."""
    raise RuntimeError("boom")


def whole(event: str) -> dict[str, Any]:
    """What an upstream system sends."""
    parts = [{"id": event, "score": 0.6, "label": "x"} for _ in range(len(event) * 7 % 5)]
    return {"id": event, "score": 0.5, "label": "x", "parts": parts}


def play(production: Production, seed: int) -> Played:
    """Play a pipeline until everything that can end has ended."""
    dice = Random(seed * 7919 + 1)  # noqa: S311 - a seed is a play
    pipeline = Pipeline(production, stub_all=True, partitions=1)
    events = [f"e{'x' * number}" for number in range(dice.randint(1, 3))]
    played = Played(pipeline, events)
    director = Director(dice, played, dice.choice([0.0, 0.15, 0.4, 0.8, 1.0]))
    try:
        _play(director, dice)
    except BaseException:
        pipeline.close()
        raise
    return played


def _play(director: Director, dice: Random) -> None:
    played, pipeline = director.played, director.played.pipeline
    director.cast()
    pipeline.send(*(whole(event) for event in played.events))
    calm = dice.random() < 0.4
    what = _CALM if calm else _TURBULENCE
    for _ in range(dice.randint(0, 8)):
        director.befall(dice.choice(what))
    director.resume()
    bound = pipeline.plan.bound.wall_ms / 1000
    pipeline.wait(bound)
    pipeline.wait(bound)

"""Random pipelines: grown from their ingress by the rules of the language, so that they compile."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from penstock.contracts import schemas
from penstock.errors import Mistake
from penstock.testing.production import Production
from penstock.topology.compiler import compile_topology

WHOLE = "model.Whole"
PART = "model.Part"
MOST = 3  # items of a fan-out
_TRIES, _APART = 20, 1_000_003
_SURE = "value.score >= 0.5"
_MERGES: list[dict[str, Any]] = [
    {"policy": "all"},
    {"policy": "any"},
    {"policy": "first"},
    {"policy": "quorum", "field": "label"},
    {"policy": "vote", "field": "label", "tie": "reject"},
    {"policy": "vote", "field": "label", "min_agree": 1, "tie": "first", "missing": "ignore"},
    {"policy": "weighted", "field": "label", "weight": "score", "tie": "first", "missing": "ignore"},
    {"policy": "mean", "field": "score", "spread": 0.4, "missing": {"at_least": 1}},
    {"policy": "prefer", "order": ["{last}"], "missing": "ignore"},
    {"policy": "judge", "field": "label", "judge": "{judge}"},
]


@cache
def contracts() -> schemas.Schemas:
    """What random pipelines speak."""
    return schemas.load(Path(__file__).parent / "schemas" / "avro")


@dataclass
class Grown:
    """A pipeline that grows; `dice` decides everything, so a seed is a graph."""

    dice: Random
    steps: dict[str, Any] = field(default_factory=dict)
    most: int = 14

    def chance(self, share: float) -> bool:
        """Whether it happens this time; less is grown the more there is."""
        return self.dice.random() < share

    def add(self, kind: str, **keys: Any) -> str:  # noqa: ANN401 - a step as plain data
        """A new step, named by its kind and number."""
        name = f"{kind[0]}{len(self.steps)}"
        self.steps[name] = {"kind": kind, **keys}
        return name

    def attempts(self, most: int = 3, *, long: bool = True) -> dict[str, Any]:
        """How often a step tries."""
        pauses = self.dice.choice([["100ms"], ["200ms", "2s"], ["1s", "40s"] if long else ["1s"]])
        return {"max": self.dice.randint(1, most), "timeout": "2s", "backoff": pauses}

    def worker(self, depth: int) -> str:
        """A worker, or now and then a router, and all that follows it."""
        if self.chance(0.15):
            return self.router(depth)
        name = self.add("worker", run="model:act", writes=WHOLE, attempts=self.attempts(), cost="0.01 USD")
        if self.chance(0.4):
            self.steps[name]["fallback"] = self.add("worker", run="model:act", attempts=self.attempts(2))
        if self.chance(0.7):
            self.steps[name]["to"] = [self.gate(name, depth)]
            self.steps[name]["review"] = self.chance(0.2)
        else:
            self.steps[name]["to"] = self.after(depth)
        return name

    def router(self, depth: int) -> str:
        """A router to two ways, which end apart or meet again."""
        name = self.add("router", run="model:pick", many=self.chance(0.3), attempts=self.attempts(2))
        ways = [self.add("worker", run="model:act", writes=WHOLE, attempts=self.attempts(2)) for _ in range(2)]
        self.steps[name]["to"] = ways
        meet = not self.steps[name]["many"] and self.chance(0.5)
        common = self.after(depth) if meet else []
        for way in ways:
            self.steps[way]["to"] = common or self.after(depth)
        return name

    def gate(self, judged: str, depth: int) -> str:
        """A validator and all that follows it."""
        checks: list[dict[str, Any]] = [{"rule": "value.score >= 0.1", "code": "low", "waivable": self.chance(0.7)}]
        if self.chance(0.5):
            checks.append({"run": "model:check", "waivable": self.chance(0.5)})
        name = self.add("validator", of=judged, checks=checks)
        reject: dict[str, Any] = {"review": self.chance(0.4)}
        if self.steps[judged]["kind"] == "worker":
            reject["reruns"] = self.dice.choice([0, 0, 1, 2])
        if "fallback" in self.steps[judged]:
            reject["fallback"] = self.chance(0.6)
        self.steps[name]["on_reject"] = reject
        if self.chance(0.4):
            self.steps[name]["attempts"] = self.attempts(2)
        self.steps[name]["to"] = self.after(depth, gated=True)
        return name

    def after(self, depth: int, *, gated: bool = False) -> list[Any]:
        """What follows a step: ends, other workers, or branches and their join."""
        if depth and len(self.steps) < self.most and self.chance(0.5):
            return self.items(depth - 1) if self.chance(0.35) else self.branches(depth - 1)
        ways = [self.one(depth, gated=gated) for _ in range(self.dice.randint(1, 2))]
        if len(ways) > 1 and self.chance(0.4):
            return [{"step": ways[0], "when": _SURE}, {"step": ways[1], "otherwise": True}]
        return ways

    def one(self, depth: int, *, gated: bool) -> str:
        """One step that follows."""
        if depth and len(self.steps) < self.most and self.chance(0.6):
            return self.worker(depth - 1)
        if gated and self.chance(0.8):
            return self.add("effect", run="model:Sink", attempts=self.attempts(2, long=False))
        return self.add("output", key="id")

    def items(self, depth: int) -> list[Any]:
        """A worker that opens a list, a chain for each item, and the join that gathers them."""
        opener = self.add("worker", run="model:act", writes=WHOLE, attempts=self.attempts(2))
        first, last = self.chain(PART)
        missing = self.dice.choice(["ignore", "conflict", {"at_least": 1}, {"share": 0.5}])
        join = self.add("aggregator", of=[opener, last], gather="parts", writes=WHOLE)
        self.steps[join]["merge"] = {"policy": "all", "missing": missing}
        self.steps[opener]["to"] = [{"step": first, "each": "parts", "most": MOST}, join]
        self.steps[last]["to"] = [{"step": join, "when": _SURE}] if self.chance(0.2) else [join]
        if self.steps[last]["kind"] == "validator" and self.chance(0.5):
            self.steps[last]["to"] += [self.add("effect", run="model:Sink", attempts=self.attempts(2, long=False))]
        self.steps[join]["to"] = [self.gate(join, depth)] if self.chance(0.7) else self.after(depth)
        return [opener]

    def branches(self, depth: int) -> list[Any]:
        """Two or three chains and the join of them; now and then one of them is for some values only."""
        heads, tails = zip(*(self.chain() for _ in range(self.dice.randint(2, 3))), strict=True)
        join = self.add("aggregator", of=list(tails), writes=WHOLE)
        self.steps[join]["merge"] = self.merge(join, tails)
        if self.chance(0.3):
            self.steps[join]["wait"] = self.dice.choice(["3s", "20s"])
        for tail in tails:
            self.steps[tail]["to"] = [join]
        if self.chance(0.7):
            self.steps[join]["to"] = [self.gate(join, depth)]
            self.steps[join]["review"] = self.chance(0.5)
        else:
            self.steps[join]["to"] = self.after(depth)
        ways: list[Any] = list(heads)
        if self.chance(0.25):
            ways[-1] = {"step": ways[-1], "when": _SURE}
        return ways

    def chain(self, writes: str = WHOLE) -> tuple[str, str]:
        """The first and the last of a worker that is perhaps judged."""
        first = last = self.add("worker", run="model:act", writes=writes, attempts=self.attempts(2), cost="0.002 USD")
        if self.chance(0.3):
            self.steps[first]["fallback"] = self.add("worker", run="model:act", attempts=self.attempts(2))
        if self.chance(0.4):
            checks = [{"rule": "value.score >= 0.1", "code": "low"}]
            last = self.add("validator", of=first, checks=checks)
            self.steps[last]["on_reject"] = {"reruns": self.dice.choice([0, 0, 1])}
            self.steps[first]["to"] = [last]
        return first, last

    def merge(self, join: str, tails: tuple[str, ...]) -> dict[str, Any]:
        """A policy whose names exist."""
        policy = dict(self.dice.choice(_MERGES))
        if policy["policy"] == "prefer":
            policy["order"] = [tails[-1]]
        if policy["policy"] == "judge":
            policy["judge"] = f"{join}-judge"
            self.steps[policy["judge"]] = {"kind": "worker", "run": "model:act", "attempts": self.attempts(2)}
        return policy


def topology(seed: int) -> dict[str, Any]:
    """The pipeline of a seed, as plain data."""
    dice = Random(seed)  # noqa: S311 - a seed is a graph
    grown = Grown(dice)
    first = [grown.worker(dice.randint(0, 2)) for _ in range(1 if dice.random() < 0.7 else 2)]
    return {
        "pipeline": "model",
        "limits": {"deadline": dice.choice(["10m", "1h"]), "tasks": 1_000_000, "cost": "1000 USD"},
        "reviews": {"expires": "10m", "times": dice.randint(1, 2)},
        "ingress": {"contract": WHOLE, "event_id": "id", "to": first},
        "steps": grown.steps,
    }


def production(seed: int) -> Production:
    """The same, compiled; what the rules refuse is thrown again. Raises Mistake."""
    found: Mistake | None = None
    for again in range(_TRIES):
        data = json.dumps(topology(seed + again * _APART)).encode()
        try:
            return Production(compile_topology(data, f"seed {seed}", contracts(), _resolve), contracts())
        except Mistake as mistake:
            found = mistake
    assert found is not None
    raise found


def _resolve(path: str) -> object:
    return {"model:act": _act, "model:check": _check, "model:pick": _pick, "model:Sink": _Sink}[path]


def _act(value: dict[str, Any], ctx: object) -> dict[str, Any]:
    del ctx
    return value


def _pick(value: dict[str, Any], ctx: object) -> str:
    del value, ctx
    return ""


def _check(value: dict[str, Any], ctx: object) -> list[Any]:
    del value, ctx
    return []


class _Sink:
    """Stands for any sink."""

    def __init__(self, settings: dict[str, Any]) -> None:
        del settings

    def send(self, effect: dict[str, Any], key: str) -> None:
        """Nothing."""

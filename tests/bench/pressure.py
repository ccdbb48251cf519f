"""Backpressure: a step fed at five times its speed, and the step before it, keep their memory and lose nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.ground import Ground, enveloped, say
from bench.jobs import job
from bench.processes import Running
from bench.topics import PARTITIONS, Fed, complete
from penstock.topology.plan import Plan

SECONDS, FED, SPEED = 180, 1_000, 200  # how long, records a second that come, records a second that `brake` can do
_SETTLED = 60  # s after which memory may not grow any more
_GROWTH = 0.10
_LOOK = 10.0  # s
_BATCH = 0.05  # s of records put at once


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: seconds since the feeding began, records that wait for `brake`, and both memories in MB."""

    at: float
    lag: int
    tap: float
    brake: float


@dataclass(frozen=True, slots=True)
class Pressure:
    """Every look, how many records were fed, and how many seconds the rest took once the brake was off."""

    looks: tuple[Look, ...]
    fed: int
    drained: float

    @property
    def growth(self) -> dict[str, float]:
        """The share by which each memory grew at most after the first minute."""
        rest = [look for look in self.looks if look.at >= _SETTLED]
        return {
            name: max(getattr(look, name) for look in rest) / getattr(rest[0], name) - 1 for name in ("tap", "brake")
        }

    def json(self) -> dict[str, float]:
        """The figures a machine reads."""
        last = self.looks[-1]
        return {
            "fed": self.fed, "lag": last.lag, "tap_mb": round(last.tap, 1), "brake_mb": round(last.brake, 1),
            "tap_growth": round(self.growth["tap"], 3), "brake_growth": round(self.growth["brake"], 3),
            "drained_s": round(self.drained, 1),
        }  # fmt: skip

    def rows(self) -> list[tuple[str, str, str]]:
        """The figures a person reads: what, figure, remark."""
        looks = [
            (f"after {look.at:.0f} s", f"{look.tap:.1f} MB, {look.brake:.1f} MB", f"{look.lag:,} records wait")
            for look in self.looks
            if round(look.at / _LOOK) % 3 == 0
        ]
        grown = f"{self.growth['tap']:+.1%}, {self.growth['brake']:+.1%}"
        return [
            ("", "tap, brake", f"{FED:,} records/s come, brake can do {SPEED}"),
            *looks,
            ("growth after 1 min", grown, f"goal under {_GROWTH:.0%}"),
            (
                "nothing lost",
                f"{self.fed:,} of {self.fed:,}",
                f"each once; the rest took {self.drained:.0f} s unbraked",
            ),
        ]


def bench(ground: Ground, rounds: int) -> Pressure:
    """One round, whatever is asked: it takes three minutes."""
    del rounds
    plan = ground.apply("flood")
    topics = ground.topics
    starts = topics.ends("bench-flood.out.results")
    with ground.product("flood", "tap") as tap:
        with ground.product("flood", "brake") as brake:
            looks = tuple(_press(ground, plan, tap, brake))
        fed = SECONDS * FED
        topics.until_committed("bench-flood.tap", "bench-flood.tap", tap.check)
    began = time.monotonic()
    with ground.product("flood", "brake", "--set", "brake:seconds=0") as brake:
        topics.until_full("bench-flood.out.results", starts, fed, brake.check)
    drained = time.monotonic() - began
    complete(topics.read("bench-flood.out.results", starts), fed, "pressure")
    if looks[-1].lag <= looks[0].lag:
        raise RuntimeError(f"there was no pressure: {looks[-1]}")
    return Pressure(looks, fed, drained)


def _press(ground: Ground, plan: Plan, tap: Running, brake: Running) -> Iterator[Look]:
    """Feed beside, and look every now and then until it is over."""
    began = time.monotonic()
    feeder = threading.Thread(target=ground.topics.feed, args=("bench-flood.tap", _paced(ground, plan)), daemon=True)
    feeder.start()
    while feeder.is_alive():
        feeder.join(_LOOK)
        for running in (tap, brake):
            running.check()
        lag = ground.topics.lag("bench-flood.brake", "bench-flood.brake")
        look = Look(time.monotonic() - began, lag, tap.memory(), brake.memory())
        say(f"pressure {look.at:.0f} s: {look.lag:,} wait, tap {look.tap:.1f} MB, brake {look.brake:.1f} MB")
        yield look


def _paced(ground: Ground, plan: Plan) -> Iterator[Fed]:
    began = time.monotonic()
    for seq in range(SECONDS * FED):
        if seq % int(FED * _BATCH) == 0:
            time.sleep(max(0.0, began + seq / FED - time.monotonic()))
        value = job(seq)
        key, header = enveloped(plan, "tap", value)
        yield Fed(key, ground.encode(value), seq % PARTITIONS, header)

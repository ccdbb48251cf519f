"""A thousand slow calls at once: how near the whole step comes to the best schedule of the very same calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.figures import Spread, makespan
from bench.ground import Ground, enveloped, say
from bench.jobs import decode, job, waits
from bench.topics import PARTITIONS, Fed, complete
from penstock.topology.plan import Plan

CALLS, SLOTS = 50_000, 1_000
_SEED = 7
_HEAD = 10  # bytes of a value that name its contract


@dataclass(frozen=True, slots=True)
class Slow:
    """Seconds from the first call's begin to the last commit, round by round, and what a greedy schedule takes."""

    ideal: float
    taken: Spread

    @property
    def ratio(self) -> Spread:
        """Of the ideal."""
        return Spread(tuple(self.ideal / taken for taken in self.taken.values))

    def json(self) -> dict[str, float]:
        """The figures a machine reads."""
        return {"ratio": round(self.ratio.median, 3)}

    def rows(self) -> list[tuple[str, str, str]]:
        """The figures a person reads: what, figure, remark."""
        return [
            (
                "greedy schedule, s",
                f"{self.ideal:.2f}",
                f"{CALLS:,} calls of exp(100 ms), seed {_SEED}, {SLOTS:,} slots",
            ),
            ("penstock, s", self.taken.text(2), "first call to last commit"),
            ("ratio", self.ratio.text(3), "goal 0.9"),
        ]


def bench(ground: Ground, rounds: int) -> Slow:
    """Measure the same calls `rounds` times."""
    plan = ground.apply("slow")
    durations = waits(CALLS, _SEED)
    ideal = makespan(durations, SLOTS)
    taken = []
    for number in range(1, rounds + 1):
        taken.append(_round(ground, plan, durations))
        say(f"slow {number}/{rounds}: {taken[-1]:.2f} s, a greedy schedule takes {ideal:.2f} s")
    return Slow(ideal, Spread(tuple(taken)))


def _round(ground: Ground, plan: Plan, durations: list[float]) -> float:
    topics = ground.topics
    topics.feed("bench-slow.call", _calls(ground, plan, durations))
    starts = topics.ends("bench-slow.next")
    with ground.product("slow", "call") as running:
        end = topics.until_committed("bench-slow.call", "bench-slow.call", running.check)
    seen = complete(topics.read("bench-slow.next", starts), len(durations), "slow")
    began: int = min(decode(record.value[_HEAD:])["ts"] for record in seen)
    return (end - began) / 1000


def _calls(ground: Ground, plan: Plan, durations: list[float]) -> Iterator[Fed]:
    for seq, wait in enumerate(durations):
        value = job(seq, wait)
        key, header = enveloped(plan, "call", value)
        yield Fed(key, ground.encode(value), seq % PARTITIONS, header)

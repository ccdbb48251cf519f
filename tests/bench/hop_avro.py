"""One hop: read, decode, add one, encode, write with a run event; against the raw loop, which writes no event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.figures import Spread, ratios, steady
from bench.ground import Ground, enveloped, say
from bench.jobs import encode, job
from bench.processes import Running
from bench.topics import PARTITIONS, Fed, complete
from penstock.topology.plan import Plan

RECORDS = 200_000


@dataclass(frozen=True, slots=True)
class Side:
    """One side of one round: records a second, and microseconds of the client's processor time a record."""

    rate: float
    cpu: float


@dataclass(frozen=True, slots=True)
class HopAvro:
    """What all rounds gave."""

    raw: tuple[Side, ...]
    ours: tuple[Side, ...]

    @property
    def ratio(self) -> Spread:
        """Ours to raw."""
        return ratios(_rates(self.ours), _rates(self.raw))

    def json(self) -> dict[str, float]:
        """The figures a machine reads."""
        return {"ratio": round(self.ratio.median, 3), "raw_per_s": round(_rates(self.raw).median)}

    def rows(self) -> list[tuple[str, str, str]]:
        """The figures a person reads: what, figure, remark."""
        return [
            ("raw loop, records/s", _rates(self.raw).text(), f"{_cpus(self.raw).text(1)} us client CPU each"),
            ("penstock, records/s", _rates(self.ours).text(), f"{_cpus(self.ours).text(1)} us client CPU each"),
            ("ratio", self.ratio.text(3), "goal 0.4"),
        ]


def bench(ground: Ground, rounds: int) -> HopAvro:
    """Measure, both sides in turn; the first pair only warms the broker up."""
    plan = ground.apply("hop")
    ground.topics.create("raw-hop-in", "raw-hop-out")
    raw: list[Side] = []
    ours: list[Side] = []
    for number in range(rounds + 1):
        count = RECORDS if number else RECORDS // 4
        raw.append(_raw(ground, count))
        ours.append(_ours(ground, plan, count))
        say(f"hop-avro {number}/{rounds}: raw {raw[-1].rate:,.0f}/s, penstock {ours[-1].rate:,.0f}/s")
    return HopAvro(tuple(raw[1:]), tuple(ours[1:]))


def _raw(ground: Ground, count: int) -> Side:
    ground.topics.feed("raw-hop-in", _plain(count))
    running = ground.raw("raw_hop", **{"group": "raw-hop", "in": "raw-hop-in", "out": "raw-hop-out"})
    return _measured(ground, running, ("raw-hop", "raw-hop-in", "raw-hop-out"), count)


def _ours(ground: Ground, plan: Plan, count: int) -> Side:
    ground.topics.feed("bench-hop.hop", _enveloped(ground, plan, count))
    running = ground.product("hop", "hop")
    return _measured(ground, running, ("bench-hop.hop", "bench-hop.hop", "bench-hop.next"), count)


def _measured(ground: Ground, running: Running, names: tuple[str, str, str], count: int) -> Side:
    group, source, target = names
    starts = ground.topics.ends(target)
    with running:
        ground.topics.until_committed(group, source, running.check)
        cpu = running.cpu()
    seen = complete(ground.topics.read(target, starts), count, target)
    return Side(steady([record.at for record in seen]), cpu / count * 1e6)


def _plain(count: int) -> Iterator[Fed]:
    for seq in range(count):
        yield Fed(b"%d" % seq, encode(job(seq)), seq % PARTITIONS)


def _enveloped(ground: Ground, plan: Plan, count: int) -> Iterator[Fed]:
    for seq in range(count):
        value = job(seq)
        key, header = enveloped(plan, "hop", value)
        yield Fed(key, ground.encode(value), seq % PARTITIONS, header)


def _rates(sides: tuple[Side, ...]) -> Spread:
    return Spread(tuple(side.rate for side in sides))


def _cpus(sides: tuple[Side, ...]) -> Spread:
    return Spread(tuple(side.cpu for side in sides))

"""The diamond, whole: ingress, A, B beside C, join, supervisor; runs a second when full, and latency at a walk."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from confluent_kafka import Consumer, Producer

from bench.figures import Spread, quantile, ratios
from bench.ground import Ground, say
from bench.jobs import encode, job
from bench.topics import Fed, complete

RUNS = 20_000
PACE = 50.0  # runs a second
_PACED = 1_150
_UNCOUNTED = 100  # the first of them: the clients have just met
_PATIENCE = 60.0  # s
_RAW = "raw-diamond"
_OURS = "bench-diamond"


@dataclass(frozen=True, slots=True)
class Round:
    """One round: runs/s of both, and our latencies in ms."""

    raw: float
    ours: float
    latencies: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Diamond:
    """What all rounds gave."""

    rounds: tuple[Round, ...]

    @property
    def raw(self) -> Spread:
        """Runs a second of the raw loop."""
        return Spread(tuple(one.raw for one in self.rounds))

    @property
    def ours(self) -> Spread:
        """Runs a second of ours."""
        return Spread(tuple(one.ours for one in self.rounds))

    @property
    def ratio(self) -> Spread:
        """Ours to raw."""
        return ratios(self.ours, self.raw)

    def latency(self, share: float) -> Spread:
        """A quantile of each round's latencies."""
        return Spread(tuple(quantile(one.latencies, share) for one in self.rounds))

    def json(self) -> dict[str, float]:
        """The figures a machine reads."""
        return {
            "ratio": round(self.ratio.median, 3),
            "runs_per_s": round(self.ours.median),
            "p50_ms": round(self.latency(0.5).median, 1),
            "p99_ms": round(self.latency(0.99).median, 1),
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """The figures a person reads: what, figure, remark."""
        return [
            ("raw diamond, runs/s", self.raw.text(), "no events, no supervisor, no status"),
            ("penstock, runs/s", self.ours.text(), "to the last run's status"),
            ("ratio", self.ratio.text(3), "goal 0.15"),
            (f"p50 at {PACE:.0f} runs/s, ms", self.latency(0.5).text(1), "goal 30"),
            (f"p99 at {PACE:.0f} runs/s, ms", self.latency(0.99).text(1), "goal 120"),
        ]


def bench(ground: Ground, rounds: int) -> Diamond:
    """Measure, both sides in turn; the first pair only warms the broker up."""
    ground.apply("diamond")
    ground.topics.create(*(f"{_RAW}-{name}" for name in ("in", "a", "b", "c", "out", "log")))
    done = []
    for number in range(rounds + 1):
        seqs = range(number * 1_000_000, number * 1_000_000 + (RUNS if number else RUNS // 5))
        raw = _raw(ground, seqs)
        ours, latencies = _ours(ground, seqs, _PACED if number else 0)
        say(f"diamond {number}/{rounds}: raw {raw:,.0f} runs/s, penstock {ours:,.0f}")
        done.append(Round(raw, ours, latencies))
        if latencies:
            say(f"diamond {number}/{rounds}: p50 {quantile(latencies, 0.5):.1f} p99 {quantile(latencies, 0.99):.1f} ms")
    return Diamond(tuple(done[1:]))


def _raw(ground: Ground, seqs: range) -> float:
    topics = ground.topics
    topics.feed(f"{_RAW}-in", (_fed(encode(job(seq)), seq) for seq in seqs))
    first, last = f"{_RAW}-a", f"{_RAW}-out"
    starts = {topic: topics.ends(topic) for topic in (first, last)}
    with ground.raw("raw_diamond", prefix=_RAW) as running:
        topics.until_full(last, starts[last], len(seqs), running.check)
    return _rate(ground, starts, (first, last), len(seqs))


def _ours(ground: Ground, seqs: range, paced: int) -> tuple[float, tuple[float, ...]]:
    """Full speed until every run has its status, then at a walk, in the same process."""
    topics = ground.topics
    topics.feed(f"{_OURS}.in", (_fed(ground.encode(job(seq)), seq) for seq in seqs))
    first, last, out = f"{_OURS}.a", f"{_OURS}.status", f"{_OURS}.out.results"
    starts = {topic: topics.ends(topic) for topic in (first, last, out)}
    with ground.product("diamond") as running:
        topics.until_full(last, starts[last], len(seqs), running.check)
        rate = _rate(ground, starts, (first, last), len(seqs))
        complete(topics.read(out, starts[out]), len(seqs), out)
        latencies = _walk(ground, range(seqs.stop, seqs.stop + paced), out) if paced else ()
        topics.until_full(last, starts[last], len(seqs) + paced, running.check)  # or the next round would count it
    return rate, latencies


def _rate(ground: Ground, starts: dict[str, dict[int, int]], between: tuple[str, str], count: int) -> float:
    """From the first record that A got (or made) to the last one of the end, both by the broker's clock."""
    first, last = (complete(ground.topics.read(topic, starts[topic]), count, topic) for topic in between)
    return count / (max(record.at for record in last) - min(record.at for record in first)) * 1000


def _walk(ground: Ground, seqs: range, out: str) -> tuple[float, ...]:
    """Send at an even pace; ms from each record's send until a reader of committed records has its result."""
    sent: dict[bytes, float] = {}
    reader = ground.topics.follower(out)
    sender = threading.Thread(target=_send, args=(ground, seqs, sent), daemon=True)
    sender.start()
    came = _follow(reader, len(seqs))
    sender.join(_PATIENCE)
    reader.close()
    return tuple((came[key] - at) * 1000 for key, at in list(sent.items())[_UNCOUNTED:])


def _send(ground: Ground, seqs: range, sent: dict[bytes, float]) -> None:
    writer = Producer({"bootstrap.servers": ground.bootstrap, "linger.ms": 0, "partitioner": "murmur2_random"})
    began = time.monotonic()
    for number, seq in enumerate(seqs):
        fed = _fed(ground.encode(job(seq)), seq)
        time.sleep(max(0.0, began + number / PACE - time.monotonic()))
        sent[fed.key] = time.monotonic()
        writer.produce(f"{_OURS}.in", fed.value, fed.key)
        writer.poll(0)
    writer.flush(_PATIENCE)


def _follow(reader: Consumer, count: int) -> dict[bytes, float]:
    came: dict[bytes, float] = {}
    until = time.monotonic() + count / PACE + _PATIENCE
    while len(came) < count:
        message = reader.poll(0.5)
        if message is not None and message.error() is None:
            came.setdefault(message.key() or b"", time.monotonic())
        elif time.monotonic() > until:
            raise TimeoutError(f"{len(came)} of {count} results came")
    return came


def _fed(value: bytes, seq: int) -> Fed:
    return Fed(job(seq)["id"].encode(), value)

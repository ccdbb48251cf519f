"""The catalogue of metrics, each written once with its sentence; the only file that imports prometheus_client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from penstock.contracts.answers import shown

_NOTHING: Mapping[str, float] = {}
M = TypeVar("M", bound=MetricWrapperBase)
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Tally:
    """Counts what happens for every record, on the one thread that does it; the counter hears of it at each scrape."""

    def __init__(self, counter: Counter) -> None:
        self.count = 0
        self._told = 0
        self._counter = counter

    def tell(self) -> None:
        """Bring the counter up to date; on the thread that scrapes."""
        count = self.count
        self._counter.inc(count - self._told)
        self._told = count


class Metrics:
    """Everything a process counts. What the loop counts by itself is read from `sample` at each scrape."""

    def __init__(self, pipeline: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the client's own gap; nobody asked for those gauges
        registry = self.registry = CollectorRegistry()
        self._tallies: list[Tally] = []
        self._children: dict[tuple[MetricWrapperBase, tuple[str, ...]], Any] = {}
        self._pipeline = pipeline
        labels = ("pipeline", "step")
        self._attempts = Counter(
            "penstock_step_attempts",
            "Attempts of handlers, by how they ended.",
            (*labels, "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "penstock_step_duration_seconds", "Time an attempt took.", (*labels, "outcome"), buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._retries = Counter(
            "penstock_step_retries", "Attempts that followed one that failed and counted.", labels, registry=registry
        )
        self._cost = Counter(
            "penstock_step_cost_usd", "US dollars that attempts spent, by the model that a handler names.",
            (*labels, "model"), registry=registry,
        )  # fmt: skip
        self._breaker = Gauge(
            "penstock_step_breaker_open", "1 while a step with a circuit breaker starts no attempts.", labels,
            registry=registry,
        )  # fmt: skip
        self._dead = Counter(
            "penstock_dead_letters", "Dead letters, by the first reason.", (*labels, "reason"), registry=registry
        )
        self._events = Counter(
            "penstock_ingress_events", "Events at the door: started, duplicate or refused.", ("pipeline", "outcome"),
            registry=registry,
        )  # fmt: skip
        self._runs = Counter(
            "penstock_runs_ended", "Runs that ended, by status.", ("pipeline", "status"), registry=registry
        )
        self._hung = Gauge(
            "penstock_step_hung_threads",
            "Synchronous handlers that timed out and still run.",
            labels,
            registry=registry,
        )

    def attempt(self, step: str, outcome: str, seconds: float, spending: Mapping[str, float] = _NOTHING) -> None:
        """An attempt ended: ok, retry, unavailable, invalid, error, timeout or escalated; US dollars by model."""
        self._child(self._attempts, step, outcome).inc()
        self._child(self._seconds, step, outcome).observe(seconds)
        if spending:
            self.spent(step, spending)

    def spent(self, step: str, spending: Mapping[str, float]) -> None:
        """An attempt spent so many US dollars, by model."""
        for model, usd in spending.items():
            self._child(self._cost, step, shown(model)).inc(usd)

    def retried(self, step: str) -> None:
        """An attempt failed and counted, and another follows."""
        self._child(self._retries, step).inc()

    def breaker(self, step: str, is_open: int) -> None:
        """A circuit breaker turned: 1 is open."""
        self._child(self._breaker, step).set(is_open)

    def attempts(self, step: str, outcome: str) -> Tally:
        """Counts one kind of attempt, for a handler too quick to be timed one by one."""
        tally = Tally(self._child(self._attempts, step, outcome))
        self._tallies.append(tally)
        return tally

    def dead(self, step: str, reason: str) -> None:
        """A dead letter was written."""
        self._dead.labels(self._pipeline, step, reason).inc()

    def event(self, outcome: str) -> None:
        """An upstream event was admitted, recognised or refused."""
        self._child(self._events, outcome).inc()

    def ended(self, status: str) -> None:
        """A run ended."""
        self._child(self._runs, status).inc()

    def hung(self, step: str, count: int) -> None:
        """So many threads of a step hang."""
        self._child(self._hung, step).set(count)

    def watch(self, sample: Callable[[], Iterator[tuple[str, str, str, float]]]) -> None:
        """Read figures of the loop at each scrape: (name, sentence, step, value); names on _total are counters."""
        self.registry.register(_Watched(self._pipeline, sample))

    def text(self) -> bytes:
        """The page for Prometheus."""
        for tally in self._tallies:
            tally.tell()
        return generate_latest(self.registry)

    def _child(self, metric: M, *labels: str) -> M:
        """A metric under its labels, which the library takes its time to look up."""
        key = (metric, labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(self._pipeline, *labels)
        return child


class _Watched:
    def __init__(self, pipeline: str, sample: Callable[[], Iterator[tuple[str, str, str, float]]]) -> None:
        self._pipeline = pipeline
        self._sample = sample

    def collect(self) -> Iterator[Metric]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for name, sentence, step, value in self._sample():
            if name not in families:
                kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
                families[name] = kind(name.removesuffix("_total"), sentence, labels=("pipeline", "step"))
            families[name].add_metric((self._pipeline, step), value)
        yield from families.values()

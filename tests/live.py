"""Hosts a topology of actors on a real Kafka, in threads of this process: what the broker in memory shows, for true."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Self

from penstock.assembly.services import all_steps, services
from penstock.cli.hosting import kit_for
from penstock.contracts.records import Offer, Review, RunEvent, RunStatus
from penstock.contracts.topics import Topics
from penstock.escalation.desk import decide, open_reviews
from penstock.escalation.inbox import Inbox
from penstock.escalation.requests import Requests
from penstock.ingress.entries import entries
from penstock.provision.apply import apply
from penstock.provision.broker import Broker
from penstock.runtime.codec import Codec
from penstock.runtime.kafka import KafkaCluster
from penstock.runtime.kafka.admin import KafkaAdmin
from penstock.runtime.kafka.feed import KafkaFeed
from penstock.runtime.metrics import Metrics
from penstock.runtime.processor import Processor
from penstock.topology.compiler import compile_topology
from pipelines import Cast, contracts

_PARTITIONS = 2
_TICK = 0.05


class Live:
    """A pipeline whose steps run in processes of their own, as far as Kafka can tell."""

    def __init__(self, kafka: Broker, text: str, cast: Cast) -> None:
        self.cast = cast
        self.plan = compile_topology(text.encode(), "live.yaml", contracts(), cast.resolve)
        self.topics = Topics(self.plan.pipeline)
        self.codec = Codec(contracts())
        self._connection = {"bootstrap.servers": kafka.bootstrap}
        self._cluster = KafkaCluster(self._connection)
        self._log = self._cluster.log()
        self._ends = ExitStack()
        self._stops: dict[str, threading.Event] = {}
        apply(self.plan, KafkaAdmin(self._connection), _PARTITIONS, 1, contracts=contracts())

    def start(self, *steps: str, without: str = "") -> None:
        """Host these steps, or all of them but one, in a thread."""
        named = steps or tuple(step for step in all_steps(self.plan) if step != without)
        unit = "-".join(steps) or "dev"
        cluster = KafkaCluster(self._connection, f"{self.plan.pipeline}.{unit}.0")
        kit = kit_for(cluster, self.codec, Metrics(self.plan.pipeline), settings={})
        hosted = services(self.plan, named, replace(kit, resolve=self.cast.resolve))
        for service in hosted:
            if service.prepare is not None:
                service.prepare()
        processor = Processor(
            hosted, cluster, self.codec, transactional_id=f"{self.plan.pipeline}.{unit}.0", clock=time.time,
            sleep=time.sleep,
        )  # fmt: skip
        stop = threading.Event()
        thread = threading.Thread(target=processor.run, args=(stop.is_set,), name=unit)
        thread.start()
        self._ends.callback(cluster.close)
        self._ends.callback(thread.join)
        self._ends.callback(stop.set)

    def send(self, *values: Mapping[str, Any]) -> None:
        """Upstream events."""
        feed = KafkaFeed(self._connection)
        for entry in entries([json.dumps(value) for value in values], self.plan.ingress, self.codec, "test"):
            feed.send(self.topics.intake, entry.key, entry.value)
        feed.flush()

    def until(self, true: Callable[[], bool], seconds: float = 40.0) -> None:
        """Wait for it; AssertionError, with where all runs stand, when it does not come."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"not within {seconds:.0f} s: {self.ends()}"
            time.sleep(_TICK)

    def values(self, topic: str) -> list[Any]:
        """Every committed value of a topic, None for a tombstone."""
        records = [r for partition in range(_PARTITIONS) for r in self._log.read(topic, partition)]
        return [self.codec.decode(r.value)[1] if r.value is not None else None for r in records]

    def states(self, event: str) -> list[str]:
        """Every state that was told of an event's run."""
        found: list[RunStatus] = self.values(self.topics.status)
        return [status["state"] for status in found if status["event"] == event]

    def ends(self) -> dict[str, str]:
        """Event id -> where its run stands."""
        return {status["event"]: status["state"] for status in self.values(self.topics.status)}

    def events(self, kind: str, event: str = "") -> list[RunEvent]:
        """What happened."""
        found: list[RunEvent] = self.values(self.topics.runs)
        return [one for one in found if one["kind"] == kind and event in {"", one["event"]}]

    def review(self, event: str) -> Review | None:
        """The question that is open about an event's run."""
        waiting = open_reviews(self.values(self.topics.reviews))
        return next((review for review in waiting if review["event"] == event), None)

    def asked(self, event: str) -> Review:
        """The question about an event's run, as soon as it is open."""
        self.until(lambda: self.review(event) is not None)
        review = self.review(event)
        assert review is not None
        return review

    def decide(
        self, verdict: Offer, event: str, value: Mapping[str, Any] | None = None, by: str = "ana",
        review: Review | None = None,
    ) -> None:  # fmt: skip
        """A person decides what is open about an event's run, as soon as it is, or what was seen before."""
        found = review or self.asked(event)
        inbox = Inbox(self.plan.pipeline, self._cluster, self.codec, time.time)
        assert any(one["review"] == found["review"] for one in inbox.reviews())
        payload = inbox.value(found)
        if verdict == "edit":
            old = self.codec.decode(payload)[1] if payload else {}
            payload = self.codec.encode(found["contract"], {**old, **(value or {})})
        inbox.write(decide(found, verdict, payload, by=by, now=int(time.time() * 1000), note="because"))

    def cancel(self, event: str) -> None:
        """A person cancels an event's run, which has begun."""
        self.until(lambda: bool(self.events("run_started", event)))
        requests = Requests(self.plan.pipeline, self._cluster, self.codec, time.time)
        requests.cancel(requests.find(self.events("run_started", event)[0]["run"]), by="ana", note="enough")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()
        self._cluster.close()

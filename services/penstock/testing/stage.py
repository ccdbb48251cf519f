"""A compiled topology on a broker in memory, its clock moved by hand: what happens to it, and what it wrote."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Self

from penstock.assembly.services import all_steps, services
from penstock.contracts.address import Address
from penstock.contracts.records import Offer, Review, RunEvent, RunStatus
from penstock.contracts.topics import Topics
from penstock.errors import Fatal
from penstock.escalation.desk import claim, decide, open_reviews
from penstock.escalation.inbox import Inbox
from penstock.escalation.requests import Requests
from penstock.ingress.entries import entries
from penstock.provision.apply import groups_of, topics_of
from penstock.runtime.codec import Codec
from penstock.runtime.intake import Intake
from penstock.runtime.kit import Kit, Resolve
from penstock.runtime.memory import MemoryBroker, MemoryConsumer
from penstock.runtime.metrics import Metrics
from penstock.runtime.ports import Committed, Headers, Output, Record
from penstock.runtime.processor import Processor
from penstock.testing.work import Still, Work
from penstock.topology.plan import Plan
from penstock.topology.routes import handed_over, topic_of

_QUIET = 2  # idle turns in a row: in the first one a commit may still have made something visible
_PATIENCE = 60.0  # real seconds


class Stage:
    """Hosts every step of a plan in one process; `resolve` finds the handlers that the plan names.

    `forgiving` dispatches again what the process has died of three times.
    """

    def __init__(  # noqa: PLR0913 - all that a process is made of
        self,
        plan: Plan,
        codec: Codec,
        resolve: Resolve,
        *,
        work: Work | None = None,
        partitions: int = 1,
        metrics: Metrics | None = None,
        forgiving: bool = False,
    ) -> None:
        self.plan = plan
        self.codec = codec
        self.topics = Topics(plan.pipeline)
        self.work: Work = work or Still()
        self.clock = self.work.clock
        self.broker = MemoryBroker(self.clock)
        self.metrics = metrics or Metrics(plan.pipeline)
        self.kit = Kit(codec, self.metrics, resolve, self._fetch, self.clock, self.work.sleep, lambda: 0.5)
        self._reader = self.broker.log()
        self._forgiving = forgiving
        self._dying = False
        self._away: set[str] = set()
        self._make_topics(partitions)
        self.processor = self._processor()

    def _make_topics(self, partitions: int) -> None:
        """What `penstock apply` does to a Kafka."""
        for spec in topics_of(self.plan, partitions):
            self.broker.create(spec.name, spec.partitions)
        for topic in handed_over(self.plan):
            self.broker.create(topic, partitions)
        for group, topic in groups_of(self.plan).items():
            self.broker.offsets.update({(group, topic, p): Committed(0, "") for p in range(partitions)})

    def _processor(self) -> Processor:
        here = tuple(step for step in all_steps(self.plan) if step not in self._away)
        hosted = services(self.plan, here, self.kit)
        for service in hosted:
            if service.prepare is not None:
                service.prepare()
        return Processor(
            hosted, self.broker, self.codec, transactional_id=f"{self.plan.pipeline}.dev.0", clock=self.clock,
            sleep=self.clock.sleep, interval=0.0, forgive_deaths=self._forgiving, lanes=self.work.lanes(),
        )  # fmt: skip

    async def _fetch(self, address: Address) -> Record | None:
        return self._reader.fetch(address)

    # --- doing ---

    def send(self, *values: Mapping[str, Any], headers: Headers | None = None) -> None:
        """Upstream events, as `penstock send` writes them."""
        lines = [json.dumps(value) for value in values]
        for entry in entries(lines, self.plan.ingress, self.codec, "test"):
            self.put(entry.value, key=entry.key, headers=headers)

    def put(
        self, value: bytes | None, *, key: bytes | None = b"k", topic: str = "", headers: Headers | None = None
    ) -> None:
        """Any record, on the partition of its key."""
        self.broker.append(Output(topic or self.topics.intake, -1, key, value, headers))

    def settle(self) -> None:
        """Go on until nothing moves any more. Time passes only where a job sleeps, and only until it wakes."""
        self._rest()
        while (wake := self.work.wakes()) is not None:
            self.clock.now = self._next(wake)
            self._rest()

    def wait(self, seconds: float) -> None:
        """Let so much time pass; whatever is due in it happens at its own time."""
        until = self.clock.now + seconds
        self._rest()
        while (at := self._next(until)) < until:
            self.clock.now = at
            self._rest()
        self.clock.now = max(until, self.clock.now)
        self.settle()

    def die(self) -> None:
        """The process dies as soon as whoever says so has come to a stop."""
        self._dying = True

    def kill(self) -> None:
        """The process dies, wherever it is, and a new one takes its place."""
        self._dying = False
        for intake in self.processor.intakes:
            self._expire(intake)
        self.processor.lanes.close()
        self.processor = self._processor()

    def hold(self, step: str) -> None:
        """A step reads nothing from here on: its process is away."""
        self._away.add(step)
        for intake in [intake for intake in self.processor.intakes if intake.service.step == step]:
            self.processor.intakes.remove(intake)
            self._expire(intake)

    def resume(self, step: str) -> None:
        """It reads on, in a process of its own."""
        self._away.discard(step)
        self.kill()

    def decide(
        self, verdict: Offer, *, review: Review | None = None, note: str = "because", by: str = "ana",
        value: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """A person decides the review that waits (the first one, unless named).

        With `edit`, `value` holds the fields that differ from what is in question, or all where there is nothing.
        """
        inbox = Inbox(self.plan.pipeline, self.broker, self.codec, self.clock)
        waiting = open_reviews(inbox.reviews())
        found = review or waiting[0]
        payload = inbox.value(found)
        if verdict == "edit":
            old = self.codec.decode(payload)[1] if payload else {}
            payload = self.codec.encode(found["contract"], {**old, **(value or {})})
        inbox.write(decide(found, verdict, payload, by=by, now=int(self.clock() * 1000), note=note))

    def claim(self, *, by: str = "ana", seconds: float = 900.0) -> None:
        """A person takes the review that waits."""
        inbox = Inbox(self.plan.pipeline, self.broker, self.codec, self.clock)
        found = open_reviews(inbox.reviews())[0]
        inbox.write(claim(found, by=by, now=int(self.clock() * 1000), lease_ms=int(seconds * 1000)))

    def cancel(self, event: str = "", *, note: str = "", by: str = "ana") -> None:
        """A person cancels the newest run of an event, or the newest of all."""
        requests = Requests(self.plan.pipeline, self.broker, self.codec, self.clock)
        begun = [told["run"] for told in self.events("run_started") if event in {"", told["event"]}]
        requests.cancel(requests.find(begun[-1]), by=by, note=note)

    def close(self) -> None:
        """Let go of what is held; the records can still be looked at."""
        self.processor.lanes.close()
        self.work.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _expire(self, intake: Intake) -> None:
        assert isinstance(intake.consumer, MemoryConsumer)  # noqa: S101 - this broker has no others
        self.broker.expire(intake.consumer)

    def _rest(self) -> None:
        """Turn until nothing moves at this time of the clock."""
        idle, until = 0, time.monotonic() + _PATIENCE
        while idle < _QUIET:
            busy = self.processor.turn() or bool(self.processor.transactions)
            busy |= self.work.get_on(running=any(intake.in_flight for intake in self.processor.intakes))
            if self._dying:
                self.kill()
                busy = True
            idle = 0 if busy else idle + 1
            if time.monotonic() > until:
                raise Fatal(f"{self.plan.pipeline} does not come to rest within {_PATIENCE:g} s")
        for halt in self.processor.halted.values():
            raise halt

    def _next(self, limit: float) -> float:
        """When something happens by itself: a job wakes, a step's timer is due, or the limit is reached."""
        dues = [store.next_due() for intake in self.processor.intakes for store in intake.stores.values()]
        times = [due / 1000 + 0.0005 for due in dues if due is not None]  # a float may fall short of its millisecond
        wake = self.work.wakes()
        return min([limit, *(at for at in [*times, *([wake] if wake else [])] if at > self.clock.now)])

    # --- looking ---

    def records(self, topic: str) -> list[Record]:
        """All committed records of a topic."""
        return list(self._visible(topic))

    def values(self, topic: str) -> list[Any]:
        """Their values, decoded."""
        return [self.codec.decode(record.value)[1] for record in self._visible(topic)]

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

    def outputs(self, name: str) -> list[Any]:
        """What an output holds."""
        return self.values(topic_of(self.plan, name))

    def kept(self, step: str) -> dict[str, Any]:
        """What a step keeps, as its changelog says."""
        found: dict[str, Any] = {}
        for record in self._visible(self.topics.state(step)):
            key = (record.key or b"").decode()
            found.pop(key, None)
            if record.value is not None:
                found[key] = self.codec.decode(record.value)[1]
        return found

    def _visible(self, topic: str) -> Iterator[Record]:
        for partition in range(len(self.broker.topics[topic])):
            yield from self.broker.visible(topic, partition, 0, self.broker.stable(topic, partition))

"""What a cluster knows of a pipeline's earlier plans, and what of their work is still under way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Protocol

from penstock.assembly.published import plan_of, read, written
from penstock.contracts.records import PUBLISHED_PLAN, PublishedPlan
from penstock.contracts.topics import SUPERVISOR, Topics
from penstock.errors import Poison, Refused
from penstock.runtime.codec import Codec
from penstock.runtime.offsets import Progress, decode
from penstock.runtime.ports import Committed, Record
from penstock.topology.plan import Output, Plan

_MOST = 10_000  # records that are counted; whoever has more left knows enough


class Reader(Protocol):
    """What is asked of a cluster; see `apply.Admin`."""

    def committed(self, group: str, topic: str, partitions: int) -> Mapping[int, Committed]:
        """What a group has committed, by partition."""

    def records(self, topic: str, starts: Mapping[int, int]) -> Iterator[Record]:
        """Every committed record of these partitions from these offsets on."""

    def write(self, topic: str, key: bytes, value: bytes) -> None:
        """Write one record."""


class History:
    """The plans that were applied before `plan`; `there` are the cluster's topics with their partitions.

    The codec learns the contracts that were spoken under them.
    """

    def __init__(self, plan: Plan, codec: Codec, reader: Reader, there: Mapping[str, int]) -> None:
        self._plan = plan
        self._codec = codec
        self._reader = reader
        self._there = there
        self._topics = Topics(plan.pipeline)
        self._published: dict[str, PublishedPlan] = dict(self._read())
        for published in self._published.values():
            for text in published["schemas"]:
                codec.learn(json.loads(text))

    @cached_property
    def in_flight(self) -> Mapping[str, int]:
        """How many runs are open under each other plan, by its digest; as far as the supervisor has read."""
        topic = self._topics.state(SUPERVISOR)
        if self._published.keys() <= {self._plan.digest} or topic not in self._there:
            return {}
        runs: dict[tuple[int, bytes | None], str] = {}
        for record in self._reader.records(topic, dict.fromkeys(range(self._there[topic]), 0)):
            runs.pop((record.partition, record.key), None)
            if record.value is not None:
                runs[record.partition, record.key] = self._plan_of_run(record.value)
        return Counter(digest for digest in runs.values() if digest != self._plan.digest)

    def hold(self) -> None:
        """Refused E308 where a step that the plan leaves out has work left, or may still get some."""
        refused = [refusal for name, digests in self._gone().items() if (refusal := self._refusal(name, digests))]
        if refused:
            refused[0].others = tuple(refused[1:])
            raise refused[0]

    def publish(self) -> bool:
        """Write the plan, unless it is there already; whether it was written. Refused E309 where it is too large."""
        known = self._published.get(self._plan.digest)
        record = written(self._plan, self._codec, known["schemas"] if known is not None else ())
        if record == known:
            return False
        try:
            data = self._codec.encode(PUBLISHED_PLAN, record)
        except Poison as poison:
            raise Refused("E309", f"the plan of {self._plan.pipeline} is too large to be published", why=str(poison),
                          fix="shorten the descriptions in its schemas, or split the pipeline") from poison  # fmt: skip
        self._reader.write(self._topics.plans, self._plan.digest.encode(), data)
        return True

    def _read(self) -> Iterator[tuple[str, PublishedPlan]]:
        """What was published; what this build cannot read is left alone."""
        if self._topics.plans not in self._there:
            return
        for record in self._reader.records(self._topics.plans, {0: 0}):
            try:
                published = read(record.value or b"", self._codec)
            except ValueError:
                continue
            yield published["digest"], published

    def _plan_of_run(self, value: bytes) -> str:
        try:
            return str(self._codec.decode(value)[1]["plan"])
        except Poison:
            return "of another version"

    def _gone(self) -> dict[str, list[str]]:
        """Steps that the plan leaves out, or makes another kind of, with the digests of the plans that have them."""
        gone: dict[str, list[str]] = {}
        for digest, published in self._published.items():
            try:
                old = plan_of(published)
            except ValueError:
                continue
            for name, step in old.steps.items():
                now = self._plan.steps.get(name)
                if not isinstance(step, Output) and (now is None or now.kind != step.kind):
                    gone.setdefault(name, []).append(digest)
        return gone

    def _refusal(self, step: str, digests: list[str]) -> Refused | None:
        left, runs = self._left(step), sum(self.in_flight.get(digest, 0) for digest in digests)
        if not left and not runs:
            return None
        more, s = " or more" if left == _MOST else "", "s" * (runs != 1)
        return Refused(
            "E308", f"step {step} has work left, and the plan leaves it out",
            why=f"{left:,}{more} of its records are not done, and {runs:,} run{s} in flight may still come to it",
            fix="keep the step for now; or stop the ingress, let the runs end, and apply again",
        )  # fmt: skip

    def _left(self, step: str) -> int:
        topic = self._topics.step(step)
        if topic not in self._there:
            return 0
        return sum(1 for _ in islice(self._undone(self._topics.group(step), topic), _MOST))

    def _undone(self, group: str, topic: str) -> Iterator[Record]:
        """Records that the group has not completed: completion is out of order, and the metadata names the gaps."""
        places = self._reader.committed(group, topic, self._there[topic])
        for partition in range(self._there[topic]):
            place = places.get(partition, Committed(0, ""))
            progress = decode(place.offset, place.metadata) or Progress(place.offset)
            incomplete = set(progress.incomplete)
            for record in self._reader.records(topic, {partition: place.offset}):
                if record.offset >= progress.top or record.offset in incomplete:
                    yield record

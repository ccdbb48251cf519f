"""Deployments of one pipeline, one after the other or side by side, each a process's loop on either broker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from contract.worlds import World
from penstock.assembly.services import all_steps, services
from penstock.cli.hosting import kit_for
from penstock.contracts.records import RunEvent, RunStatus
from penstock.contracts.topics import Topics
from penstock.ingress.entries import entries
from penstock.provision.apply import Applied, apply
from penstock.runtime.codec import Codec
from penstock.runtime.metrics import Metrics
from penstock.runtime.ports import BY_KEY, Output
from penstock.runtime.processor import Processor
from penstock.topology.compiler import compile_topology
from penstock.topology.plan import Plan
from pipelines import Cast, contracts

PARTITIONS = 2
_PATIENCE = 60.0


@dataclass
class Deploys:
    """A pipeline's processes; `shift` moves their clocks ahead of the world's, in seconds."""

    world: World
    cast: Cast
    running: list[Processor] = field(default_factory=list)
    shift: float = 0.0

    @property
    def pipeline(self) -> str:
        """Its name."""
        return self.world.name("deploys").replace(".", "-")

    @property
    def topics(self) -> Topics:
        """Its topics."""
        return Topics(self.pipeline)

    def compiled(self, text: str) -> Plan:
        """A topology under the pipeline's name."""
        return compile_topology(f"pipeline: {self.pipeline}\n{text}".encode(), "t.yaml", contracts(), self.cast.resolve)

    def apply(self, plan: Plan) -> Applied:
        """What `penstock apply` does."""
        return apply(plan, self.world.admin(), PARTITIONS, 1, contracts=contracts())

    def start(self, plan: Plan, *steps: str, slot: int = 0) -> Processor:
        """What `penstock run` does, for these steps or all."""
        codec = Codec(contracts())
        kit = kit_for(self.world.cluster, codec, Metrics(plan.pipeline), settings={}, clock=self.clock)
        hosted = services(plan, steps or all_steps(plan), replace(kit, resolve=self.cast.resolve))
        for service in hosted:
            if service.prepare is not None:
                service.prepare()
        self.running.append(
            Processor(hosted, self.world.cluster, codec, transactional_id=f"{self.pipeline}.dev.{slot}",
                      clock=self.clock, sleep=self.world.sleep)
        )  # fmt: skip
        return self.running[-1]

    def clock(self) -> float:
        """The processes' time."""
        return self.world.clock() + self.shift

    def stop(self) -> None:
        """All processes end in good order, without waiting for what is in flight."""
        for processor in self.running:
            processor.run(lambda: True, 0.0)
        self.running.clear()

    def drive(self, done: Callable[[], bool]) -> None:
        """Let the loops turn until `done`."""
        until = time.monotonic() + _PATIENCE
        while not done():
            assert time.monotonic() < until, "it did not happen in time"
            begun = time.monotonic()
            while time.monotonic() - begun < 0.2:
                for processor in self.running:
                    processor.turn()
                self.world.sleep(0.001)

    def send(self, plan: Plan, values: Iterable[Mapping[str, Any]]) -> None:
        """What `penstock send` does."""
        found = entries((json.dumps(value) for value in values), plan.ingress, Codec(contracts()), "test")
        self.world.append([Output(self.topics.intake, BY_KEY, entry.key, entry.value) for entry in found])

    def values(self, topic: str) -> list[Any]:
        """What a topic holds, decoded."""
        codec = Codec(contracts())
        return [codec.decode(r.value)[1] for r in self.world.visible(topic) if r.value is not None]

    def events(self, kind: str, step: str = "") -> list[RunEvent]:
        """What happened."""
        found: list[RunEvent] = self.values(self.topics.runs)
        return [event for event in found if event["kind"] == kind and step in {"", event["step"]}]

    def ends(self) -> list[RunStatus]:
        """Every terminal status."""
        found: list[RunStatus] = self.values(self.topics.status)
        return [status for status in found if status["terminal"]]

    def outputs(self, name: str) -> list[str]:
        """The ids in an output, sorted."""
        return sorted(value["id"] for value in self.values(self.topics.output(name)))

"""Small services to try the loop with, and the questions a test asks about what became of the inputs."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from contract.worlds import World
from penstock.contracts.address import Address, parse
from penstock.contracts.answers import Reason
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import dead_part, of_run
from penstock.contracts.records import EVENT_MEMORY
from penstock.contracts.schemas import load
from penstock.errors import Poison
from penstock.runtime.codec import Codec
from penstock.runtime.ports import Cluster, Committed, Output, Record
from penstock.runtime.processor import Processor
from penstock.runtime.service import Answer, Call, Done, Keeps, Message, Send, Service, View

CODEC = Codec(load())
_PATIENCE = 90.0
NOTHING_OWED: tuple[list[str], list[str]] = ([], [])


def ended() -> bool:
    """For `run`: stop at once."""
    return True


def note(number: int, text: str = "") -> dict[str, Any]:
    """A value of the contract that all the services here read and write."""
    return {"sha256": b"", "run": text, "at": number}


@dataclass
class Stage:
    """Topics `in`, `out`, `runs`, `dlq` and `state` of one test, and services between them."""

    world: World
    partitions: int = 4
    held: set[int] = field(default_factory=set)
    begun: Counter[int] = field(default_factory=Counter)
    running: int = 0

    def __post_init__(self) -> None:
        for suffix in ("in", "out", "runs", "dlq", "state"):
            self.world.create_topic(self.topic(suffix), self.partitions)
        self.place("step", dict.fromkeys(range(self.partitions), Committed(0, "")))

    def topic(self, suffix: str) -> str:
        """The full name of a topic."""
        return self.world.name(suffix)

    def place(self, step: str, places: dict[int, Committed]) -> None:
        """Set the offsets of a step's group."""
        self.world.place_group(self.world.name(step), self.topic("in"), places)

    def committed(self, step: str = "step") -> dict[int, Committed]:
        """The offsets of a step's group."""
        return self.world.committed(self.world.name(step), self.topic("in"))

    def service(self, answer: Callable[[Message, View], Answer], step: str = "step", **more: Any) -> Service:  # noqa: ANN401 - any field of Service
        """A service between `in` and `out`."""
        return Service(
            pipeline="t",
            step=step,
            source=self.topic("in"),
            group=self.world.name(step),
            runs=self.topic("runs"),
            contracts=frozenset({EVENT_MEMORY}),
            answer=answer,
            bury=self._bury,
            enveloped=False,
            **more,
        )

    def echo(self, **more: Any) -> Service:  # noqa: ANN401 - any field of Service
        """Answers at once with the address of what it read."""
        return self.service(lambda message, _: self.answer_to(message), **more)

    def calls(self, concurrency: int = 8, **more: Any) -> Service:  # noqa: ANN401 - any field of Service
        """Answers the same from a job, which waits for as long as its number is in `held`."""
        return self.service(lambda message, _: Call(lambda: self._job(message)), concurrency=concurrency, **more)

    def counting(self, **more: Any) -> Service:  # noqa: ANN401 - any field of Service
        """Keeps, for each text it reads, how often; answers with the count."""

        def answer(message: Message, view: View) -> Answer:
            key = message.value["run"]
            count = (view.state.get(key) or note(0))["at"] + 1
            view.state.put(key, note(count, key))
            return self.answer_to(message, count)

        return self.service(answer, keeps=Keeps(self.topic("state"), EVENT_MEMORY), **more)

    def answer_to(self, message: Message, number: int | None = None) -> Done:
        """An output that names the input it belongs to."""
        value = note(message.value["at"] if number is None else number, str(message.record.address))
        return Done((Send(self.topic("out"), message.record.key or b"", value, EVENT_MEMORY),))

    def processor(self, *services: Service, slot: str = "0", cluster: Cluster | None = None, **more: Any) -> Processor:  # noqa: ANN401 - any setting of the loop
        """A process's loop; `slot` tells two of them apart, and `clock` may be another than the world's."""
        return Processor(
            services,
            cluster or self.world.cluster,
            CODEC,
            transactional_id=self.world.name(f"tx.{slot}"),
            sleep=self.world.sleep,
            **{"clock": self.world.clock, **more},
        )

    def feed(self, numbers: range, text: str = "", partition: int | None = None) -> None:
        """Write one input for each number, spread over the partitions."""
        self.world.append(
            [
                Output(self.topic("in"), n % self.partitions if partition is None else partition, b"k%d" % n,
                       CODEC.encode(EVENT_MEMORY, note(n, text)))
                for n in numbers
            ]
        )  # fmt: skip

    def drive(self, done: Callable[[], bool], *processors: Processor) -> None:
        """Let the loops turn, each in turn, until `done`."""
        until = self.world.clock() + _PATIENCE
        asked = time.monotonic()
        while not done():
            assert self.world.clock() < until, "it did not happen in time"
            turn_for = time.monotonic() - asked  # to look from outside costs more than a turn
            begun = time.monotonic()
            while True:
                for processor in processors:
                    processor.turn()
                self.world.sleep(0.001)
                if time.monotonic() - begun >= turn_for:
                    break
            asked = time.monotonic()

    def quiet(self, seconds: float, *processors: Processor) -> None:
        """Let the loops turn for a while."""
        until = self.world.clock() + seconds
        self.drive(lambda: self.world.clock() >= until, *processors)

    def inputs(self) -> list[Record]:
        """Every input."""
        return self.world.records(self.topic("in"))

    def outputs(self) -> list[tuple[Address, int]]:
        """Of every output, the input it names and its number."""
        found = [CODEC.decode(record.value)[1] for record in self.world.records(self.topic("out"))]
        return [(parse(value["run"]), value["at"]) for value in found]

    def answered(self) -> int:
        """How many outputs there are."""
        return len(self.world.visible(self.topic("out")))

    def owed(self) -> tuple[list[str], list[str]]:
        """Inputs without an output, and inputs with more than one: both empty is what we promise."""
        counts = Counter(address for address, _ in self.outputs())
        inputs = [record.address for record in self.inputs()]
        lost = [str(address) for address in inputs if not counts[address]]
        return lost, [str(address) for address, count in counts.items() if count > 1]

    def fold(self) -> dict[str, int]:
        """What the counting service must know, by the inputs."""
        return dict(Counter(CODEC.decode(record.value)[1]["run"] for record in self.inputs()))

    def changelog(self) -> dict[str, int]:
        """What its changelog says, all partitions together."""
        counts: Counter[str] = Counter()
        latest = {(r.partition, r.key): r.value for r in self.world.records(self.topic("state"))}
        for (_, key), value in latest.items():
            counts[(key or b"").decode()] += CODEC.decode(value)[1]["at"] if value else 0
        return dict(counts)

    async def _job(self, message: Message) -> Done:
        number = message.value["at"]
        self.begun[number] += 1
        self.running += 1
        try:
            while number in self.held:  # noqa: ASYNC110 - the test, on another thread, lets go
                await asyncio.sleep(0.001)
        finally:
            self.running -= 1
        return self.answer_to(message)

    def _bury(self, record: Record, _: Envelope | None, poison: Poison, now: int) -> Done:
        part = dead_part((Reason(poison.code, str(poison)),))
        event = of_run("refused", "", "", now, step="step", address=str(record.address), dead=part)
        return Done((), event, Output(self.topic("dlq"), record.partition, record.key, record.value, record.headers),
                    failed=True)  # fmt: skip

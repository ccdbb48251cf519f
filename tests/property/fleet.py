"""Several processes on the broker in memory, and everything that can befall them, drawn from a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from contract.stage import CODEC, Stage, note
from contract.worlds import MemoryWorld
from penstock.contracts.address import Address
from penstock.contracts.records import EVENT_MEMORY
from penstock.errors import Abort, Fatal, Fenced, Unknown
from penstock.runtime.memory import MemoryBroker, MemoryConsumer, MemoryLog, MemoryProducer
from penstock.runtime.ports import Committed, Listener, Output
from penstock.runtime.processor import Processor
from penstock.runtime.service import Answer, Call, Done, Keeps, Message, Service, View
from property.manual import ManualLanes, by_hand

PARTITIONS = 3
SLOTS = 3


class Killed(BaseException):
    """SIGKILL, at whatever call the process was in."""


class Trouble:
    """What the next calls of a producer meet; `level` is the chance in a thousand."""

    def __init__(self, random: Random) -> None:
        self.level = 0
        self._random = random

    def meet(self, *fates: type[BaseException]) -> None:
        """Perhaps raise one of the fates."""
        if self._random.randrange(1_000) < self.level:
            fate = self._random.choice(fates)
            raise fate("trouble")


class TroubledProducer(MemoryProducer):
    """A producer whose every call may fail, before it took effect or after."""

    def __init__(self, broker: MemoryBroker, transactional_id: str, trouble: Trouble) -> None:
        super().__init__(broker, transactional_id)
        self._trouble = trouble

    def begin(self) -> None:
        """See the port."""
        self._trouble.meet(Killed, Unknown)
        super().begin()

    def produce(self, output: Output) -> None:
        """See the port."""
        self._trouble.meet(Killed, Abort, Unknown)
        super().produce(output)

    def place(self, outputs: Sequence[Output]) -> list[Address]:
        """See the port."""
        self._trouble.meet(Killed, Abort)
        found = super().place(outputs)
        self._trouble.meet(Killed, Abort)
        return found

    def send_offsets(self, topic: str, offsets: Any, member: Any) -> None:  # noqa: ANN401 - as in the port
        """See the port."""
        self._trouble.meet(Killed, Abort, Unknown)
        super().send_offsets(topic, offsets, member)
        self._trouble.meet(Killed, Unknown)

    def commit(self) -> None:
        """See the port."""
        self._trouble.meet(Killed, Abort, Unknown)
        super().commit()
        self._trouble.meet(Killed, Unknown)

    def abort(self) -> None:
        """See the port."""
        self._trouble.meet(Killed, Unknown)
        super().abort()


@dataclass
class Troubled:
    """Implements `ports.Cluster`."""

    broker: MemoryBroker
    trouble: Trouble

    def consumer(self, group: str, topic: str, listener: Listener) -> MemoryConsumer:
        """See the port."""
        return self.broker.consumer(group, topic, listener)

    def producer(self, transactional_id: str) -> MemoryProducer:
        """See the port."""
        return TroubledProducer(self.broker, transactional_id, self.trouble)

    def log(self) -> MemoryLog:
        """See the port."""
        return self.broker.log()

    def close(self) -> None:
        """See the port."""


@dataclass
class Process:
    """One of the fleet."""

    loop: Processor
    lanes: ManualLanes
    slot: int


class Fleet:
    """Runs a program of random events; `settle` then lets everything finish in peace.

    A process hosts two services, or the first one `alone`.
    """

    def __init__(self, seed: int, *, alone: bool = False) -> None:
        self.hosted = 1 if alone else 2
        self.random = Random(seed)  # noqa: S311 - repeatable, not secret
        self.world = MemoryWorld()
        self.world.sleep = self.sleep
        self.trouble = Trouble(self.random)
        self.stage = Stage(self.world, PARTITIONS)
        self.stage.place("other", dict.fromkeys(range(PARTITIONS), Committed(0, "")))
        self.cluster = Troubled(self.world.broker, self.trouble)
        self.alive: list[Process] = []
        self.silent: list[Process] = []
        self.fed = 0
        self.garbage = 0

    def run(self, steps: int) -> None:
        """The program."""
        verbs: list[tuple[int, Callable[[], None]]] = [
            (12, self.feed), (60, self.turn), (30, self.finish), (8, self.wait), (2, self.kill), (3, self.revive),
            (1, self.usurp), (2, self.expire), (1, self.stop), (2, self.bury_the_silent), (1, self.lose),
            (1, self.displace),
        ]  # fmt: skip
        weights = [weight for weight, _ in verbs]
        for _ in range(steps):
            self.trouble.level = self.random.choice((0, 0, 5, 30))
            self.random.choices([verb for _, verb in verbs], weights)[0]()
        self.trouble.level = 0

    def settle(self) -> None:
        """No more trouble: every process but one goes, and that one finishes the work."""
        self.world.broker.lose_answer = self.world.broker.lose_commit = 0
        for process in [*self.alive, *self.silent]:
            self.expel(process)
        self.alive, self.silent = [], []
        self.world.broker.time_out(lambda _: True)  # what the dead left open and nobody with their id has settled
        self.revive()
        process = self.alive[0]
        for _ in range(3_000):
            process.loop.turn()
            while process.lanes.waiting:
                process.lanes.finish(self.random.randrange(1_000))
            self.pass_by(0.05)
            if self.idle(process):
                break
        process.loop.run(lambda: True)

    def idle(self, process: Process) -> bool:
        """Whether everything is read, answered and committed."""
        ends = [len(log) for log in self.world.broker.topics[self.stage.topic("in")]]
        return (
            all(
                {p: place.offset for p, place in self.stage.committed(step).items()} == dict(enumerate(ends))
                for step in ("step", "other")
            )
            and not process.loop.transactions
        )

    def feed(self) -> None:
        """Some inputs, now and then one that nobody can read."""
        for _ in range(self.random.randrange(1, 8)):
            partition = self.random.randrange(PARTITIONS)
            if self.random.random() < 0.05:
                self.garbage += 1
                self.world.append([Output(self.stage.topic("in"), partition, b"g", b"garbage %d" % self.garbage)])
            else:
                self.stage.feed(range(self.fed, self.fed + 1), self.random.choice("abc"), partition)
                self.fed += 1

    def turn(self) -> None:
        """One process gets on."""
        if self.alive:
            self.guarded(self.random.choice(self.alive), lambda process: process.loop.turn())

    def finish(self) -> None:
        """A job answers."""
        if busy := [process for process in self.alive if process.lanes.waiting]:
            self.random.choice(busy).lanes.finish(self.random.randrange(1_000))

    def wait(self) -> None:
        """Time passes."""
        self.pass_by(self.random.choice((0.01, 0.1, 1.5, 30)))

    def kill(self) -> None:
        """A process ends at once; the group learns of it now or later."""
        if self.alive:
            self.die(self.random.choice(self.alive))

    def die(self, process: Process) -> None:
        """See `kill`."""
        self.alive.remove(process)
        self.silent.append(process)
        if self.random.random() < 0.5:
            self.bury_the_silent()

    def revive(self) -> None:
        """A process begins in a slot that nobody has."""
        taken = {process.slot for process in self.alive}
        if free := [slot for slot in range(SLOTS) if slot not in taken]:
            self.begin(self.random.choice(free))

    def usurp(self) -> None:
        """A second process begins in a slot whose process still lives."""
        if self.alive:
            self.begin(self.random.choice(self.alive).slot)

    def begin(self, slot: int) -> None:
        """Start a process."""
        services = [self.mixed(), self.stage.echo(step="other", concurrency=2)]
        loop = self.stage.processor(*services[: self.hosted], slot=str(slot), cluster=self.cluster, forgive_deaths=True)
        self.alive.append(Process(loop, by_hand(loop), slot))

    def sleep(self, seconds: float) -> None:
        """A process waits, mostly for its own jobs before it gives partitions back: some of those answer."""
        self.pass_by(seconds)
        if self.random.random() < 0.01:
            self.finish()

    def pass_by(self, seconds: float) -> None:
        """Time passes."""
        self.world.clock.now += seconds  # type: ignore[attr-defined]  # the ticker of the memory world

    def expire(self) -> None:
        """The group gives up a member that lives and does not know."""
        if self.alive:
            self.give_up(self.random.choice(self.alive))

    def displace(self) -> None:
        """One of a process's members loses its place to somebody else, who never shows up."""
        if self.alive:
            consumer = self.random.choice(self.random.choice(self.alive).loop.intakes).consumer
            assert isinstance(consumer, MemoryConsumer)
            self.world.broker.displace(consumer)

    def stop(self) -> None:
        """A process ends in good order, as far as its jobs let it."""
        if self.alive:
            process = self.random.choice(self.alive)
            self.guarded(process, lambda process: process.loop.run(lambda: True, drain=0.01))
            if process in self.alive:
                self.alive.remove(process)

    def bury_the_silent(self) -> None:
        """The group learns who is dead."""
        while self.silent:
            self.expel(self.silent.pop())

    def lose(self) -> None:
        """The network eats the next commit, or the answer to it."""
        if self.random.random() < 0.5:
            self.world.broker.lose_answer += 1
        else:
            self.world.broker.lose_commit += 1

    def expel(self, process: Process) -> None:
        """The members of a process leave their groups."""
        self.give_up(process)

    def give_up(self, process: Process) -> None:
        """As above."""
        for intake in process.loop.intakes:
            self.world.give_up(intake.consumer)

    def guarded(self, process: Process, act: Callable[[Process], object]) -> None:
        """What ends a process in earnest ends it here; any other error is a finding."""
        try:
            act(process)
        except (Killed, Fatal, Fenced):
            self.die(process)

    def mixed(self) -> Service:
        """Counts, partly at once, partly when a job is done, partly behind a claim."""
        stage = self.stage

        def count(message: Message, view: View) -> Done:
            key = message.value["run"]
            view.state.put(key, note((view.state.get(key) or note(0))["at"] + 1, key))
            return stage.answer_to(message)

        async def later(message: Message) -> Callable[[View], Done]:
            return lambda view: count(message, view)

        async def plain(message: Message) -> Done:
            return stage.answer_to(message)

        async def claimed(message: Message) -> Callable[[View], Done]:
            def close(view: View) -> Done:
                view.state.drop(f"claim {message.value['at']}")
                return count(message, view)

            return close

        def answer(message: Message, view: View) -> Answer:
            number = message.value["at"]
            match number % 4:
                case 0:
                    return count(message, view)
                case 1:
                    return Call(lambda: later(message))
                case 2:
                    view.state.put(f"claim {number}", note(number))
                    return Call(lambda: claimed(message), claim=True)
                case _:
                    return Call(lambda: plain(message))

        return stage.service(answer, concurrency=2, keeps=Keeps(stage.topic("state"), EVENT_MEMORY))

    def verdict(self) -> dict[str, object]:
        """Everything that must not be; all of it is empty, or zero, when the promise was kept."""
        inputs = [r for r in self.stage.inputs() if not (r.value or b"").startswith(b"garbage")]
        counts = Counter(address for address, _ in self.stage.outputs())
        letters = Counter(record.value for record in self.world.records(self.stage.topic("dlq")))
        fold: Counter[str] = Counter()
        for record in inputs:
            value = CODEC.decode(record.value)[1]
            fold[value["run"]] += value["at"] % 4 != 3
        known = {key: count for key, count in self.stage.changelog().items() if count}
        named = [CODEC.decode(r.value)[1]["dead"]["letter"] for r in self.world.records(self.stage.topic("runs"))]
        places = [str(record.address) for record in self.world.records(self.stage.topic("dlq"))]
        return {
            "lost": [str(r.address) for r in inputs if counts[r.address] < self.hosted],
            "doubled": [str(address) for address, count in counts.items() if count > self.hosted],
            "letters": [value for value, count in letters.items() if count != self.hosted],
            "letters missing": self.garbage - len(letters),
            "events that name no letter": sorted(set(named) ^ set(places)),
            "state that differs": {k: (known.get(k), n) for k, n in fold.items() if n != known.get(k, 0)},
            "claims left": [key for key in known if key.startswith("claim")],
            "slots leaked": sum(intake.in_flight for process in self.alive for intake in process.loop.intakes),
            "unread": sum(intake._waiting for process in self.alive for intake in process.loop.intakes),
            "halted": [str(halt) for process in self.alive for halt in process.loop.halted.values()],
        }

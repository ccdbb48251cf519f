"""Whatever kills the process, and wherever it lies: it alone becomes a dead letter, and everything else is answered."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from contract.stage import CODEC, Stage, ended
from contract.worlds import MemoryWorld
from penstock.runtime.memory import MemoryConsumer
from penstock.runtime.processor import Processor
from penstock.runtime.service import Answer, Call, Done, Message, Service, View
from property.manual import ManualLanes, by_hand

PARTITIONS = 2
MOST_LIVES = 400


class Killed(BaseException):
    """SIGKILL, from within a handler."""


class Deadly:
    """A step on which some records kill the process; the odd numbers are worked on beside the loop."""

    def __init__(self, records: int, killers: set[int], slow: set[int]) -> None:
        self.stage = Stage(MemoryWorld(), PARTITIONS)
        self.stage.feed(range(records))
        self.records = records
        self.killers = killers
        self.slow = slow
        self.deaths = 0
        self.dispatched: Counter[int] = Counter()

    def service(self, concurrency: int) -> Service:
        """The step, in one life."""

        def work(message: Message) -> Done:
            number = message.value["at"]
            self.dispatched[number] += 1
            if number in self.killers:
                raise Killed
            return self.stage.answer_to(message)

        async def job(message: Message) -> Done:
            return work(message)

        def answer(message: Message, _: View) -> Answer:
            return Call(lambda: job(message)) if message.value["at"] % 2 else work(message)

        return self.stage.service(answer, concurrency=concurrency)

    def live(self, concurrency: int, order: int) -> bool:
        """One life of the process; whether it was not killed."""
        loop = self.stage.processor(self.service(concurrency))
        lanes = by_hand(loop)
        try:
            self.turn(loop, lanes, order)
        except Killed:
            self.deaths += 1
            for intake in loop.intakes:
                assert isinstance(intake.consumer, MemoryConsumer)
                self.stage.world.give_up(intake.consumer)
            return False
        loop.run(ended)
        return True

    def turn(self, loop: Processor, lanes: ManualLanes, order: int) -> None:
        """Until nothing moves; slow jobs answer only when there is nothing else to do."""
        quiet = 0
        while quiet < 30:
            busy = loop.turn() or bool(loop.transactions)
            quick = [at for at, ticket in enumerate(lanes.waiting) if self.number(ticket.record.value) not in self.slow]
            if quick:
                lanes.finish(quick[order % len(quick)])
            elif lanes.waiting and not busy:
                lanes.finish(order)
            self.stage.world.sleep(0.1)
            quiet = 0 if busy or lanes.waiting else quiet + 1

    @staticmethod
    def number(value: bytes | None) -> int:
        """Which record it is."""
        number: int = CODEC.decode(value)[1]["at"]
        return number

    def letters(self) -> list[int]:
        """Which are dead letters."""
        return sorted(self.number(record.value) for record in self.stage.world.records(self.stage.topic("dlq")))


@given(
    records=st.integers(1, 40),
    killers=st.sets(st.integers(0, 39), max_size=3),
    slow=st.sets(st.integers(0, 39), max_size=5),
    concurrency=st.integers(1, 4),
    orders=st.lists(st.integers(0, 1_000), min_size=1, max_size=8),
)
def test_the_killer_alone_is_buried(
    records: int, killers: set[int], slow: set[int], concurrency: int, orders: list[int]
) -> None:
    """One dead letter for each that kills, one answer for each that does not."""
    deadly = Deadly(records, {number for number in killers if number < records}, slow)
    lives = 0
    while not deadly.live(concurrency, orders[lives % len(orders)]):
        lives += 1
        assert lives < MOST_LIVES, "it dies for ever"

    lost, doubled = deadly.stage.owed()
    assert deadly.letters() == sorted(deadly.killers)
    assert (len(lost), doubled) == (len(deadly.killers), [])
    assert all(deadly.dispatched[number] <= 4 + records for number in deadly.killers)


def test_one_killer_costs_four_deaths() -> None:
    """Three in which anything in hand may have done it, one alone; the fifth life buries it and finishes the rest."""
    deadly = Deadly(40, {7}, {1, 3, 5})
    while not deadly.live(8, 0):
        pass

    assert deadly.deaths == 4
    assert deadly.letters() == [7]


def test_neighbours_that_kill_cost_one_more_each() -> None:
    """The quarantine goes on where it was: the next one is found by a single death."""
    deadly = Deadly(40, {7, 9, 15}, {1, 3, 5})
    while not deadly.live(8, 0):
        pass

    assert deadly.deaths == 4 + 2
    assert deadly.letters() == [7, 9, 15]


def test_an_orderly_end_convicts_nobody() -> None:
    """A process that stops while a record is out alone did not die of it: it is dispatched again."""
    deadly = Deadly(20, {7}, set())
    for _ in range(3):
        assert not deadly.live(8, 0)
    deadly.killers = set()
    loop = deadly.stage.processor(deadly.service(8))
    lanes = by_hand(loop)
    while not lanes.waiting:
        loop.turn()
        deadly.stage.world.sleep(0.01)
    assert sum(map(len, loop.intakes[0].trackers.values())) >= 1
    loop.run(ended, drain=0.0)

    assert deadly.live(8, 0)
    assert deadly.letters() == []
    assert deadly.stage.owed() == ([], [])

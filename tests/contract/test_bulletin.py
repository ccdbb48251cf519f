"""A small compacted topic, read whole and followed, on both brokers."""

from __future__ import annotations

import time

import pytest

from contract.stage import Stage
from contract.worlds import World
from penstock.errors import Halt
from penstock.runtime.bulletin import EVERY, Bulletin
from penstock.runtime.ports import Output, Record
from penstock.runtime.service import Answer, Follows, Message, View

_PATIENCE = 30.0


class Board:
    """A topic of two partitions, and a bulletin that follows it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.topic = world.name("board")
        self.heard: list[tuple[int, bytes | None]] = []
        self.log = world.cluster.log()
        world.create_topic(self.topic, 2)

    def bulletin(self) -> Bulletin:
        """One that begins now."""
        return Bulletin(Follows(self.topic, self.hear), self.log, self.world.clock)

    def hear(self, record: Record) -> None:
        """Take a record down."""
        self.heard.append((record.partition, record.value))

    def write(self, *values: bytes, partition: int = 0) -> None:
        """Say something."""
        self.world.append([Output(self.topic, partition, b"k", value) for value in values])

    def until(self, bulletin: Bulletin, count: int) -> None:
        """Look until so much was heard."""
        end = time.monotonic() + _PATIENCE
        while len(self.heard) < count or not bulletin.whole:
            assert time.monotonic() < end, f"heard only {self.heard}"
            bulletin.look()
            self.world.sleep(0.01)


def test_it_is_read_whole_and_followed(world: World) -> None:
    """What was there comes first, in the order of each partition, and what is said later comes once."""
    board = Board(world)
    board.write(b"1", b"2")
    board.write(b"a", partition=1)
    bulletin = board.bulletin()
    before = bulletin.whole

    board.until(bulletin, 3)
    board.write(b"3")
    board.until(bulletin, 4)

    assert not before
    assert [value for partition, value in board.heard if partition == 0] == [b"1", b"2", b"3"]
    assert [value for partition, value in board.heard if partition == 1] == [b"a"]
    board.log.close()


def test_an_empty_one_is_whole(world: World) -> None:
    """Nothing was said, and that is known."""
    board = Board(world)
    bulletin = board.bulletin()

    board.until(bulletin, 0)

    assert board.heard == []
    board.log.close()


def test_what_is_not_committed_was_not_said(world: World) -> None:
    """It does not wait for an open transaction; what an aborted one wrote is never heard, a committed one's is."""
    board = Board(world)
    board.write(b"before")
    producer = world.cluster.producer(world.name("tx"))
    producer.init()
    producer.begin()
    producer.place([Output(board.topic, 0, b"k", b"aborted")])
    bulletin = board.bulletin()

    board.until(bulletin, 1)
    while_open = list(board.heard)
    producer.abort()
    producer.begin()
    producer.place([Output(board.topic, 0, b"k", b"committed")])
    producer.commit()
    board.until(bulletin, 2)

    assert while_open == [(0, b"before")]
    assert board.heard == [(0, b"before"), (0, b"committed")]
    producer.close()
    board.log.close()


def test_it_is_looked_at_now_and_then(world: World) -> None:
    """Between two looks nothing is asked, however often somebody wants to know."""
    board = Board(world)
    bulletin = board.bulletin()
    board.until(bulletin, 0)
    now = world.clock()
    still = Bulletin(Follows(board.topic, board.hear), board.log, lambda: now)
    board.until(still, 0)

    board.write(b"new")
    looks = [still.look() for _ in range(100)]
    now += EVERY
    board.until(still, 1)

    assert not any(looks)
    assert board.heard == [(0, b"new")]
    board.log.close()


def test_a_topic_that_is_not_there_is_named(world: World) -> None:
    """Nobody goes on without what everybody has to know."""
    bulletin = Bulletin(Follows(world.name("nowhere"), lambda _: None), log := world.cluster.log(), world.clock)

    with pytest.raises(Halt, match="nowhere"):
        bulletin.look()
    log.close()


def test_nothing_is_dispatched_before_it_is_whole(stage: Stage) -> None:
    """A service knows all that was said before its first record; two that follow alike hear it once."""
    told: list[bytes | None] = []
    known: list[int] = []

    def hear(record: Record) -> None:
        told.append(record.value)

    def answer(message: Message, _: View) -> Answer:
        known.append(len(told))
        return stage.answer_to(message)

    topic = stage.topic("board")
    stage.world.create_topic(topic, 4)
    stage.world.append([Output(topic, number % 4, b"k", b"x") for number in range(20)])
    stage.place("other", stage.committed())
    stage.feed(range(20))
    follows = (Follows(topic, hear),)
    processor = stage.processor(
        stage.service(answer, follows=follows), stage.service(answer, step="other", follows=follows)
    )
    stage.drive(lambda: len(known) >= 40, processor)
    processor.run(lambda: True)

    assert set(known) == {20}

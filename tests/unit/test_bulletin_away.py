"""A bulletin and a broker that is away: it is asked again, never waited for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future

from penstock.errors import Retriable
from penstock.runtime.bulletin import EVERY, Bulletin
from penstock.runtime.memory import MemoryBroker, MemoryLog
from penstock.runtime.ports import Output, Record
from penstock.runtime.service import Follows
from penstock.testing.clock import Clock


class Away(MemoryLog):
    """A log whose broker may be away: it fails, or answers nothing for a while."""

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker)
        self.away = ""
        self.asked = 0
        self.waiting: list[Future[Mapping[int, int]]] = []

    def partitions(self, topic: str) -> int:
        """See the port."""
        if self.away == "partitions":
            raise Retriable("away")
        return super().partitions(topic)

    def stable_ends(self, topic: str, partitions: Sequence[int]) -> Future[Mapping[int, int]]:
        """See the port."""
        self.asked += 1
        if self.away in {"ends", "silent"}:
            answer: Future[Mapping[int, int]] = Future()
            if self.away == "ends":
                answer.set_exception(Retriable("away"))
            self.waiting.append(answer)
            return answer
        return super().stable_ends(topic, partitions)

    def read(self, topic: str, partition: int, start: int = 0, end: int | None = None) -> Iterator[Record]:
        """See the port."""
        for record in super().read(topic, partition, start, end):
            if self.away == "read" and record.offset == 1:
                raise Retriable("away")
            yield record


class Scene:
    """A topic with three records, and a bulletin that follows it."""

    def __init__(self) -> None:
        self.clock = Clock()
        broker = MemoryBroker(self.clock)
        broker.create("p.board", 1)
        for value in (b"0", b"1", b"2"):
            broker.append(Output("p.board", 0, b"k", value))
        self.log = Away(broker)
        self.heard: list[bytes | None] = []
        self.bulletin = Bulletin(Follows("p.board", lambda r: self.heard.append(r.value)), self.log, self.clock)

    def look_again(self) -> None:
        """When it is time to."""
        self.clock.sleep(EVERY)
        self.bulletin.look()


def test_a_broker_that_is_away_is_asked_again() -> None:
    """Wherever it fails: nothing is whole before all was heard, and it is not asked more often than otherwise."""
    for away in ("partitions", "ends"):
        scene = Scene()
        scene.log.away = away
        looks = [scene.bulletin.look() for _ in range(100)]
        asked, whole = scene.log.asked, scene.bulletin.whole
        scene.log.away = ""
        scene.look_again()

        assert not any(looks)
        assert (asked <= 1, whole) == (True, False)
        assert (scene.heard, scene.bulletin.whole) == ([b"0", b"1", b"2"], True)


def test_a_broker_that_does_not_answer_is_not_waited_for() -> None:
    """A question that is open stays the only one; its answer is taken when it comes."""
    scene = Scene()
    scene.log.away = "silent"
    for _ in range(5):
        scene.look_again()
    (question,) = scene.log.waiting
    before = list(scene.heard)
    question.set_result({0: 3})
    scene.bulletin.look()

    assert before == []
    assert (scene.heard, scene.bulletin.whole) == ([b"0", b"1", b"2"], True)


def test_a_broker_that_goes_in_the_middle_is_read_again_from_where_it_was() -> None:
    """What was heard of that part is heard again: the newest record under a key counts, so twice is once."""
    scene = Scene()
    scene.log.away = "read"
    scene.bulletin.look()
    halfway = scene.bulletin.whole
    scene.log.away = ""
    scene.look_again()

    assert not halfway
    assert scene.heard == [b"0", b"0", b"1", b"2"]
    assert scene.bulletin.whole

"""Records that nobody can answer yet, on both brokers: they wait, the others go on, and none is lost."""

from __future__ import annotations

from contract.stage import NOTHING_OWED, Stage, ended
from penstock.errors import Poison
from penstock.runtime.service import Answer, Later, Message, View

_STRANGE = 7  # every seventh number


class Desk:
    """Answers most records; the strange ones when it `knows`."""

    def __init__(self, stage: Stage, patience: float = 1e6) -> None:
        self.stage = stage
        self.patience = patience
        self.knows = False

    def answer(self, message: Message, _: View) -> Answer:
        """See Service."""
        if message.value["at"] % _STRANGE == 0 and not self.knows:
            return Later(Poison("unheard_of", "nobody knows"), self.patience)
        return self.stage.answer_to(message)


def test_what_waits_holds_nobody_up(stage: Stage) -> None:
    """Those behind it are answered; it follows as soon as somebody knows, each once."""
    stage.feed(range(70))
    desk = Desk(stage)
    processor = stage.processor(stage.service(desk.answer, prompt=True))
    stage.drive(lambda: stage.answered() == 60, processor)
    held = processor.parking.count(processor.intakes[0])

    desk.knows = True
    stage.drive(lambda: stage.answered() == 70, processor)
    processor.run(ended)

    assert held == 10
    assert stage.owed() == NOTHING_OWED


def test_what_waited_waits_with_the_next_process(stage: Stage) -> None:
    """It is incomplete when a process ends, which does not wait for it; the next one reads it again."""
    stage.feed(range(70))
    desk = Desk(stage)
    first = stage.processor(stage.service(desk.answer))
    stage.drive(lambda: stage.answered() == 60, first)
    began = stage.world.clock()
    first.run(ended)
    took = stage.world.clock() - began

    desk.knows = True
    second = stage.processor(stage.service(desk.answer))
    stage.drive(lambda: stage.answered() == 70, second)
    second.run(ended)

    assert took < 2.0, "a rebalance waits so long for jobs, and these are none"
    assert stage.owed() == NOTHING_OWED


def test_what_has_waited_for_long_enough_is_buried(stage: Stage) -> None:
    """As what it said when it began to wait; a dead letter for each."""
    stage.feed(range(70))
    desk = Desk(stage, patience=3.0)
    processor = stage.processor(stage.service(desk.answer))
    stage.drive(lambda: stage.answered() == 60, processor)

    stage.drive(lambda: len(stage.world.visible(stage.topic("dlq"))) == 10, processor)
    processor.run(ended)

    numbers = sorted(record.key or b"" for record in stage.world.records(stage.topic("dlq")))
    assert numbers == sorted(b"k%d" % number for number in range(0, 70, _STRANGE))
    assert stage.answered() == 60


def test_what_waits_with_a_process_that_lost_the_partition_is_the_others(stage: Stage) -> None:
    """A second member takes half of the partitions, and what waited there; each is answered once."""
    stage.feed(range(70))
    desk = Desk(stage)
    first = stage.processor(stage.service(desk.answer))
    stage.drive(lambda: stage.answered() == 60, first)
    second = stage.processor(stage.service(desk.answer), slot="1")
    stage.drive(lambda: len(second.intakes[0].trackers) == len(first.intakes[0].trackers) == 2, first, second)

    desk.knows = True
    stage.drive(lambda: stage.answered() == 70, first, second)
    first.run(ended)
    second.run(ended)

    assert stage.owed() == NOTHING_OWED

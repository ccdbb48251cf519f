"""What the loop does when a transaction fails, on both brokers: no call again, nothing twice, nothing lost."""

from __future__ import annotations

import pytest

from contract.mishaps import Fate, Mishaps, answer_lost, fenced, refused, request_lost
from contract.stage import NOTHING_OWED, Stage, ended, note
from penstock.contracts.records import EVENT_MEMORY
from penstock.errors import Fatal
from penstock.runtime.offsets import Progress, encode
from penstock.runtime.ports import Committed
from penstock.runtime.processor import Processor
from penstock.runtime.service import Answer, Done, Keeps, Message, Send, Service, View
from penstock.runtime.tracker import DEADLY


@pytest.fixture
def mishaps(stage: Stage) -> Mishaps:
    return Mishaps(stage.world.cluster)


@pytest.mark.parametrize(
    ("fate", "producers"),
    [(refused, 1), (answer_lost, 2), (request_lost, 2), (fenced, 2)],
    ids=["abort", "lost answer", "lost request", "fenced once"],
)
def test_a_failed_commit_calls_nobody_again(stage: Stage, mishaps: Mishaps, fate: Fate, producers: int) -> None:
    """The encoded outputs go into the next transaction; after a result nobody knows, a new producer's."""
    stage.feed(range(40))
    processor = stage.processor(stage.calls(concurrency=64), cluster=mishaps)
    stage.drive(lambda: processor.transactions.committed > 0, processor)  # the deaths are counted
    mishaps.fates.append(fate)
    stage.drive(lambda: stage.answered() >= 40, processor)
    processor.run(ended)

    assert not mishaps.fates
    assert mishaps.producers == producers
    assert set(stage.begun.values()) == {1}
    assert stage.owed() == NOTHING_OWED
    assert {(p, place.offset) for p, place in stage.committed().items()} == {(p, 10) for p in range(4)}


def test_five_aborts_in_a_row_take_a_new_producer(stage: Stage, mishaps: Mishaps) -> None:
    """A producer whose every transaction is refused is not asked a sixth time."""
    stage.feed(range(8))
    processor = stage.processor(stage.echo(), cluster=mishaps)
    mishaps.fates.extend([refused] * 5)
    stage.drive(lambda: stage.answered() >= 8, processor)
    processor.run(ended)

    assert (mishaps.producers, processor.transactions.aborted) == (2, 5)
    assert stage.owed() == NOTHING_OWED


def test_fenced_twice_within_a_minute_is_fatal(stage: Stage, mishaps: Mishaps) -> None:
    """Somebody else has our transactional id and keeps it: the process ends and says so."""
    stage.feed(range(8))
    processor = stage.processor(stage.echo(), cluster=mishaps)
    mishaps.fates.extend([fenced, fenced])

    with pytest.raises(Fatal, match="another process uses the transactional id"):
        stage.drive(lambda: stage.answered() >= 8, processor)
    processor.run(ended)


def test_every_partition_touched_sends_its_offset(stage: Stage, mishaps: Mishaps) -> None:
    """A zombie's transaction is refused by its offsets alone: a timer's too, though no record was read for it."""
    processor = stage.processor(expiring(stage, after=200), cluster=mishaps)
    stage.feed(range(40))
    stage.drive(lambda: stage.answered() >= 80, processor)
    processor.run(ended)

    source = stage.topic("in")
    written = [({output.partition for output in asked.outputs}, asked) for asked in mishaps.asked]
    assert any(touched for touched, _ in written)
    assert all(touched <= set(asked.offsets.get(source, ())) for touched, asked in written)


def test_an_answer_lost_among_timers_fires_none_twice(stage: Stage, mishaps: Mishaps) -> None:
    """Timers and state go with the transaction: what nobody knows is looked up in the group's offsets."""
    processor = stage.processor(expiring(stage, after=200), cluster=mishaps)
    stage.feed(range(40))
    stage.drive(lambda: stage.answered() >= 40, processor)
    mishaps.fates.extend([answer_lost, request_lost])
    stage.drive(lambda: stage.answered() >= 80, processor)
    stage.quiet(0.3, processor)
    processor.run(ended)

    assert not mishaps.fates
    assert stage.answered() == 80
    assert set(stage.changelog().values()) == {0}


def test_a_member_that_lost_its_place_joins_again(stage: Stage) -> None:
    """Somebody came in our slot and went: we go on where the group stands, and nothing is done twice."""
    world = stage.world
    processor = stage.processor(stage.calls(), cluster=world.slotted())
    stage.feed(range(20))
    stage.drive(lambda: stage.answered() >= 20, processor)
    world.displace(processor.intakes[0].consumer, world.name("step"), stage.topic("in"))
    stage.feed(range(20, 40))
    stage.drive(lambda: stage.answered() >= 40, processor)
    processor.run(ended)

    assert stage.owed() == NOTHING_OWED
    assert {(p, place.offset) for p, place in stage.committed().items()} == {(p, 10) for p in range(4)}


def test_a_zombie_with_an_unknown_result_commits_nothing(stage: Stage) -> None:
    """A member that was given up with records in hand must not begin again in place: an heir has the partitions."""
    mishaps = Mishaps(stage.world.impatient())
    stage.held |= {0, 1, 2, 3}
    stage.feed(range(40))
    zombie = stage.processor(stage.calls(concurrency=64), cluster=mishaps)
    stage.drive(lambda: stage.answered() >= 36, zombie)
    stage.world.give_up(zombie.intakes[0].consumer)
    stage.held.clear()
    heir = stage.processor(stage.calls(concurrency=64), slot="1")
    stage.drive(lambda: stage.answered() >= 40, heir)
    stage.feed(range(40, 80))
    stage.drive(lambda: stage.answered() >= 80, heir)
    mishaps.fates.append(request_lost)
    zombie._collect()
    zombie._commit()
    stage.feed(range(80, 120))
    stage.drive(lambda: stage.answered() >= 120, zombie, heir)
    stage.quiet(0.5, zombie, heir)
    zombie.run(ended)
    heir.run(ended)

    assert stage.owed() == NOTHING_OWED
    assert {(p, place.offset) for p, place in stage.committed().items()} == {(p, 30) for p in range(4)}


def test_a_client_that_hears_nothing_is_replaced(stage: Stage) -> None:
    """A partition whose committed records do not come any more is read by a new client, each record once."""
    world, begun = stage.world, stage.world.clock()
    processor = stage.processor(stage.calls(), clock=lambda: begun + 20 * (world.clock() - begun))
    stage.feed(range(20))
    stage.drive(lambda: stage.answered() >= 20, processor)
    world.deafen(processor.intakes[0].consumer, stage.topic("in"), 1)
    stage.feed(range(20, 40))
    stage.drive(lambda: stage.answered() >= 40, processor)
    processor.run(ended)

    assert stage.owed() == NOTHING_OWED


def test_the_record_that_kills_is_found(stage: Stage) -> None:
    """Three lives end with it in hand, done neighbours are no progress; the fourth has it alone, a fifth buries it."""
    stage.held.add(0)
    stage.feed(range(6), partition=0)
    for life in range(3):
        processor = stage.processor(stage.calls(), slot=str(life))
        stage.drive(lambda: 0 in stage.begun and stage.answered() >= 5, processor)
        stage.quiet(0.1, processor)
        die(processor)
        stage.begun.clear()
    fourth = stage.processor(stage.calls(), slot="3")
    stage.drive(lambda: 0 in stage.begun, fourth)
    stage.feed(range(10, 20), partition=0)
    stage.feed(range(20, 30), partition=1)
    stage.quiet(0.3, fourth)
    alone = dict(stage.begun)
    die(fourth)
    stage.begun.clear()
    fifth = stage.processor(stage.calls(), slot="4")
    stage.drive(lambda: stage.answered() >= 25, fifth)
    fifth.run(ended)

    (lost,), doubled = stage.owed()
    assert alone == {0: 1}
    assert stage.begun[0] == 0
    assert (lost, doubled) == (f"{stage.topic('in')}[0]@0", [])
    assert [letter.key for letter in stage.world.records(stage.topic("dlq"))] == [b"k0"]


def test_a_new_client_is_no_death(stage: Stage) -> None:
    """A process that leaves its group and comes back, as often as it may, has not died of the record in its hand."""
    stage.held.add(0)
    stage.feed(range(6), partition=0)
    processor = stage.processor(stage.calls())
    for time in range(4):
        stage.drive(lambda times=time + 1: stage.begun[0] >= times and stage.answered() >= 5, processor)  # type: ignore[misc]  # bound now
        processor.intakes[0]._renew()
    stage.held.clear()
    stage.drive(lambda: stage.answered() >= 6, processor)
    processor.run(ended)

    assert not processor.halted
    assert stage.owed() == NOTHING_OWED


def test_a_new_client_convicts_nobody(stage: Stage) -> None:
    """The same while a record is out alone: this life goes on, and it is dispatched again."""
    stage.place("step", {0: Committed(0, encode(0, Progress(0, deaths=DEADLY)))})
    stage.held.add(0)
    stage.feed(range(6), partition=0)
    processor = stage.processor(stage.calls())
    stage.drive(lambda: stage.begun[0] == 1, processor)
    processor.intakes[0]._renew()
    stage.quiet(0.3, processor)
    stage.held.clear()
    stage.drive(lambda: stage.answered() >= 6, processor)
    processor.run(ended)

    assert stage.begun[0] == 2
    assert stage.owed() == NOTHING_OWED
    assert stage.world.records(stage.topic("dlq")) == []


def die(processor: Processor) -> None:
    """End as a crash does: nothing is committed and nobody is asked."""
    for intake in processor.intakes:
        intake._owner = None
        intake.close()
    processor.transactions.close()
    processor.lanes.close()


def expiring(stage: Stage, after: int) -> Service:
    """Answers every record twice: at once, and by a timer."""

    def answer(message: Message, view: View) -> Answer:
        view.state.put(str(message.record.address), note(view.now + after))
        return stage.answer_to(message)

    def expire(key: str, view: View) -> Done:
        view.state.drop(key)
        return Done((Send(stage.topic("out"), b"", note(0, key), EVENT_MEMORY),))

    keeps = Keeps(stage.topic("state"), EVENT_MEMORY, lambda value: value["at"], expire)
    return stage.service(answer, keeps=keeps)

"""A step most of whose tasks fail stops within its limit, on both brokers; nothing is lost, and nothing done twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contract.stage import CODEC, NOTHING_OWED, Stage, ended
from penstock.errors import Poison
from penstock.runtime.offsets import Progress, decode
from penstock.runtime.service import Answer, Call, Done, Message, Service, View
from penstock.topology.plan import Halting

LIMIT, WIDTH = 5, 8
IN_A_ROW = Halting(in_a_row=LIMIT, share=1.0, of=10_000)
HALF = Halting(in_a_row=10_000, share=0.5, of=20)
Broken = Callable[[int], bool]
NEW = Progress(0)


def beside(stage: Stage, broken: Broken, halting: Halting = IN_A_ROW) -> Service:
    """Answers from jobs; those of numbers for which it is broken fail."""

    def answer(message: Message, _: View) -> Answer:
        async def job() -> Done:
            if broken(message.value["at"]):
                raise Poison("broken", "a bad deploy")
            return stage.answer_to(message)

        return Call(job)

    return stage.service(answer, concurrency=WIDTH, halting=halting)


def at_once(stage: Stage, broken: Broken, halting: Halting = IN_A_ROW) -> Service:
    """The same on the loop's own thread, hundreds in one poll."""

    def answer(message: Message, _: View) -> Answer:
        if broken(message.value["at"]):
            raise Poison("broken", "a bad deploy")
        return stage.answer_to(message)

    return stage.service(answer, prompt=True, halting=halting)


def letters(stage: Stage) -> int:
    """How many dead letters there are."""
    return len(stage.world.records(stage.topic("dlq")))


def dead(stage: Stage) -> list[str]:
    """The inputs that dead letters are about."""
    events = [CODEC.decode(record.value)[1] for record in stage.world.records(stage.topic("runs"))]
    return [event["input"] for event in events]


def everything(_: int) -> bool:
    """Nothing works."""
    return True


def nothing(_: int) -> bool:
    """All is well."""
    return False


@pytest.mark.parametrize("made", [beside, at_once])
def test_a_bad_deploy_halts_within_its_limit(stage: Stage, made: Callable[[Stage, Broken], Service]) -> None:
    """However often it is started; the good one that follows does all the rest, and needs no flag."""
    stage.feed(range(200))
    for slot in ("0", "1", "2"):
        bad = stage.processor(made(stage, everything), slot=slot)
        stage.drive(lambda bad=bad: bool(bad.halted), bad)  # type: ignore[misc]  # the default binds it
        bad.run(ended)
        halt = bad.halted["step"]
        assert halt.code == "E357"
        assert "broken: a bad deploy" in halt.what
        assert "penstock run FILE step --forgive-failures" in halt.fix
        assert letters(stage) <= LIMIT + WIDTH
    buried = dead(stage)

    good = stage.processor(made(stage, nothing), slot="3")
    stage.drive(lambda: stage.answered() >= 200 - len(buried), good)
    stage.quiet(1.5, good)
    good.run(ended)

    lost, doubled = stage.owed()
    assert (sorted(lost), doubled) == (sorted(buried), [])
    assert not good.halted
    assert not any((decode(place.offset, place.metadata) or NEW).failing for place in stage.committed().values())


def test_too_large_a_share_halts(stage: Stage) -> None:
    """Every second task fails, never two in a row for long: half of the last twenty are too many."""
    stage.feed(range(200), partition=0)
    bad = stage.processor(at_once(stage, lambda number: number % 2 == 1, HALF))
    stage.drive(lambda: bool(bad.halted), bad)
    bad.run(ended)

    assert "10 of the last 20 tasks" in bad.halted["step"].what
    assert letters(stage) == 9  # the tenth is not done
    assert stage.answered() == 10


def test_few_failures_stop_nobody(stage: Stage) -> None:
    """One in five is everyday life: all are dead letters, and the step goes on."""
    stage.feed(range(100))
    processor = stage.processor(beside(stage, lambda number: number % 5 == 0))
    stage.drive(lambda: stage.answered() >= 80 and letters(stage) >= 20, processor)
    processor.run(ended)

    lost, doubled = stage.owed()
    assert not processor.halted
    assert (len(lost), doubled) == (20, [])
    assert {CODEC.decode(r.value)[1]["at"] % 5 for r in stage.inputs() if str(r.address) in lost} == {0}


def test_bad_records_are_passed_when_asked(stage: Stage) -> None:
    """Where it is the records that are bad, each start with the flag passes as many as the limit allows."""
    stage.feed(range(12), partition=0)
    bad = range(6)
    for slot in range(2):
        processor = stage.processor(
            beside(stage, lambda number: number in bad), slot=str(slot), forgive_failures=slot > 0
        )
        stage.drive(lambda p=processor: bool(p.halted) or stage.answered() >= 6, processor)  # type: ignore[misc]  # the default binds it
        processor.run(ended)

    assert letters(stage) == 6
    assert stage.answered() == 6


def test_a_halted_step_leaves_the_others_alone(stage: Stage) -> None:
    """The process goes on with its other services."""
    stage.place("other", stage.committed())
    stage.feed(range(40))
    processor = stage.processor(beside(stage, everything), stage.echo(step="other"))
    stage.drive(lambda: bool(processor.halted) and stage.answered() >= 40, processor)
    processor.run(ended)

    assert list(processor.halted) == ["step"]
    assert stage.owed() == NOTHING_OWED

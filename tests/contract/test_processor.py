"""What the loop promises, on both brokers: every input has exactly one output, whatever happens on the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from contract.stage import CODEC, NOTHING_OWED, Stage, ended, note
from penstock.contracts.records import EVENT_MEMORY, RUN_EVENT
from penstock.errors import Halt
from penstock.runtime.offsets import Progress, decode, encode
from penstock.runtime.ports import Committed, Output
from penstock.runtime.service import Answer, Call, Done, Keeps, Message, View
from penstock.runtime.tracker import DEADLY, HOPELESS


def progress_of(place: Committed) -> Progress:
    """What a committed place says."""
    progress = decode(*place)
    assert progress is not None
    return progress


def deaths_of(place: Committed) -> int:
    """The death counter of a committed place."""
    return progress_of(place).deaths


def test_every_input_has_one_output(stage: Stage) -> None:
    """Answers given at once: 500 in, 500 out, and the group stands behind the last record."""
    stage.feed(range(500))
    processor = stage.processor(stage.echo(concurrency=32))

    stage.drive(lambda: stage.answered() >= 500, processor)
    processor.run(ended)

    assert stage.owed() == NOTHING_OWED
    assert {p: place.offset for p, place in stage.committed().items()} == dict.fromkeys(range(4), 125)


def test_a_halt_takes_back_what_was_sent_ahead(stage: Stage) -> None:
    """A service that halts in the middle of a large poll leaves nothing of it; the next process does it all."""

    def answer(message: Message, _: View) -> Answer:
        if message.value["at"] == 600:
            raise Halt("E000", "enough")
        return stage.answer_to(message)

    stage.feed(range(800), partition=1)
    halting = stage.processor(stage.service(answer, prompt=True))
    stage.drive(lambda: bool(halting.halted), halting)
    halting.turn()
    halting.run(ended)

    second = stage.processor(stage.echo(prompt=True))
    stage.drive(lambda: stage.answered() >= 800, second)
    second.run(ended)

    assert stage.owed() == NOTHING_OWED


def test_several_services_share_a_process(stage: Stage) -> None:
    """Two services of one process, each with its own group, answer every record once each."""
    stage.place("other", dict.fromkeys(range(4), Committed(0, "")))
    stage.feed(range(100))
    processor = stage.processor(stage.echo(), stage.calls(step="other"))

    stage.drive(lambda: stage.answered() >= 200, processor)
    processor.run(ended)

    counts = [address for address, _ in stage.outputs()]
    assert len(counts) == 200
    assert len(set(counts)) == 100


def test_out_of_order_completion_outlives_a_process(stage: Stage) -> None:
    """Records completed behind a slow one are not done again by the next process; the slow ones are."""
    stage.held |= {0, 5}
    stage.feed(range(20), partition=1)
    first = stage.processor(stage.calls(concurrency=32))
    stage.drive(lambda: stage.answered() >= 18, first)
    stage.quiet(0.1, first)
    place = stage.committed()[1]
    progress = decode(place.offset, place.metadata)
    first.run(ended, drain=0)  # as far as it got: 0 and 5 hang

    stage.held.clear()
    second = stage.processor(stage.calls(concurrency=32))
    stage.drive(lambda: stage.answered() >= 20, second)
    second.run(ended)

    assert progress is not None
    assert (place.offset, progress.top, progress.incomplete) == (0, 20, (0, 5))
    assert stage.owed() == NOTHING_OWED
    assert {n for n, times in stage.begun.items() if times == 2} == {0, 5}


def test_state_is_the_fold_of_the_inputs(stage: Stage) -> None:
    """A restored state goes on counting where the committed one stood, and the changelog says the same."""
    for text in ("a", "b", "c"):
        stage.feed(range(40), text)
    first = stage.processor(stage.counting())
    stage.drive(lambda: stage.answered() >= 120, first)
    first.run(ended)
    stage.feed(range(40), "b")

    second = stage.processor(stage.counting())
    stage.drive(lambda: stage.answered() >= 160, second)
    second.run(ended)

    assert stage.owed() == NOTHING_OWED
    assert stage.changelog() == stage.fold() == {"a": 40, "b": 80, "c": 40}
    assert max(number for address, number in stage.outputs() if address.partition == 0) == 20


def test_opened_and_closed_at_once_is_never_logged(stage: Stage) -> None:
    """A key that is kept and dropped within one transaction leaves no trace in the changelog."""

    def answer(message: Message, view: View) -> Answer:
        view.state.put("brief", note(1))
        view.state.drop("brief")
        view.state.put("long", note(2))
        return stage.answer_to(message)

    stage.feed(range(10), partition=0)
    processor = stage.processor(stage.service(answer, keeps=Keeps(stage.topic("state"), EVENT_MEMORY)))
    stage.drive(lambda: stage.answered() >= 10, processor)
    processor.run(ended)

    assert {record.key for record in stage.world.records(stage.topic("state"))} == {b"long"}


def test_a_dead_letter_is_named_by_its_address(stage: Stage) -> None:
    """What cannot be decoded is buried as it was, and the event says where; its neighbours are answered."""
    stage.feed(range(4))
    garbage = [Output(stage.topic("in"), p, b"key", b"garbage %d" % p, [("x", b"y")]) for p in (1, 1, 3)]
    stage.world.append(garbage)
    stage.feed(range(4))
    processor = stage.processor(stage.echo())
    stage.drive(lambda: stage.answered() >= 8, processor)
    processor.run(ended)

    letters = {str(record.address): record for record in stage.world.records(stage.topic("dlq"))}
    events = [CODEC.decode(record.value) for record in stage.world.records(stage.topic("runs"))]
    named = [event["dead"]["letter"] for contract, event in events if contract == RUN_EVENT]
    assert sorted(named) == sorted(letters)
    assert len(named) == 3
    assert sorted(letters[name].value or b"" for name in named) == sorted(o.value or b"" for o in garbage)
    assert all((letter.key, letter.headers) == (b"key", [("x", b"y")]) for letter in letters.values())
    assert {(event["input"], letters[event["dead"]["letter"]].partition) for _, event in events} == {
        (f"{stage.topic('in')}[1]@1", 1), (f"{stage.topic('in')}[1]@2", 1), (f"{stage.topic('in')}[3]@1", 3),
    }  # fmt: skip


def test_timers_wait_for_what_is_unread(stage: Stage) -> None:
    """A timer that became due while nobody read does not fire before the records that lay there are answered."""
    due = int(stage.world.clock() * 1000) + 60_000
    order: list[str] = []

    def answer(message: Message, view: View) -> Answer:
        order.append(f"{message.value['run']} {view.partition}")
        if message.value["run"] == "open":
            view.state.put("join", note(due))
        else:
            view.state.drop("join")
        return stage.answer_to(message)

    def expire(key: str, view: View) -> Done:
        order.append(f"expired {view.partition}")
        view.state.drop(key)
        return Done()

    keeps = Keeps(stage.topic("state"), EVENT_MEMORY, lambda value: value["at"], expire)
    stage.feed(range(1), "open", partition=2)
    first = stage.processor(stage.service(answer, keeps=keeps))
    stage.drive(lambda: stage.answered() >= 1, first)
    first.run(ended)
    stage.feed(range(700), "noise", partition=2)
    stage.feed(range(1), "open", partition=1)

    second = stage.processor(stage.service(answer, keeps=keeps), clock=lambda: stage.world.clock() + 120)
    stage.drive(lambda: order.count("noise 2") == 700 and "expired 1" in order, second)
    stage.quiet(0.5, second)
    second.run(ended)

    assert order.index("open 1") < order.index("expired 1")
    assert "expired 2" not in order, "what lay unread closed it"


def test_a_due_timer_fires_in_an_idle_partition(stage: Stage) -> None:
    """With nothing to read behind aborted records and markers, a timer fires soon after its time, once."""
    due = int(stage.world.clock() * 1000) + 300
    fired: list[int] = []

    def answer(message: Message, view: View) -> Answer:
        view.state.put("join", note(due))
        return stage.answer_to(message)

    def expire(key: str, view: View) -> Done:
        fired.append(view.now)
        view.state.drop(key)
        return Done()

    upstream = stage.world.cluster.producer(stage.topic("upstream"))
    upstream.init()
    upstream.begin()
    upstream.place([Output(stage.topic("in"), 0, b"", CODEC.encode(EVENT_MEMORY, note(1)))])
    upstream.commit()
    upstream.begin()
    upstream.place([Output(stage.topic("in"), 0, b"", CODEC.encode(EVENT_MEMORY, note(2)))])
    upstream.abort()
    keeps = Keeps(stage.topic("state"), EVENT_MEMORY, lambda value: value["at"], expire)
    processor = stage.processor(stage.service(answer, keeps=keeps))
    stage.drive(lambda: bool(fired), processor)
    stage.quiet(0.2, processor)
    processor.run(ended)
    upstream.close()

    assert len(fired) == 1
    assert due <= fired[0] < due + 5_000
    assert stage.changelog() == {"join": 0}


def test_a_rebalance_loses_and_doubles_nothing(stage: Stage) -> None:
    """A member joins and leaves while calls are running: what came too late is dropped, and done by the new owner."""
    stage.held |= set(range(0, 200, 7))
    stage.feed(range(200))
    first = stage.processor(stage.calls(concurrency=64))
    stage.drive(lambda: stage.answered() >= 150, first)
    second = stage.processor(stage.calls(concurrency=64), slot="1")
    stage.drive(lambda: len(first.intakes[0].trackers) == len(second.intakes[0].trackers) == 2, first, second)
    stage.held.clear()
    stage.feed(range(200, 300))
    stage.drive(lambda: stage.answered() >= 300, first, second)
    second.run(ended)
    stage.feed(range(300, 400))
    stage.drive(lambda: stage.answered() >= 400, first)
    stage.quiet(0.2, first)
    first.run(ended)

    assert stage.owed() == NOTHING_OWED
    assert first.intakes[0].dropped > 0, "the rebalance had to interrupt calls"
    assert first.intakes[0].in_flight == second.intakes[0].in_flight == 0


def test_back_pressure(stage: Stage) -> None:
    """With all lanes busy at most 4 x concurrency are admitted, and the group is still served."""
    stage.held |= set(range(100))
    stage.feed(range(100))
    first = stage.processor(stage.calls(concurrency=3))
    stage.drive(lambda: first.intakes[0].in_flight > 0, first)
    most = 0
    until = stage.world.clock() + 1
    while stage.world.clock() < until:
        first.turn()
        stage.world.sleep(0.001)
        most = max(most, sum(map(len, first.intakes[0].trackers.values())))
    running = stage.running
    second = stage.processor(stage.calls(concurrency=3), slot="1")
    stage.drive(lambda: len(second.intakes[0].trackers) == 2, first, second)
    stage.held.clear()
    stage.drive(lambda: stage.answered() >= 100, first, second)
    first.run(ended)
    second.run(ended)

    assert (most, running) == (12, 3)
    assert stage.owed() == NOTHING_OWED


def test_a_stop_drains(stage: Stage) -> None:
    """Calls that are running when a stop is asked for are answered and committed before the process ends."""
    stage.held |= set(range(16))
    stage.feed(range(16))
    processor = stage.processor(stage.calls(concurrency=16))
    stage.drive(lambda: stage.running == 16, processor)
    looks = []

    def stopping() -> bool:
        looks.append(1)
        stage.held.clear()
        return True

    processor.run(stopping)

    assert looks
    assert stage.owed() == NOTHING_OWED
    assert {(place.offset, deaths_of(place)) for place in stage.committed().values()} == {(4, 0)}


def test_deaths_that_no_quarantine_explains_halt(stage: Stage) -> None:
    """Three lives more that ended before anything was dispatched: refused, loudly, and forgiven only when asked."""
    deadly = Committed(0, encode(0, Progress(0, deaths=HOPELESS)))
    stage.place("step", {0: deadly, 1: Committed(0, ""), 2: Committed(0, ""), 3: Committed(0, "")})
    stage.feed(range(8))
    halts: list[str] = []
    refused = stage.processor(stage.echo(), on_halt=lambda service, halt: halts.append(f"{service.step}: {halt}"))
    stage.drive(lambda: bool(halts), refused)
    refused.run(ended)
    untouched = stage.committed()

    forgiven = stage.processor(stage.echo(), slot="1", forgive_deaths=True)
    stage.drive(lambda: stage.answered() >= 8, forgiven)
    forgiven.run(ended)

    assert len(halts) == 1
    assert "died 6 times" in halts[0]
    assert f"{stage.topic('in')}[0]" in halts[0]
    assert "penstock run FILE step --forgive-deaths" in halts[0]
    assert untouched[0] == deadly
    assert stage.owed() == NOTHING_OWED
    assert {(place.offset, deaths_of(place)) for place in stage.committed().values()} == {(2, 0)}


def test_after_three_deaths_records_go_alone(stage: Stage) -> None:
    """One at a time in the whole process until what lay there is done; then as ever, with nothing left of it."""
    deadly = Committed(0, encode(0, Progress(0, deaths=DEADLY)))
    stage.place("step", {0: deadly, 1: Committed(0, ""), 2: Committed(0, ""), 3: Committed(0, "")})
    stage.feed(range(40))
    most: list[int] = []

    def answer(message: Message, _: View) -> Answer:
        async def job() -> Done:
            stage.running += 1
            await asyncio.sleep(0.002)
            most.append(stage.running)
            stage.running -= 1
            return stage.answer_to(message)

        return Call(job)

    processor = stage.processor(stage.service(answer, concurrency=8))
    stage.drive(lambda: stage.answered() >= 40, processor)
    stage.quiet(1.5, processor)
    processor.run(ended)

    assert most[:10] == [1] * 10  # the partition's own ten
    assert stage.owed() == NOTHING_OWED
    assert {progress_of(place)._replace(turn=0) for place in stage.committed().values()} == {Progress(10)}


def test_what_was_out_alone_when_the_process_died_is_buried(stage: Stage) -> None:
    """It is not dispatched again: a dead letter, taken from its bytes."""
    marked = Committed(0, encode(0, Progress(5, (0, 3), deaths=4, suspects=9, suspect=3)))
    stage.place("step", {0: marked, 1: Committed(0, ""), 2: Committed(0, ""), 3: Committed(0, "")})
    stage.feed(range(40))
    processor = stage.processor(stage.calls())
    stage.drive(lambda: stage.answered() >= 30 + 6, processor)
    stage.quiet(1.5, processor)
    processor.run(ended)

    letters = stage.world.records(stage.topic("dlq"))
    events = [CODEC.decode(record.value)[1] for record in stage.world.records(stage.topic("runs"))]
    assert [event["input"] for event in events] == [f"{stage.topic('in')}[0]@3"]
    assert events[0]["dead"]["reasons"][0]["code"] == "killed_the_process"
    assert [letter.value for letter in letters] == [stage.inputs()[3].value]
    assert stage.begun[12] == 0  # the fourth of its partition
    assert {address.offset for address, _ in stage.outputs() if address.partition == 0} == {0, 5, 6, 7, 8, 9}
    assert {progress_of(place)._replace(turn=0) for place in stage.committed().values()} == {Progress(10)}


def test_a_group_without_offsets_halts(stage: Stage) -> None:
    """A service whose group nobody placed stops with advice, and the other one of the process goes on."""
    stage.feed(range(8))
    processor = stage.processor(stage.echo(step="unplaced"), stage.echo())
    stage.drive(lambda: stage.answered() >= 8 and bool(processor.halted), processor)
    processor.run(ended)

    assert list(processor.halted) == ["unplaced"]
    assert processor.halted["unplaced"].code == "E350"
    assert "penstock apply" in processor.halted["unplaced"].fix
    assert stage.owed() == NOTHING_OWED


def test_the_offset_moves_behind_the_markers(stage: Stage) -> None:
    """After a moment of silence the group's lag is nought, transaction markers included."""
    upstream = stage.world.cluster.producer(stage.topic("upstream"))
    upstream.init()
    upstream.begin()
    upstream.place([Output(stage.topic("in"), p, b"", CODEC.encode(EVENT_MEMORY, note(p))) for p in range(4)])
    upstream.commit()
    processor = stage.processor(stage.echo())
    stage.drive(lambda: set(stage.committed().values()) == {Committed(2, "")}, processor)
    processor.run(ended)
    upstream.close()

    assert stage.owed() == NOTHING_OWED


def test_foreign_metadata_costs_nothing(stage: Stage) -> None:
    """Another tool's words in the offset's metadata are ignored, and the offset itself is kept."""
    stage.place("step", dict.fromkeys(range(4), Committed(1, "committed by hand")))
    stage.feed(range(8))
    processor = stage.processor(stage.echo())
    stage.drive(lambda: stage.answered() >= 4, processor)
    processor.run(ended)

    assert sorted({address.offset for address, _ in stage.outputs()}) == [1]


def test_a_lost_offset_halts(stage: Stage) -> None:
    """What retention took before it was read is not jumped over: the step stops and names partition and reason."""
    stage.feed(range(40))
    stage.world.trim(stage.topic("in"), 2, 5)
    processor = stage.processor(stage.echo())
    stage.drive(lambda: bool(processor.halted), processor)
    processor.run(ended)

    halt = processor.halted["step"]
    assert halt.code == "E353"
    assert f"{stage.topic('in')}[2]" in halt.what
    assert "offsets 0 to 4" in halt.what
    assert f"--group {stage.world.name('step')} --topic {stage.topic('in')}:2 --reset-offsets" in halt.fix
    assert stage.committed()[2].offset == 0


def test_a_topic_with_more_partitions_halts(stage: Stage) -> None:
    """A run keeps its partition number, so nobody reads partitions that were added; the old ones are not lost."""
    stage.feed(range(8))
    stage.world.grow(stage.topic("in"), 6)
    processor = stage.processor(stage.echo())
    stage.drive(lambda: bool(processor.halted), processor)
    processor.run(ended)

    halt = processor.halted["step"]
    assert halt.code == "E351"
    assert "[4]" in halt.what
    assert "penstock apply" in halt.fix
    assert {place.offset for place in stage.committed().values()} == {0}


def test_a_topic_made_again_halts(stage: Stage) -> None:
    """Under the offsets that we know lie other records now: the step stops, and says that the topic is another."""
    stage.feed(range(8))
    processor = stage.processor(stage.echo())
    stage.drive(lambda: stage.answered() >= 8, processor)
    stage.quiet(1, processor)
    stage.world.recreate(stage.topic("in"), 4)
    stage.feed(range(100, 180))
    stage.drive(lambda: bool(processor.halted), processor)
    processor.run(ended)

    halt = processor.halted["step"]
    assert halt.code == "E352"
    assert f"topic {stage.topic('in')} was deleted and made again" in halt.what
    assert f"--group {stage.world.name('step')} --topic {stage.topic('in')} --reset-offsets" in halt.fix


def test_a_missing_topic_halts_and_is_not_made(stage: Stage) -> None:
    """A service whose topic is not there stops with advice, and leaves no topic behind."""
    nowhere = replace(stage.echo(step="lost"), source=stage.topic("nowhere"))
    processor = stage.processor(nowhere)
    stage.drive(lambda: bool(processor.halted), processor)
    processor.run(ended)

    assert processor.halted["lost"].code == "E354"
    assert "nowhere" in processor.halted["lost"].what
    log = stage.world.cluster.log()
    assert log.partitions(stage.topic("nowhere")) == 0
    log.close()

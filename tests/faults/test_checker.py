"""The checker is shown faults before it is believed: each planted one is found, under its own name and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from faults import drawing, history
from faults.checker import NAMES, Verdict, check
from faults.planted import PARTITIONS, Story, story, write
from penstock.provision.broker import Broker

# 3.0 and 0.25 are agreed on; of 1.5 one worker says large and the other small, so the gate rejects it
SENT = {f"e{index}": {"id": f"e{index}", "number": number} for index, number in enumerate((3.0, 0.25, 1.5, 4.0))}
FINE, REJECTED, REPEATED = "e1", "e2", "e0"


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker.bootstrap


def judged(told: Story, bootstrap: str, sink: Path) -> Verdict:
    write(told, bootstrap, sink)
    seen = history.read(bootstrap, told.shape.pipeline, list(told.shape.groups), sink, settle=1.0)
    return check(seen, told.sent, told.shape, drawing.expected)


def test_a_correct_history_has_no_findings(bootstrap: str, tmp_path: Path) -> None:
    """What should have happened, written by hand, is found to be right, and all of it was looked at."""
    told = story("clean", SENT)

    verdict = judged(told, bootstrap, tmp_path / "sink.jsonl")

    assert verdict.findings == ()
    assert verdict.statuses == {"succeeded": 3, "rejected": 1}
    assert (verdict.records, verdict.effects, verdict.repeats) == (len(told.notes), 3, 1)


def event_without_a_run(told: Story) -> None:
    told.drop(*[note for note in told.notes if note.event == FINE and note.topic != "in"])
    told.sink.remove(told.line(FINE))


def run_without_an_end(told: Story) -> None:
    told.drop(told.find(FINE, "supervisor", "status"))


def output_left_out(told: Story) -> None:
    told.drop(told.find(FINE, "b", "decide"))


def output_topic_left_out(told: Story) -> None:
    told.drop(told.find(FINE, "gate", "out.results"))


def dead_letter_left_out(told: Story) -> None:
    told.drop(told.find(REJECTED, "decide", "gate.dlq"))


def repeat_left_out(told: Story) -> None:
    told.drop(told.find(REPEATED, "repeat", "runs"))


def repeat_recorded_twice(told: Story) -> None:
    told.notes.append(told.find(REPEATED, "repeat", "runs"))


def output_twice(told: Story) -> None:
    told.notes.append(told.find(FINE, "decide", "gate"))


def effect_asked_for_twice(told: Story) -> None:
    told.notes.append(told.find(FINE, "gate", "record"))


def output_topic_twice(told: Story) -> None:
    told.notes.append(told.find(FINE, "gate", "out.results"))


def two_runs_of_one_event(told: Story) -> None:
    begun = told.find(FINE, "ingress", "runs")
    told.notes.append(replace(begun, value={**begun.value, "run": "another"}))


def task_done_twice(told: Story) -> None:
    where = told.notes.index(told.find(FINE, "supervisor", "runs"))
    told.notes.insert(where, told.find(FINE, "b", "runs"))


def effect_applied_twice(told: Story) -> None:
    told.sink.append(told.line(FINE))


def status_changed(told: Story) -> None:
    final = told.find(FINE, "supervisor", "status")
    told.notes.append(replace(final, value={**final.value, "state": "failed"}))


def status_repeated(told: Story) -> None:
    told.notes.append(told.find(FINE, "supervisor", "status"))


def effect_without_its_gates_event(told: Story) -> None:
    told.drop(told.find(FINE, "gate", "runs"))


def effect_of_other_bytes_than_passed(told: Story) -> None:
    told.change(told.find(FINE, "gate", "runs"), sha256="0" * 64)


def effect_named_by_another_step(told: Story) -> None:
    told.change(told.find(FINE, "gate", "runs"), step="check")


def effect_of_a_rejected_run(told: Story) -> None:
    result = told.find(REJECTED, "decide", "gate")
    told.notes.append(replace(result, writer="gate", topic="record"))


def effect_nobody_asked_for(told: Story) -> None:
    told.sink.append({**told.line(FINE), "key": "0" * 32})


def effect_left_out(told: Story) -> None:
    told.sink.remove(told.line(FINE))


def effect_confirmed_after_the_end(told: Story) -> None:
    confirmed = told.find(FINE, "record", "runs")
    told.drop(confirmed)
    told.notes.append(confirmed)


def another_status(told: Story) -> None:
    told.change(told.find(FINE, "supervisor", "status"), state="expired")


def another_result(told: Story) -> None:
    told.change(told.find(FINE, "b", "decide"), score=0.5)


def another_effect(told: Story) -> None:
    line = told.line(FINE)
    told.sink[told.sink.index(line)] = {**line, "effect": {**line["effect"], "score": 0.5}}


def output_of_a_rejected_run(told: Story) -> None:
    result = told.find(REJECTED, "decide", "gate")
    told.notes.append(replace(result, writer="gate", topic="out.results"))


def run_of_no_event(told: Story) -> None:
    begun = told.find(FINE, "ingress", "runs")
    told.notes.append(replace(begun, value={**begun.value, "event": "e9", "run": "run-of-e9"}))


def output_on_another_partition(told: Story) -> None:
    note = told.find(FINE, "a", "check")
    told.notes[told.notes.index(note)] = replace(note, partition=(note.partition + 1) % PARTITIONS)


def open_transaction(told: Story) -> None:
    note = told.find(FINE, "a", "b")
    told.notes.append(replace(note, visible=False))


def records_nobody_read(told: Story) -> None:
    told.unread = "decide"


def open_task(told: Story) -> None:
    told.change(told.find(FINE, "record", "runs"), ended=[])


PLANTED: dict[Callable[[Story], None], str] = {
    event_without_a_run: "lost",
    run_without_an_end: "lost",
    output_left_out: "lost",
    output_topic_left_out: "lost",
    dead_letter_left_out: "lost",
    repeat_left_out: "lost",
    repeat_recorded_twice: "duplicate",
    output_twice: "duplicate",
    effect_asked_for_twice: "duplicate",
    output_topic_twice: "duplicate",
    two_runs_of_one_event: "duplicate",
    task_done_twice: "duplicate",
    effect_applied_twice: "double_effect",
    status_changed: "second_status",
    status_repeated: "second_status",
    effect_without_its_gates_event: "ungated_effect",
    effect_of_other_bytes_than_passed: "ungated_effect",
    effect_named_by_another_step: "ungated_effect",
    effect_of_a_rejected_run: "ungated_effect",
    effect_nobody_asked_for: "ungated_effect",
    effect_left_out: "effect_missing",
    effect_confirmed_after_the_end: "late_effect",
    another_status: "wrong_status",
    another_result: "wrong_content",
    another_effect: "wrong_content",
    output_of_a_rejected_run: "unexpected",
    run_of_no_event: "unexpected",
    output_on_another_partition: "strayed",
    open_transaction: "stuck",
    records_nobody_read: "stuck",
    open_task: "stuck",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_names_exactly_the_planted_fault(plant: Callable[[Story], None], bootstrap: str, tmp_path: Path) -> None:
    """One fault in an otherwise correct history is reported once, under its own name."""
    told = story(plant.__name__.replace("_", "-"), SENT)
    plant(told)

    verdict = judged(told, bootstrap, tmp_path / "sink.jsonl")

    assert [finding.name for finding in verdict.findings] == [PLANTED[plant]], verdict.findings


def test_names_a_torn_line(bootstrap: str, tmp_path: Path) -> None:
    """A sink file whose last line was cut short is reported as torn."""
    told, sink = story("torn-line", SENT), tmp_path / "sink.jsonl"
    write(told, bootstrap, sink)
    with sink.open("a", encoding="utf-8") as file:
        file.write('{"key": "0000')

    seen = history.read(bootstrap, told.shape.pipeline, list(told.shape.groups), sink)

    assert check(seen, told.sent, told.shape, drawing.expected).names == {"torn"}


def test_every_name_is_shown() -> None:
    """There is a planted fault for each name the checker knows."""
    assert {*PLANTED.values(), "torn"} == set(NAMES)

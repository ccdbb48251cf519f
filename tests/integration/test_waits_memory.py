"""Waits that are too long for memory, on the broker in memory: the task stays open, and goes on when it is due."""

from __future__ import annotations

from typing import Any

import pytest

from penstock import Context, Reason, Retry
from penstock.contracts.records import RunEvent
from penstock.runtime.ports import Output
from pipelines import DESK, Host, Pipeline, check_order, jobs, scored

MINUTE, HOUR = 60, 3_600
PATIENT = DESK.replace("deadline: 1m", "deadline: 2h").replace(
    'run: "cast:second"\n    writes: diagram.Second\n    attempts: {max: 2, timeout: 5s, backoff: [1s]}',
    'run: "cast:second"\n    writes: diagram.Second\n    attempts: {max: 4, timeout: 5s, backoff: [1s, 10m]}',
)
GATE = PATIENT.replace(
    'checks: [{run: "cast:check"}]\n',
    'checks: [{run: "cast:check"}]\n    attempts: {max: 3, timeout: 5s, backoff: [1m]}\n',
)
AGAIN = PATIENT.replace("on_reject: {review: true}\n    to: [thank", "on_reject: {reruns: 1}\n    to: [thank")


def attempts(pipeline: Pipeline, step: str) -> list[tuple[str, int]]:
    """What a step told of its tasks, and how many attempts each time."""
    told = [event for event in pipeline.events(step=step) if event["kind"].startswith("task_")]
    return [(event["kind"], event["attempt"]) for event in told]


def again(pipeline: Pipeline, event: RunEvent, **changed: Any) -> None:  # noqa: ANN401 - any field
    """The same event once more, as if somebody repeated it."""
    data = pipeline.codec.encode("penstock.RunEvent", {**event, **changed})
    pipeline.broker.append(Output(pipeline.topics.runs, 0, event["run"].encode(), data))
    pipeline.settle()


def test_a_worker_that_asks_for_time_gets_it(host: Host) -> None:
    """A Retry-After of five minutes: the record is done with, the task is open, and is commanded when it is due."""
    pipeline = host(PATIENT)
    pipeline.cast.told("second", "e0", Retry("busy", after=5.0 * MINUTE), scored)
    began = pipeline.clock()
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    (waits,) = pipeline.events("task_waiting")
    assert (waits["attempt"], waits["tried"], waits["ended"]) == (1, 1, [])
    assert waits["due"] == pytest.approx((began + 5 * MINUTE) * 1000, abs=10)
    (status,) = pipeline.statuses()
    assert (status["state"], status["step"], status["attempt"], status["attempts_allowed"], status["due"]) == (
        "retrying", "second", 2, 4, waits["due"],
    )  # fmt: skip
    assert [reason["code"] for reason in status["reasons"]] == ["retry"]
    pipeline.wait(5 * MINUTE - 1)
    assert pipeline.cast.calls["second", "e0"] == 1

    pipeline.wait(2)

    assert pipeline.ends() == {"e0": "succeeded"}
    assert [status["state"] for status in pipeline.statuses()] == ["retrying", "running", "succeeded"]
    assert attempts(pipeline, "second") == [("task_waiting", 1), ("task_done", 1)]
    done = pipeline.events("task_done", "second")[0]
    assert (done["task"], done["round"], done["deadline"]) == (waits["task"], waits["round"], waits["deadline"])
    check_order(pipeline)


def test_a_declared_pause_of_ten_minutes(host: Host) -> None:
    """The first pause in memory, the next ones through the supervisor; the handler is told which attempt it is."""
    pipeline = host(PATIENT)
    seen: list[int] = []

    def second(value: dict[str, Any], ctx: Context) -> Any:  # noqa: ANN401 - whatever it answers
        seen.append(ctx.attempt)
        return Retry("busy") if ctx.attempt < 4 else scored(value)

    pipeline.cast.usually("second", second)
    began = pipeline.clock()
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    assert attempts(pipeline, "second") == [("task_waiting", 2)]
    pipeline.wait(10 * MINUTE + 1)
    assert attempts(pipeline, "second") == [("task_waiting", 2), ("task_waiting", 1)]
    pipeline.wait(10 * MINUTE + 1)

    assert seen == [1, 2, 3, 4]
    assert pipeline.ends() == {"e0": "succeeded"}
    assert 20 * MINUTE < pipeline.clock() - began < 21 * MINUTE
    assert sum(count for _, count in attempts(pipeline, "second")) == 4
    check_order(pipeline)


def test_attempts_are_counted_over_waits(host: Host) -> None:
    """As many as the file allows in all, whatever they wait for; then the task is dead."""
    pipeline = host(PATIENT)
    pipeline.cast.usually("second", Retry("busy", after=60.0))
    pipeline.send(*jobs(0.9))
    pipeline.wait(10 * MINUTE)

    assert pipeline.cast.calls["second", "e0"] == 4
    assert attempts(pipeline, "second") == [("task_waiting", 1)] * 3 + [("task_dead", 1)]
    assert pipeline.ends() == {"e0": "waiting"}  # its branch is missing, and a person is asked
    check_order(pipeline)


def test_money_is_counted_over_waits(host: Host) -> None:
    """Each attempt's own, in the event that tells of it."""
    pipeline = host(PATIENT)

    def read(value: dict[str, Any], ctx: Context) -> Any:  # noqa: ANN401 - whatever it answers
        ctx.spend(0.01)
        return Retry("busy", after=60.0) if ctx.attempt == 1 else scored(value)

    pipeline.cast.usually("read", read)
    pipeline.send(*jobs(0.9))
    pipeline.wait(2 * MINUTE)

    assert [event["cost_usd"] for event in pipeline.events(step="read")] == [0.01, 0.01]
    assert pipeline.statuses()[-1]["cost_usd"] == pytest.approx(0.02)
    check_order(pipeline)


def test_a_wait_survives_every_process(host: Host) -> None:
    """Killed while it waits, and when it is due: it goes on with the attempt that is next."""
    pipeline = host(PATIENT)
    pipeline.cast.told("second", "e0", Retry("busy", after=60.0), Retry("busy", after=60.0), scored)
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.kill()
    pipeline.wait(61)
    pipeline.kill()
    pipeline.wait(30)
    pipeline.kill()
    assert pipeline.statuses()[-1]["attempt"] == 3
    pipeline.wait(40)

    assert pipeline.ends() == {"e0": "succeeded"}
    assert pipeline.cast.calls["second", "e0"] == 3
    check_order(pipeline)


def test_a_supervisor_that_was_away_commands_at_once(host: Host) -> None:
    """Late, but once."""
    pipeline = host(PATIENT)
    pipeline.cast.told("second", "e0", Retry("busy", after=60.0), scored)
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.hold("supervisor")
    pipeline.wait(10 * MINUTE)
    pipeline.resume("supervisor")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    assert pipeline.cast.calls["second", "e0"] == 2


@pytest.mark.parametrize(("text", "worked", "after"), [(PATIENT, 0, 2.0 * HOUR), (DESK, 52, 9.0)])
def test_no_wait_goes_beyond_the_deadline(host: Host, text: str, worked: int, after: float) -> None:
    """It ends as expired at once, without the wait; so does one that memory could have held."""
    pipeline = host(text)

    def second(*_: object) -> Retry:
        pipeline.clock.sleep(worked)
        return Retry("busy", after=after)

    pipeline.cast.usually("second", second)
    began = pipeline.clock()
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.clock() == began + worked
    (dead,) = pipeline.events("task_dead", "second")
    assert (dead["outcome"], dead["attempt"]) == ("expired", 1)
    assert dead["dead"] is not None
    assert [reason["code"] for reason in dead["dead"]["reasons"]] == ["expired", "retry"]
    assert pipeline.events("task_waiting") == []


def test_a_gate_waits_as_well(host: Host) -> None:
    """A check that cannot be asked for a while: the same bytes are judged again, and only then passed on."""
    pipeline = host(GATE)
    pipeline.cast.told("check", "e0", OSError("away"), OSError("away"), [])
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    assert pipeline.statuses()[-1]["step"] == "check-decision"
    pipeline.wait(2 * MINUTE + 30)

    assert pipeline.ends() == {"e0": "succeeded"}
    assert attempts(pipeline, "check-decision") == [("task_waiting", 1)] * 2 + [("task_done", 1)]
    (passed,) = pipeline.events("task_done", "check-decision")
    merged = pipeline.records(pipeline.topics.step("check-decision"))[0].value
    assert pipeline.records(pipeline.topics.output("decisions"))[0].value == merged
    assert passed["sha256"]
    check_order(pipeline)


def test_a_gate_that_waits_with_a_decision(host: Host) -> None:
    """What a person approved stays approved over the wait, and is judged as such."""
    pipeline = host(GATE.replace('checks: [{run: "cast:check"}]', 'checks: [{run: "cast:check", waivable: true}]'))
    pipeline.cast.told("check", "e0", [Reason("odd")], OSError("away"), OSError("away"), [Reason("odd")])
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.decide("approve")
    pipeline.wait(3 * MINUTE)

    assert pipeline.ends() == {"e0": "resolved_by_human"}
    assert attempts(pipeline, "check-decision") == [
        ("task_dead", 1), ("task_waiting", 1), ("task_waiting", 1), ("task_done", 1),
    ]  # fmt: skip
    assert pipeline.events("task_done", "check-decision")[0]["outcome"] == "approved"
    check_order(pipeline)


def test_feedback_is_known_after_a_wait(host: Host) -> None:
    """A re-run that has to wait, twice, still knows the verdict it was asked again for."""
    told: list[tuple[int, list[str]]] = []

    def read(value: dict[str, Any], ctx: Context) -> Any:  # noqa: ANN401 - whatever it answers
        told.append((ctx.attempt, [reason.code for reason in ctx.feedback]))
        return [{**scored(value), "score": 0.1}, Retry("busy", after=60.0), Retry("busy", after=60.0), scored(value)][
            len(told) - 1
        ]

    text = AGAIN.replace(
        "attempts: {max: 2, timeout: 5s, backoff: [1s]}\n    cost", "attempts: {max: 3, timeout: 5s}\n    cost"
    )
    pipeline = host(text)
    pipeline.cast.usually("read", read)
    pipeline.send(*jobs(0.9))
    pipeline.wait(3 * MINUTE)

    assert told == [(1, []), (1, ["unsure"]), (2, ["unsure"]), (3, ["unsure"])]
    assert pipeline.ends() == {"e0": "succeeded"}
    check_order(pipeline)


def test_a_dead_task_after_a_wait_takes_its_rungs(host: Host) -> None:
    """The fallback gets the input, not the command that stood for it."""
    pipeline = host(PATIENT)
    pipeline.cast.usually("read", Retry("busy", after=60.0))
    pipeline.send(*jobs(0.9))
    pipeline.wait(3 * MINUTE)

    assert pipeline.ends() == {"e0": "succeeded_by_fallback"}
    assert pipeline.cast.calls["read_simply", "e0"] == 1
    (command,) = pipeline.events("task_done", "read-simply")
    assert command["round"] == 1
    check_order(pipeline)


def test_what_is_told_twice_changes_nothing(host: Host) -> None:
    """The same wait again, while it lasts, when it is over, and once the run has ended: one command."""
    pipeline = host(PATIENT)
    pipeline.cast.told("second", "e0", Retry("busy", after=60.0), scored)
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    (waits,) = pipeline.events("task_waiting")
    before = pipeline.kept("supervisor")
    again(pipeline, waits)
    (memory,) = pipeline.kept("supervisor").values()
    (known,) = before.values()
    assert memory["open"] == known["open"]

    pipeline.wait(61)
    again(pipeline, waits)

    assert pipeline.ends() == {"e0": "succeeded"}
    assert pipeline.cast.calls["second", "e0"] == 2
    assert [event["outcome"] for event in pipeline.events("late")] == ["task_waiting"]


def test_a_wait_is_told_of_whoever_goes_on_first(host: Host) -> None:
    """Two runs, each with its own; the status changes with what is waited for, and not otherwise."""
    pipeline = host(PATIENT)
    pipeline.cast.usually("read", lambda value, ctx: scored(value) if ctx.attempt > 1 else Retry("busy", after=30.0))
    pipeline.cast.usually("second", lambda value, ctx: scored(value) if ctx.attempt > 1 else Retry("busy", after=20.0))
    pipeline.send(*jobs(0.9, 0.8))
    pipeline.wait(2 * MINUTE)

    told = [[(s["state"], s["step"]) for s in pipeline.statuses() if s["event"] == event] for event in ("e0", "e1")]
    assert told[0] == told[1] == [
        ("retrying", "read"), ("running", ""), ("retrying", "second"), ("running", ""), ("succeeded", ""),
    ]  # fmt: skip
    check_order(pipeline)


def test_a_sink_waits_in_memory(host: Host) -> None:
    """Nobody but its gate may write to an effect, so nobody could command it: its slot is kept, and no event told."""
    pipeline = host(PATIENT)
    pipeline.cast.told("sink_file", "e0", Retry("busy", after=90.0), None)
    began = pipeline.clock()
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    assert 90 <= pipeline.clock() - began < 91
    assert pipeline.events("task_waiting") == []
    assert pipeline.events("task_done", "file")[0]["attempt"] == 2
    check_order(pipeline)

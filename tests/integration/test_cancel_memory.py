"""Cancelling a run in every state it can be in, on the broker in memory."""

from __future__ import annotations

from typing import Any

import pytest

from penstock import Context, Retry
from penstock.errors import Conflict, Mistake
from penstock.escalation.requests import Requests
from pipelines import DESK, DIAGRAM, Host, Pipeline, check_order, jobs, scored

MINUTE, HOUR = 60, 3_600
PATIENT = DESK.replace("deadline: 1m", "deadline: 2h")


def states(pipeline: Pipeline) -> list[str]:
    """Every state that was told."""
    return [status["state"] for status in pipeline.statuses()]


def controls(pipeline: Pipeline) -> list[str]:
    """What the executors of effects were told: to stop, and to forget it."""
    records = pipeline.records(pipeline.topics.control)
    return ["forget" if record.value is None else pipeline.codec.decode(record.value)[1]["kind"] for record in records]


def test_a_run_that_works(host: Host) -> None:
    """It goes on to where it would act on the world; then it has ended as cancelled, and says why."""
    pipeline = host()
    pipeline.hold("second")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.cancel(note="sent by mistake", by="eva")
    pipeline.settle()
    assert states(pipeline) == ["ending"]
    assert controls(pipeline) == ["stop"]

    pipeline.resume("second")
    pipeline.settle()

    assert states(pipeline) == ["ending", "cancelled"]
    assert controls(pipeline) == ["stop", "forget"]
    (reason,) = pipeline.statuses()[-1]["reasons"]
    assert (reason["code"], reason["message"]) == ("cancelled", "by eva: sent by mistake")
    check_order(pipeline)


def test_a_step_that_never_answers(host: Host) -> None:
    """By the rule of every status: when deadline, longest call and skew are over."""
    pipeline = host()
    pipeline.hold("second")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.cancel()
    pipeline.wait(MINUTE + 6)
    assert states(pipeline) == ["ending"]
    pipeline.wait(2)

    assert states(pipeline) == ["ending", "cancelled"]


def test_a_run_that_waits_for_an_attempt(host: Host) -> None:
    """Nothing of it is at work: it ends at once, and the attempt never begins."""
    pipeline = host(PATIENT)
    pipeline.cast.usually("read", Retry("busy", after=600.0))
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.cancel()
    pipeline.settle()
    assert states(pipeline) == ["retrying", "cancelled"]
    assert controls(pipeline) == []  # there was nothing left to stop
    pipeline.wait(HOUR)

    assert pipeline.cast.calls["read", "e0"] == 1
    check_order(pipeline)


def test_a_wait_that_is_told_after_it(host: Host) -> None:
    """An attempt that was at work when the run was cancelled is not followed by another."""
    pipeline = host(PATIENT)

    def read(*_: object) -> Retry:
        if not pipeline.events("requested"):
            pipeline.cancel()
        return Retry("busy", after=600.0)

    pipeline.cast.usually("read", read)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert states(pipeline) == ["ending", "cancelled"]
    assert len(pipeline.events("task_waiting")) == 1
    check_order(pipeline)


def test_a_join_whose_branch_does_not_come(host: Host) -> None:
    """It ends with its wait, in which the run is about to end: nothing of it is told to the world."""
    pipeline = host(PATIENT.replace("merge:", "wait: 5m\n    merge:"))
    pipeline.cast.usually("second", Retry("busy", after=600.0))
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.cancel()
    pipeline.wait(4 * MINUTE)
    assert states(pipeline) == ["retrying", "ending"]
    pipeline.wait(2 * MINUTE)

    assert states(pipeline) == ["retrying", "ending", "cancelled"]
    assert pipeline.outputs("decisions") == []
    assert pipeline.reviews() == []  # of the vote that was too few
    check_order(pipeline)


def test_a_run_that_waits_for_people(host: Host) -> None:
    """The question is withdrawn, a decision comes too late, and the run ends at once."""
    pipeline = host()
    pipeline.send(*jobs(0.3))
    pipeline.settle()
    (review,) = pipeline.reviews()
    pipeline.cancel()
    pipeline.settle()

    assert states(pipeline) == ["waiting", "cancelled"]
    assert pipeline.values(pipeline.topics.reviews)[-1]["state"] == "withdrawn"
    assert pipeline.reviews() == []
    with pytest.raises(Conflict, match="E311"):
        pipeline.decide("approve", review=review)
    check_order(pipeline)


def test_a_dead_task_takes_no_rung(host: Host) -> None:
    """Neither fallback nor people."""
    pipeline = host()

    def read(*_: object) -> None:
        if not pipeline.events("requested"):
            pipeline.cancel()
        raise RuntimeError("no model")

    pipeline.cast.usually("read", read)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert states(pipeline) == ["ending", "cancelled"]
    assert pipeline.cast.calls["read_simply", "e0"] == 0
    check_order(pipeline)


def test_an_effect_that_was_claimed_is_finished(host: Host) -> None:
    """It takes place, and its receipt is kept; the run is cancelled all the same."""
    pipeline = host()

    def slowly(*_: object) -> None:
        if not pipeline.events("requested"):
            pipeline.cancel()
            pipeline.processor.turn()

    pipeline.cast.usually("sink_thank", slowly)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert "sink_thank" in [name for name, _, _ in pipeline.cast.sent]
    assert [entry["state"] for entry in pipeline.kept("thank").values()] == ["recorded"]
    assert states(pipeline)[-1] == "cancelled"
    check_order(pipeline)


def test_twice(host: Host) -> None:
    """The second request finds the first; one that came all the same is recorded as late."""
    pipeline = host()
    pipeline.hold("second")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    requests = Requests("desk", pipeline.broker, pipeline.codec, pipeline.clock)
    before = requests.find(pipeline.events("run_started")[0]["run"])
    pipeline.cancel(by="eva")
    pipeline.settle()
    with pytest.raises(Conflict, match="E371") as caught:
        pipeline.cancel(by="ana")
    requests.cancel(before, by="ana", note="")
    pipeline.settle()

    assert caught.value.why == "by eva"
    (late,) = pipeline.events("late")
    assert (late["outcome"], late["request"]) == ("requested", {"kind": "cancel", "by": "ana", "note": ""})
    assert states(pipeline) == ["ending"]


def test_a_run_that_has_ended(host: Host) -> None:
    """Final stays final."""
    pipeline = host()
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    with pytest.raises(Conflict, match="has ended as succeeded"):
        pipeline.cancel()


def test_a_run_that_nobody_knows(host: Host) -> None:
    """Neither by its whole id nor by its beginning; and a beginning that several share is none."""
    pipeline = host(partitions=2)
    pipeline.hold("second")
    pipeline.send(*jobs(*[0.9] * 40))
    pipeline.settle()
    requests = Requests("desk", pipeline.broker, pipeline.codec, pipeline.clock)
    started = pipeline.events("run_started")
    for identifier in ("", "x", "0" * 36):
        with pytest.raises(Mistake, match="E370"):
            requests.find(identifier)
    with pytest.raises(Mistake, match="runs begin with"):
        requests.find(max("0123456789abcdef", key=lambda first: sum(e["run"][0] == first for e in started)))

    for event in started:
        found = requests.find(event["run"])
        assert (found.run, found.event, found.state) == (event["run"], event["event"], "")
        assert requests.find(event["run"][:20]) == found


def test_a_pipeline_without_effects(host: Host) -> None:
    """Nobody is told to stop; what was written to an output stays there."""
    pipeline = host(DIAGRAM)
    pipeline.hold("decide")
    pipeline.send(*jobs(1.0))
    pipeline.settle()
    pipeline.cancel()
    pipeline.resume("decide")
    pipeline.settle()

    assert states(pipeline)[-1] == "cancelled"
    assert controls(pipeline) == []
    check_order(pipeline)


def test_a_deadline_that_passes_stops_effects(host: Host) -> None:
    """A run that works on at its deadline is about to end: executors are told, and forget it with the run."""
    pipeline = host()
    pipeline.hold("second")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.wait(MINUTE - 1)
    assert (states(pipeline), controls(pipeline)) == ([], [])
    pipeline.wait(2)
    assert (states(pipeline), controls(pipeline)) == (["ending"], ["stop"])
    pipeline.wait(HOUR)

    assert (states(pipeline), controls(pipeline)) == (["ending", "expired"], ["stop", "forget"])


def test_a_cancelled_run_that_expires_is_cancelled(host: Host) -> None:
    """Also where the deadline was over before anybody asked."""
    pipeline = host()
    pipeline.hold("second")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.wait(MINUTE + 1)
    pipeline.cancel()
    pipeline.wait(HOUR)

    assert states(pipeline) == ["ending", "cancelled"]
    assert controls(pipeline) == ["stop", "forget"]


def test_an_effect_in_flight_at_the_deadline(host: Host) -> None:
    """It is finished; the run has expired where anything of it came too late, and names no doubt."""
    pipeline = host()

    def slowly(effect: dict[str, Any], _key: str) -> None:
        assert effect["id"] == "e0"
        pipeline.clock.sleep(MINUTE + 1)

    pipeline.cast.usually("sink_thank", slowly)
    pipeline.send(*jobs(0.9))
    pipeline.wait(HOUR)

    assert [entry["state"] for entry in pipeline.kept("thank").values()] == ["recorded"]
    assert pipeline.statuses()[-1]["in_doubt"] == []
    assert states(pipeline)[-1] == "expired"
    check_order(pipeline)


def test_feedback_reaches_nobody_in_a_cancelled_run(host: Host) -> None:
    """A verdict that comes after the request asks nobody again."""
    asks = "on_reject: {review: true}\n    to: [thank"
    pipeline = host(DESK.replace(asks, asks.replace("review: true", "reruns: 3")))

    def read(value: dict[str, Any], ctx: Context) -> dict[str, Any]:
        if not ctx.feedback and not pipeline.events("requested"):
            pipeline.cancel()
        return {**scored(value), "score": 0.1}

    pipeline.cast.usually("read", read)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.cast.calls["read", "e0"] == 1
    assert states(pipeline)[-1] == "cancelled"
    check_order(pipeline)

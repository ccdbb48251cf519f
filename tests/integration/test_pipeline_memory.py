"""The rooms together, on the broker in memory: each way a run can go ends as the design says."""

from __future__ import annotations

from typing import Any

import pytest

from penstock import Escalate, Reason, Reject, Retry
from penstock.contracts.identity import digest
from penstock.runtime.ports import Output
from pipelines import DESK, DIAGRAM, Host, check_order, jobs, scored

MINUTE, HOUR = 60, 3_600


def small(value: dict[str, Any], _: object) -> dict[str, Any]:
    """The second voice, disagreeing."""
    return {**value, "label": "small"}


def test_the_drawing_runs(host: Host) -> None:
    """Every event of the drawing ends as succeeded, with one result that holds both scores."""
    pipeline = host(DIAGRAM, partitions=2)
    pipeline.send(*jobs(1, 2, 3, 4, 5))
    pipeline.settle()

    assert set(pipeline.ends().values()) == {"succeeded"}
    results = {result["id"]: result for result in pipeline.outputs("results")}
    assert len(pipeline.outputs("results")) == 5
    assert results["e0"]["score"] == pytest.approx(1 / 2)
    assert results["e0"]["second"] == pytest.approx(1 / 3)
    check_order(pipeline)


def test_the_drawing_with_a_dead_branch(host: Host) -> None:
    """A gate that rejects leaves its branch empty: policy `all` finds a conflict and the run ends as rejected."""
    pipeline = host(DIAGRAM)
    pipeline.send({"id": "e0", "number": -3.0})
    pipeline.settle()

    assert pipeline.ends() == {"e0": "rejected"}
    assert pipeline.outputs("results") == []
    (status,) = pipeline.statuses()
    assert {reason["code"] for reason in status["reasons"]} >= {"out-of-range", "branch_missing"}
    check_order(pipeline)


def test_a_clear_message_goes_through(host: Host) -> None:
    """Nobody is asked, both effects are sent once, the output is written, the run has succeeded.

    Seven steps ran once each; the join ended two tasks with its one merge.
    """
    pipeline = host()
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    assert sorted(name for name, _, _ in pipeline.cast.sent) == ["sink_file", "sink_thank"]
    assert [value["id"] for value in pipeline.outputs("decisions")] == ["e0"]
    (status,) = pipeline.statuses()
    assert (status["tasks"], status["attempts"], status["fallbacks"], status["reviews"]) == (8, 7, 0, 0)
    check_order(pipeline)


def test_a_dead_worker_is_replaced(host: Host) -> None:
    """When A is dead its fallback does the same input; the run ends as succeeded_by_fallback."""
    pipeline = host()
    pipeline.cast.told("read", "e0", RuntimeError("no model"))
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded_by_fallback"}
    assert pipeline.cast.calls["read", "e0"] == 2
    assert pipeline.cast.calls["read_simply", "e0"] == 1
    (status,) = pipeline.statuses()
    assert status["fallbacks"] == 1
    assert "no model" in status["reasons"][0]["message"]
    check_order(pipeline)


def test_a_fallback_has_a_deadline_of_its_own(host: Host) -> None:
    """A command opens a round with a deadline of its own: what the first worker used up is not taken from it."""
    pipeline = host()
    pipeline.cast.told("read", "e0", Retry("busy", after=10.0), Reject((Reason("no"),)))

    def slowly(value: dict[str, Any], _: object) -> dict[str, Any]:
        pipeline.clock.sleep(55.0)
        return value

    pipeline.cast.usually("second", slowly)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded_by_fallback"}
    started, command = pipeline.events("run_started")[0], pipeline.events("task_done", "read-simply")[0]
    assert command["deadline"] > started["deadline"]
    check_order(pipeline)


def test_nobody_left_who_could_read(host: Host) -> None:
    """Worker and fallback dead, nothing to approve: a person who rejects ends the run as rejected."""
    pipeline = host()
    pipeline.cast.told("read", "e0", RuntimeError("a"))
    pipeline.cast.told("read_simply", "e0", RuntimeError("b"))
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "waiting"}
    assert [review["offers"] for review in pipeline.reviews()] == [["edit", "reject", "retry"]]
    pipeline.decide("reject")
    pipeline.settle()
    assert pipeline.ends() == {"e0": "rejected"}
    assert pipeline.cast.sent == []
    check_order(pipeline)


def test_an_unsure_reading_is_approved(host: Host) -> None:
    """The gate rejects, a person approves, the very bytes pass: resolved_by_human, with every effect sent once."""
    pipeline = host()
    pipeline.send(*jobs(0.3))
    pipeline.settle()
    assert pipeline.ends() == {"e0": "waiting"}
    (review,) = pipeline.reviews()
    assert review["step"] == review["gate"] == "check-reading"
    assert [reason["code"] for reason in review["reasons"]] == ["unsure"]

    pipeline.decide("approve")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "resolved_by_human"}
    (passed,) = pipeline.events("task_done", "check-reading")
    assert passed["outcome"] == "approved"
    assert passed["sha256"] == review["sha256"]
    assert pipeline.records(pipeline.topics.step("second"))[0].value is not None
    assert digest(pipeline.records(pipeline.topics.step("second"))[0].value or b"") == review["sha256"]
    assert len(pipeline.cast.sent) == 2
    check_order(pipeline)


def test_a_status_says_when_a_run_goes_on(host: Host) -> None:
    """`waiting` is written when only people are waited for, `running` when the wait is over and work goes on."""
    pipeline = host()
    pipeline.send(*jobs(0.3))
    pipeline.settle()
    pipeline.decide("approve")
    pipeline.settle()

    assert [status["state"] for status in pipeline.statuses()] == ["waiting", "running", "resolved_by_human"]
    assert [bool(status["review"]) for status in pipeline.statuses()] == [True, False, False]


def test_an_unsure_reading_is_rejected(host: Host) -> None:
    """A rejection ends the run as rejected; nothing goes behind the gate, and the review is closed with its reader."""
    pipeline = host()
    pipeline.send(*jobs(0.3))
    pipeline.settle()
    pipeline.decide("reject", by="eva")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "rejected"}
    assert pipeline.cast.sent == []
    assert pipeline.outputs("decisions") == []
    last = pipeline.values(pipeline.topics.reviews)[-1]
    assert (last["state"], last["decided_by"]) == ("decided", "eva")
    check_order(pipeline)


def test_a_review_that_nobody_answers(host: Host) -> None:
    """A person may take as long as a review lasts, the run's deadline stands still; then the run has expired."""
    pipeline = host()
    pipeline.send(*jobs(0.3))
    pipeline.settle()
    pipeline.wait(HOUR - 1)
    assert pipeline.ends() == {"e0": "waiting"}

    pipeline.wait(2)

    assert pipeline.ends() == {"e0": "expired"}
    assert pipeline.values(pipeline.topics.reviews)[-1]["state"] == "expired"
    check_order(pipeline)


def test_the_second_decision_is_late(host: Host) -> None:
    """The first decision in the log counts; another one is recorded as late and changes nothing."""
    pipeline = host()
    pipeline.send(*jobs(0.3))
    pipeline.settle()
    (review,) = pipeline.reviews()
    pipeline.decide("reject")
    forged = {"review": review["review"], "decision": "desk.decisions[0]@0", "verdict": "approve", "by": "eva",
              "note": ""}  # fmt: skip
    event = {**pipeline.events("decided")[0], "ruling": forged}
    pipeline.broker.append(Output(pipeline.topics.runs, 0, b"", pipeline.codec.encode("penstock.RunEvent", event)))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "rejected"}
    assert [event["outcome"] for event in pipeline.events("late")] == ["decided"]
    check_order(pipeline)


def test_what_nobody_may_waive(host: Host) -> None:
    """A person approves, but a check that is not waivable holds for people too: asked again, then the end."""
    pipeline = host()
    pipeline.send(*jobs(1.5))
    pipeline.settle()
    pipeline.decide("approve")
    pipeline.settle()
    assert pipeline.ends() == {"e0": "waiting"}
    assert len(pipeline.reviews()) == 1
    pipeline.decide("approve")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "rejected"}
    assert pipeline.cast.sent == []
    check_order(pipeline)


def test_a_split_vote_goes_to_a_person(host: Host) -> None:
    """Two voices, two answers: the first one's is suggested; approved, it goes through the gate behind the join."""
    pipeline = host()
    pipeline.cast.usually("second", small)
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    (review,) = pipeline.reviews()
    assert (review["step"], review["gate"], review["contract"]) == ("decide", "check-decision", "diagram.Second")
    assert review["offers"] == ["approve", "edit", "reject"]  # a join's branches are what they are
    pipeline.decide("approve")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "resolved_by_human"}
    assert [value["label"] for value in pipeline.outputs("decisions")] == ["large"]
    check_order(pipeline)


def test_a_split_vote_keeps_the_dissent(host: Host) -> None:
    """The dead letter of a split vote is a MergeConflict that holds what every branch said."""
    pipeline = host()
    pipeline.cast.usually("second", small)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    (conflict,) = pipeline.values(pipeline.topics.dead("decide"))
    assert [vote["branch"] for vote in conflict["votes"]] == ["check-reading", "second"]
    assert '"large"' in conflict["votes"][0]["value"]
    assert '"small"' in conflict["votes"][1]["value"]
    assert pipeline.reviews()[0]["letter"] == str(pipeline.records(pipeline.topics.dead("decide"))[0].address)


def test_a_dead_second_opinion_is_missing(host: Host) -> None:
    """Worker B dead: its branch stays empty, one voice is no majority, a person is asked."""
    pipeline = host()
    pipeline.cast.told("second", "e0", Reject((Reason("unreadable"),)))
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    (review,) = pipeline.reviews()
    assert {reason["code"] for reason in review["reasons"]} == {"too_few_votes", "branch_missing"}
    pipeline.decide("approve")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "resolved_by_human"}
    assert "unreadable" in {reason["code"] for reason in pipeline.statuses()[-1]["reasons"]}
    check_order(pipeline)


def test_an_escalation_carries_a_suggestion(host: Host) -> None:
    """A worker that asks for a person skips its fallback; what it suggests is what the person may approve."""
    pipeline = host()
    suggestion = scored({"id": "e0", "number": 0.7})
    pipeline.cast.told("read", "e0", Escalate((Reason("above_me"),), suggestion))
    pipeline.send(*jobs(0.1))
    pipeline.settle()
    assert pipeline.cast.calls["read_simply", "e0"] == 0
    pipeline.decide("approve")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "resolved_by_human"}
    assert pipeline.outputs("decisions")[0]["number"] == pytest.approx(0.7)
    check_order(pipeline)


def test_a_suggestion_that_does_not_fit_is_dropped(host: Host) -> None:
    """An escalation with a useless suggestion is still an escalation: a person is asked, with nothing to approve."""
    pipeline = host()
    pipeline.cast.told("read", "e0", Escalate((Reason("above_me"),), {"nonsense": 1}))
    pipeline.send(*jobs(0.1))
    pipeline.settle()

    (review,) = pipeline.reviews()
    assert review["offers"] == ["edit", "reject", "retry"]
    assert review["reasons"][0]["code"] == "above_me"


def test_a_failing_effect_is_in_doubt(host: Host) -> None:
    """A sink that fails to the end leaves a claim without a receipt: the run fails and names it."""
    pipeline = host()
    pipeline.cast.told("sink_file", "e0", OSError("disk full"))
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "failed"}
    (status,) = pipeline.statuses()
    assert [doubt.partition(":")[0] for doubt in status["in_doubt"]] == ["file"]
    assert [entry["state"] for entry in pipeline.kept("file").values()] == ["claimed"]
    assert pipeline.events("task_dead", "file")[0]["attempt"] == 2
    check_order(pipeline)


def test_an_effect_that_needed_two_attempts(host: Host) -> None:
    """The attempts of an effect are counted in its event and in the run's status."""
    pipeline = host()
    pipeline.cast.told("sink_file", "e0", OSError("busy"), None)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    assert pipeline.events("task_done", "file")[0]["attempt"] == 2
    assert pipeline.statuses()[0]["attempts"] == 8


def test_no_attempt_starts_after_the_deadline(host: Host) -> None:
    """A worker that fails until the deadline is over is not tried again, and the run has expired."""
    pipeline = host()

    def too_late(*_: object) -> Retry:
        pipeline.clock.sleep(61)
        return Retry("later")

    pipeline.cast.usually("second", too_late)
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.wait(10)

    assert pipeline.ends() == {"e0": "expired"}
    assert pipeline.cast.calls["second", "e0"] == 1
    (dead,) = pipeline.events("task_dead", "second")
    assert dead["dead"] is not None
    assert [reason["code"] for reason in dead["dead"]["reasons"]] == ["expired", "retry"]
    check_order(pipeline)


def test_a_run_that_is_stuck_expires(host: Host) -> None:
    """A run whose task never answers ends as expired, not before deadline + longest call + skew; until then it ends."""
    pipeline = host()
    pipeline.hold("second")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.wait(MINUTE - 1)
    assert pipeline.ends() == {}
    pipeline.wait(6)
    assert pipeline.ends() == {"e0": "ending"}

    pipeline.wait(4)

    assert pipeline.ends() == {"e0": "expired"}


def test_a_join_waits_no_longer_than_the_deadline(host: Host) -> None:
    """A branch that never comes: the join decides with what is there, which is too little, and asks."""
    pipeline = host(DESK.replace("merge:", "wait: 20s\n    merge:"))
    pipeline.hold("second")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.wait(19)
    assert pipeline.reviews() == []

    pipeline.wait(2)

    assert [review["step"] for review in pipeline.reviews()] == ["decide"]


def test_the_same_event_twice(host: Host) -> None:
    """The same id and body is one run, whenever it comes again; the same id with another body is refused."""
    pipeline = host()
    pipeline.send({"id": "e0", "number": 0.9}, {"id": "e0", "number": 0.9}, {"id": "e0", "number": 0.8})
    pipeline.settle()
    pipeline.send({"id": "e0", "number": 0.9})
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    assert len(pipeline.cast.sent) == 2
    assert [event["kind"] for event in pipeline.events(step="ingress")] == [
        "run_started", "duplicate", "refused", "duplicate",
    ]  # fmt: skip
    (letter,) = pipeline.records(pipeline.topics.dead("ingress"))
    assert letter.value == pipeline.records(pipeline.topics.intake)[2].value
    check_order(pipeline)


def test_an_event_whose_memory_is_over_sends_no_second_effect(host: Host) -> None:
    """A day later the same event is a new run; its effects are answered from the ledger while it knows them."""
    pipeline = host(DESK.replace("event_id: id,", "event_id: id, remember: {for: 1h, ids: 100},"))
    pipeline.send({"id": "e0", "number": 0.9})
    pipeline.settle()
    pipeline.wait(2 * HOUR)
    pipeline.send({"id": "e0", "number": 0.8})
    pipeline.settle()

    assert len(pipeline.events("run_started")) == 2
    assert {event["outcome"] for event in pipeline.events("task_done", "file")} == {"sent", "kept"}
    assert len(pipeline.cast.sent) == 2
    check_order(pipeline)

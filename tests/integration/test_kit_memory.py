"""The test kit as a user's own tests have it: a topology's file, stubs, people and time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from penstock import Context, Escalate, Reason, Retry
from penstock.errors import Mistake
from penstock.testing import Pipeline, hang, taking
from pipelines import ROOT

DIAGRAM = ROOT / "topology" / "diagram.yaml"
TRIAGE = ROOT / "topology" / "triage.yaml"
READ = {
    "intent": "lost_card",
    "confidence": 0.97,
    "margin": 1.8,
    "similarity": 0.9,
    "assurance": 0.99,
    "model": "first",
}
MESSAGE = {"message_id": "m1", "customer_id": "c7", "channel": "app", "received_at": 0, "text": "I lost my card"}


@pytest.fixture
def drawing() -> Iterator[Pipeline]:
    """The drawing, its workers real."""
    with Pipeline(DIAGRAM) as pipeline:
        yield pipeline


@pytest.fixture
def inbox() -> Iterator[Pipeline]:
    """The bank's inbox, no model loaded."""
    with Pipeline(str(TRIAGE), stub_all=True) as pipeline:
        pipeline.stub("understand", READ)
        pipeline.stub("check-understanding/personal_data", [])
        pipeline.stub("check-understanding/out_of_scope", [])
        pipeline.stub("second-opinion", {**READ, "assurance": 0.995, "model": "second"})
        yield pipeline


def test_real_workers(drawing: Pipeline) -> None:
    """What nobody stubs is the very code that production runs."""
    drawing.send({"id": "j1", "number": 1.0})
    drawing.settle()

    assert drawing.ends() == {"j1": "succeeded"}
    assert drawing.outputs("results")[0]["score"] == pytest.approx(0.5)


def test_stubs_copy_what_they_leave_out(inbox: Pipeline) -> None:
    """An answer's other fields come from what the worker read, so a stub says only what it is about."""
    inbox.send(MESSAGE)
    inbox.settle()

    assert inbox.ends() == {"m1": "succeeded"}
    assert inbox.effects("acknowledge")[0]["text"] == "I lost my card"
    assert inbox.effects_by_step()["assign"][0]["queue"] == "security"
    assert len(inbox.effects()) == 2
    assert inbox.unanswered == []


def test_turns_and_people(inbox: Pipeline) -> None:
    """Turn after turn the lines of a stub; a review, a decision, and what follows from it."""
    suggestion = {"message_id": "m1", "customer_id": "c7", "text": "I lost my card", **READ}
    inbox.stub("understand", Retry("busy", after=3.0), OSError("gone"), Escalate((Reason("above_me"),), suggestion))
    inbox.send(MESSAGE)
    inbox.settle()
    assert [review["offers"] for review in inbox.reviews()] == [["approve", "edit", "reject", "retry"]]

    inbox.decide("reject", note="by phone")
    inbox.settle()

    assert inbox.ends() == {"m1": "rejected"}
    assert inbox.cast.calls["understand", "m1"] == 3
    assert inbox.clock() > 1_800_000_003


def test_lines_for_one_event(drawing: Pipeline) -> None:
    """One event's answers may differ from all others'."""
    drawing.stub("b", drawing.real("b"))
    drawing.stub("b", {"score": 0.25, "label": "small"}, event="j2")
    drawing.send({"id": "j1", "number": 1.0}, {"id": "j2", "number": 1.0})
    drawing.settle()

    labels = {result["id"]: round(result["second"], 2) for result in drawing.outputs("results")}
    assert labels == {"j1": 0.33, "j2": 0.25}


def test_an_effect_for_one_event_fails(inbox: Pipeline) -> None:
    """A sink fails for one event alone: its run names the doubt, the other one's effect took place."""
    inbox.stub("assign", OSError("disk full"), event="m2")
    inbox.send(MESSAGE, {**MESSAGE, "message_id": "m2"})
    inbox.settle()

    assert inbox.ends() == {"m1": "succeeded", "m2": "failed"}
    assert [effect["message_id"] for effect in inbox.effects("assign")] == ["m1"]


def test_slow_dear_and_silent(drawing: Pipeline) -> None:
    """Time that a stub takes is time of the clock; silence is a timeout; nothing is waited for."""
    drawing.stub("a", taking(3.0, 0.0, {"id": "j1", "number": 1.0, "score": 0.5, "label": "large"}))
    drawing.stub("b", hang, drawing.real("b"))
    drawing.send({"id": "j1", "number": 1.0})
    drawing.settle()

    assert drawing.ends() == {"j1": "succeeded"}
    assert drawing.events("task_done", "b")[0]["attempt"] == 2
    assert 8.0 < drawing.clock() - 1_800_000_000 < 9.0  # three seconds, a timeout of five, and a pause


def test_death_in_mid_call(drawing: Pipeline) -> None:
    """The process dies while a worker is at work; another one does it again."""
    drawing.stub("b", drawing.dies("b"), drawing.real("b"))
    drawing.send({"id": "j1", "number": 1.0})
    drawing.settle()

    assert drawing.ends() == {"j1": "succeeded"}
    assert drawing.cast.calls["b", "j1"] == 2
    assert len(drawing.outputs("results")) == 1


def test_what_is_due_happens_at_its_own_time(inbox: Pipeline) -> None:
    """A long wait is no jump: the review expires when it is due, though the clock went on for a week."""
    inbox.stub("understand", {**READ, "confidence": 0.1})
    inbox.send(MESSAGE)
    inbox.wait(7 * 24 * 3_600)

    status = inbox.statuses()[-1]
    assert status["state"] == "expired"
    assert status["at"] - status["started"] == pytest.approx(24 * 3_600_000, abs=10)


def test_a_handler_of_the_tests_own(drawing: Pipeline) -> None:
    """A function may stand for a worker: it gets what the worker would, and may be async."""

    async def act(value: dict[str, Any], ctx: Context) -> dict[str, Any]:
        await asyncio.sleep(ctx.attempt)
        return {**value, "label": "large"}

    drawing.stub("b", act)
    drawing.send({"id": "j1", "number": 9.0})
    drawing.settle()

    assert drawing.outputs("results")[0]["agreed"] is True


def test_a_name_that_nobody_has(inbox: Pipeline) -> None:
    """A stub for nobody is refused, with the nearest name."""
    with pytest.raises(Mistake, match="E159") as caught:
        inbox.stub("undrstand", {})

    assert caught.value.fix == "did you mean “understand”?"

"""Re-runs with the verdict as feedback, on the broker in memory: every edge out of a rejection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from penstock import Context, Escalate, Reason, Reject, Retry
from pipelines import DESK, Host, check_order, jobs, scored

ASKS = "on_reject: {review: true}\n    to: [thank"
AGAIN = DESK.replace(ASKS, ASKS.replace("review: true", "reruns: 2, review: true"))
WITH_FALLBACK = DESK.replace(ASKS, ASKS.replace("review: true", "reruns: 1, fallback: true, review: true"))
ALONE = DESK.replace(ASKS, ASKS.replace("review: true", "reruns: 1"))
JOINED = """
pipeline: joined
limits: {deadline: 1m, tasks: 60, cost: 1 USD}
ingress: {contract: diagram.Job, event_id: id, to: [read, other]}
steps:
  read: {kind: worker, run: "cast:read", writes: diagram.Scored, attempts: {max: 1, timeout: 5s}, to: [check]}
  check:
    kind: validator
    of: read
    checks: [{rule: "value.score >= 0.5", code: unsure}]
    on_reject: {reruns: 1}
    to: [join]
  other: {kind: worker, run: "cast:other", writes: diagram.Scored, attempts: {max: 1, timeout: 5s}, to: [join]}
  join:
    kind: aggregator
    of: [check, other]
    merge: {policy: all}
    wait: 30s
    writes: diagram.Scored
    to: [results]
  results: {kind: output, key: id}
"""


def scores(*numbers: float) -> Callable[..., Any]:
    """A worker whose score is another one for each number of reasons it was told: as if it learned from them."""

    def act(value: dict[str, Any], ctx: Context) -> dict[str, Any]:
        told.append([reason.code for reason in ctx.feedback])
        return {**scored(value), "score": numbers[min(len(told), len(numbers)) - 1]}

    told: list[list[str]] = []
    act.told = told  # type: ignore[attr-defined]  # what it was told, turn by turn
    return act


def test_the_second_try_is_better(host: Host) -> None:
    """The worker gets the same input and the verdict; what it answers then passes, and the run has succeeded."""
    pipeline = host(AGAIN)
    read = scores(0.3, 0.9)
    pipeline.cast.usually("read", read)
    pipeline.send(*jobs(0.7))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    assert read.told == [[], ["unsure"]]  # type: ignore[attr-defined]  # see scores
    first, second = pipeline.events("task_done", "read")
    assert (first["round"], second["round"]) == (0, 1)
    assert second["task"] != first["task"]
    assert second["deadline"] > first["deadline"] - 1
    assert [value["score"] for value in pipeline.outputs("decisions")] == [0.9]
    (status,) = pipeline.statuses()
    assert (status["reruns"], status["fallbacks"], status["reviews"]) == (1, 0, 0)
    assert [reason["code"] for reason in status["reasons"]] == ["unsure"]
    assert len(pipeline.cast.sent) == 2
    check_order(pipeline)


def test_feedback_is_the_whole_verdict(host: Host) -> None:
    """Path, what was expected, what was there and the hint come with it."""
    pipeline = host(AGAIN)
    seen: list[tuple[Reason, ...]] = []

    def read(value: dict[str, Any], ctx: Context) -> dict[str, Any]:
        seen.append(ctx.feedback)
        return {**scored(value), "score": 0.3 if not ctx.feedback else 0.9}

    pipeline.cast.usually("read", read)
    pipeline.send(*jobs(0.7))
    pipeline.settle()

    ((reason,),) = seen[1:]
    assert (reason.code, reason.path, reason.expected, reason.actual, reason.retryable) == (
        "unsure", "/score", "value.score >= 0.5", "0.3", True,
    )  # fmt: skip


def test_after_the_last_rerun_a_person_is_asked(host: Host) -> None:
    """So many as are declared, and no more; each is judged, and the person sees the last."""
    pipeline = host(AGAIN)
    pipeline.cast.usually("read", scores(0.1, 0.2, 0.3))
    pipeline.send(*jobs(0.7))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "waiting"}
    assert pipeline.cast.calls["read", "e0"] == 3
    assert pipeline.statuses()[-1]["reruns"] == 2
    pipeline.decide("approve")
    pipeline.settle()
    assert pipeline.ends() == {"e0": "resolved_by_human"}
    assert [value["score"] for value in pipeline.outputs("decisions")] == [0.3]
    check_order(pipeline)


def test_then_the_fallback_and_nobody_again(host: Host) -> None:
    """A re-run comes before the fallback; what the fallback answers is rejected without another re-run."""
    pipeline = host(WITH_FALLBACK)
    pipeline.cast.usually("read", scores(0.1))
    pipeline.cast.usually("read_simply", scores(0.2))
    pipeline.send(*jobs(0.7))
    pipeline.settle()

    calls = pipeline.cast.calls
    assert (calls["read", "e0"], calls["read_simply", "e0"]) == (2, 1)
    assert pipeline.ends() == {"e0": "waiting"}
    assert [event["step"] for event in pipeline.events("task_dead")] == ["check-reading"] * 3
    check_order(pipeline)


def test_without_another_rung_it_ends(host: Host) -> None:
    """Rejected again after its one re-run."""
    pipeline = host(ALONE)
    pipeline.cast.usually("read", scores(0.1))
    pipeline.send(*jobs(0.7))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "rejected"}
    assert pipeline.cast.calls["read", "e0"] == 2
    check_order(pipeline)


def test_what_cannot_be_mended_is_not_tried_again(host: Host) -> None:
    """A check that is not retryable skips the re-run; one beside it that is makes up for it."""
    hopeless = AGAIN.replace("path: /score, waivable: true", "path: /score, retryable: false")
    pipeline = host(hopeless)
    pipeline.cast.usually("read", scores(0.1))
    pipeline.send(*jobs(0.7))
    pipeline.settle()
    assert pipeline.cast.calls["read", "e0"] == 1
    assert pipeline.ends() == {"e0": "waiting"}

    other = host(hopeless)
    other.cast.usually("read", scores(1.5, 0.9))
    other.send(*jobs(0.7))
    other.settle()
    assert other.ends() == {"e0": "succeeded"}


def test_a_check_in_python_may_be_mended_too(host: Host) -> None:
    """What its function says of a reason, or else what the gate assumes of all of its checks."""
    text = AGAIN.replace(
        '      - {rule: "value.score >= 0.5"', '      - {run: "cast:check"}\n      - {rule: "value.score >= 0.5"'
    )
    pipeline = host(text)
    pipeline.cast.usually("read", scores(0.9))
    pipeline.cast.told("check", "e0", [Reason("odd")], [])
    pipeline.send(*jobs(0.7))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    assert pipeline.cast.calls["read", "e0"] == 2


@pytest.mark.parametrize(
    ("answer", "ends", "simply"),
    [
        (RuntimeError("no model"), "succeeded_by_fallback", 1),
        (Reject((Reason("no"),)), "succeeded_by_fallback", 1),
        (Retry("busy"), "succeeded_by_fallback", 1),
        (Escalate((Reason("above_me"),)), "waiting", 0),
    ],
)
def test_a_rerun_that_dies_takes_the_next_rung(host: Host, answer: object, ends: str, simply: int) -> None:
    """The worker's own ladder, like any other death of it."""
    pipeline = host(AGAIN)
    pipeline.cast.told("read", "e0", lambda value, _: {**scored(value), "score": 0.1}, answer)
    pipeline.send(*jobs(0.7))
    pipeline.settle()

    assert pipeline.ends() == {"e0": ends}
    assert pipeline.cast.calls["read_simply", "e0"] == simply
    check_order(pipeline)


def test_people_are_asked_about_a_rerun_that_dies(host: Host) -> None:
    """As its gate would have asked about what it had judged, though the worker itself asks nobody."""
    text = AGAIN.replace("    fallback: read-simply\n    review: true\n", "")
    text = text.replace("""  read-simply:
    kind: worker
    run: "cast:read_simply"
    attempts: {max: 1, timeout: 5s}
    cost: 0.01 USD
""", "")  # fmt: skip
    pipeline = host(text)
    pipeline.cast.told("read", "e0", lambda value, _: {**scored(value), "score": 0.1}, Reject((Reason("no"),)))
    pipeline.cast.told("read", "e1", Reject((Reason("no"),)))
    pipeline.send(*jobs(0.7, 0.7))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "waiting", "e1": "rejected"}
    assert [review["offers"] for review in pipeline.reviews()] == [["edit", "reject", "retry"]]
    check_order(pipeline)


def test_an_input_that_is_gone_takes_the_next_rung(host: Host) -> None:
    """What retention took cannot be run again: the worker's task is dead, and its ladder goes on."""
    pipeline = host(AGAIN)
    pipeline.cast.usually("read", scores(0.1))
    pipeline.hold("check-reading")
    pipeline.send(*jobs(0.7))
    pipeline.settle()
    (address,) = [record.address for record in pipeline.records(pipeline.topics.step("read"))]
    fetch = pipeline._reader.fetch
    pipeline._reader.fetch = lambda place: None if place == address else fetch(place)  # type: ignore[method-assign,assignment]  # retention
    pipeline.resume("check-reading")
    pipeline.settle()

    codes = {reason["code"] for reason in pipeline.statuses()[-1]["reasons"]}
    assert pipeline.ends() == {"e0": "waiting"}
    assert codes == {"unsure", "input_gone"}
    assert pipeline.cast.calls["read_simply", "e0"] == 0  # its input is the same one


def test_a_rerun_survives_the_supervisor(host: Host) -> None:
    """Killed between verdict and command, and after it: what was used is kept, and nothing is run twice."""
    pipeline = host(AGAIN)
    pipeline.cast.usually("read", scores(0.1, 0.9))
    pipeline.send(*jobs(0.7))
    for _ in range(40):
        pipeline.processor.turn()
        pipeline.kill()
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    assert len(pipeline.events("task_dead", "check-reading")) == 1
    assert len(pipeline.cast.sent) == 2
    check_order(pipeline)


def test_a_join_waits_for_a_rerun(host: Host) -> None:
    """Its branch comes in a later round, and is a branch like any; without a value after that it is missing."""
    pipeline = host(JOINED)
    pipeline.cast.usually("other", scored)
    pipeline.cast.usually("read", lambda value, ctx: {**scored(value), "score": 0.9 if ctx.feedback else 0.1})
    pipeline.send(*jobs(0.7))
    pipeline.settle()
    assert pipeline.ends() == {"e0": "succeeded"}

    never = host(JOINED)
    never.cast.usually("other", scored)
    never.cast.usually("read", scores(0.1))
    never.send(*jobs(0.7))
    never.settle()
    assert never.ends() == {"e0": "rejected"}
    assert {reason["code"] for reason in never.statuses()[-1]["reasons"]} == {"unsure", "branch_missing"}
    check_order(never)


def test_the_bound_counts_reruns(host: Host) -> None:
    """A run that takes every rung stays within what the compiler said, and comes close to it."""
    pipeline = host(WITH_FALLBACK)
    pipeline.cast.usually("read", lambda value, ctx: ctx.spend(0.01) or {**scored(value), "score": 0.1})
    pipeline.cast.usually("read_simply", lambda value, ctx: ctx.spend(0.01) or {**scored(value), "score": 0.2})
    pipeline.send(*jobs(0.7))
    pipeline.settle()
    for _ in range(2):
        pipeline.decide("retry")
        pipeline.settle()

    (status,) = [one for one in pipeline.statuses() if one["terminal"]]
    assert (status["state"], status["reviews"], status["reruns"]) == ("rejected", 2, 3)
    assert pipeline.cast.calls["read", "e0"] == 4
    assert status["cost_usd"] == pytest.approx(0.05)
    check_order(pipeline)

"""The ladder and people on a real Kafka: each way a run can go in the hands of both, side by side in one pipeline."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest

from live import Live
from penstock import Context, Reason, Reject, Retry
from penstock.errors import Conflict
from penstock.provision.broker import Broker
from pipelines import DESK, desk_cast, scored

_NUMBERS = itertools.count()
_ASKS = "on_reject: {review: true}\n    to: [thank"
ALL = (
    DESK.replace("deadline: 1m", "deadline: 90s")
    .replace(_ASKS, _ASKS.replace("review: true", "reruns: 1, review: true"))
    .replace("merge:", "wait: 4s\n    merge:")
    .replace("expires: 1h, times: 2", "expires: 25s, times: 2")
)
SHORT = """
pipeline: desk
limits: {deadline: 13s, tasks: 10, cost: 1 USD}
ingress: {contract: diagram.Job, event_id: id, to: [read]}
steps:
  read: {kind: worker, run: "cast:read", writes: diagram.Scored, attempts: {max: 1, timeout: 1s}, to: [check]}
  check: {kind: validator, of: read, checks: [{rule: "value.score < 2.0", code: large}], to: [thank]}
  thank: {kind: effect, run: "cast:sink_thank_blocking", attempts: {max: 1, timeout: 11s}}
"""


def below(_: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """A reading that the gate rejects."""
    return {**scored({"id": ctx.key, "number": 0.1})}


def better(value: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """A reading that the gate rejects, until it is told why."""
    return {**scored(value), "score": 0.9 if ctx.feedback else 0.1}


def noted(value: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """A reading that the gate rejects, until a person says something."""
    return {**scored(value), "score": 0.9 if "note" in [reason.code for reason in ctx.feedback] else 0.1}


@pytest.fixture
def live(kafka: Broker) -> Iterator[Live]:
    """The whole pipeline, all of its steps in one process."""
    with Live(kafka, ALL.replace("pipeline: desk", f"pipeline: ladder{next(_NUMBERS)}"), desk_cast()) as pipeline:
        yield pipeline


def test_every_way_at_once(live: Live) -> None:
    """Re-run, approve, edit, reject, retry, expiry, a missing branch, a long wait, and a cancel in each state."""
    told = live.cast.told
    for event in ("approve", "edit", "reject", "expire", "cancel-review"):
        told("read", event, below)
    told("read", "rerun", better)
    told("read", "retry", noted)
    told("second", "missing", Reject((Reason("unreadable"),)))
    told("read", "wait", Retry("busy", after=14.0), scored)
    told("read", "cancel-wait", Retry("busy", after=60.0))

    async def slowly(value: dict[str, Any], _: object) -> dict[str, Any]:
        await asyncio.sleep(4)
        return scored(value)

    told("second", "cancel-work", slowly)
    names = ("rerun", "approve", "edit", "reject", "retry", "expire", "missing", "wait", "cancel-wait", "cancel-review",
             "cancel-work")  # fmt: skip
    live.start()
    live.send(*({"id": name, "number": 0.9} for name in names))

    live.cancel("cancel-work")
    live.decide("approve", "approve")
    live.decide("edit", "edit", {"score": 0.8})
    live.decide("reject", "reject")
    live.decide("retry", "retry")
    live.until(lambda: live.review("cancel-review") is not None)
    live.cancel("cancel-review")
    live.until(lambda: live.states("cancel-wait") == ["retrying"])
    live.cancel("cancel-wait")
    live.decide("approve", "missing")
    live.until(lambda: len(live.ends()) == len(names) and all(
        state not in {"running", "waiting", "retrying", "ending"} for state in live.ends().values()
    ), 60)  # fmt: skip

    assert live.ends() == {
        "rerun": "succeeded", "approve": "resolved_by_human", "edit": "resolved_by_human", "reject": "rejected",
        "retry": "resolved_by_human", "expire": "expired", "missing": "resolved_by_human", "wait": "succeeded",
        "cancel-wait": "cancelled", "cancel-review": "cancelled", "cancel-work": "cancelled",
    }  # fmt: skip
    assert live.states("rerun") == ["succeeded"]
    assert live.states("wait") == ["retrying", "running", "succeeded"]
    assert live.states("cancel-wait") == ["retrying", "cancelled"]
    assert live.states("cancel-work") == ["ending", "cancelled"]
    assert live.states("cancel-review") == ["waiting", "cancelled"]
    assert {v["id"]: v["score"] for v in live.values(live.topics.output("decisions")) if v["id"] == "edit"} == {
        "edit": 0.8
    }
    assert [event["attempt"] for event in live.events("task_waiting", "wait")] == [1]
    assert live.cast.calls["read", "cancel-wait"] == 1
    late = [review["state"] for review in live.values(live.topics.reviews) if review["event"] == "cancel-review"]
    assert late[-1] == "withdrawn"
    keys = [key for _, key, _ in live.cast.sent]
    assert len(keys) == len(set(keys))


def test_two_desks(live: Live) -> None:
    """Who claimed it decides it; whoever comes second is told who was first."""
    live.cast.usually("read", below)
    live.start()
    live.send({"id": "e0", "number": 0.9})
    review = live.asked("e0")
    live.decide("reject", "e0", by="eva", review=review)
    with pytest.raises(Conflict, match="eva"):
        live.decide("approve", "e0", by="ana", review=review)
    live.until(lambda: live.ends() == {"e0": "rejected"})

    assert len(live.values(live.topics.decisions)) == 1


def test_an_effect_in_flight(kafka: Broker) -> None:
    """At the deadline, and when its run is cancelled: what was claimed is finished, and nobody is in doubt."""
    cast = desk_cast()
    begun: list[str] = []

    def slowly(effect: dict[str, Any], _key: str) -> None:
        begun.append(effect["id"])
        time.sleep(10)

    cast.usually("sink_thank_blocking", slowly)
    with Live(kafka, SHORT.replace("pipeline: desk", f"pipeline: ladder{next(_NUMBERS)}"), cast) as live:
        live.start(without="thank")
        live.send({"id": "late", "number": 0.9}, {"id": "cancelled", "number": 0.9})
        live.until(lambda: len(live.values(live.topics.step("thank"))) == 2)
        started = live.events("run_started", "late")[0]["at"] / 1000
        time.sleep(max(started + 5 - time.time(), 0))  # so that its ten seconds go on beyond the deadline
        live.start("thank")
        live.until(lambda: len(begun) == 2)
        live.cancel("cancelled")
        live.until(lambda: live.ends() == {"cancelled": "ending", "late": "ending"}, 10)
        stops = [one["reason"] for one in live.values(live.topics.control) if one is not None]
        live.until(lambda: live.ends() == {"cancelled": "cancelled", "late": "succeeded"}, 30)

        assert sorted(stops) == ["cancelled", "expired"]
        assert live.values(live.topics.control).count(None) == 2
        assert [status["in_doubt"] for status in live.values(live.topics.status)] == [[]] * 4
    assert sorted(effect["id"] for _, _, effect in cast.sent) == ["cancelled", "late"]
    assert sorted(begun) == ["cancelled", "late"]

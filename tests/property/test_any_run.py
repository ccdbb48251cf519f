"""Whatever handlers answer, people decide and processes suffer, every run ends once, within its bound."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock import Escalate, Reason, Reject, Retry
from penstock.errors import Conflict
from pipelines import DESK, RACE, Pipeline, check_order, desk_cast, scored
from strategies import doings, scores, scripts

HOUR = 3_600
_ASKS = "on_reject: {review: true}\n    to: [thank"
_VOTE = "{policy: vote, field: label, min_agree: 2, tie: review}"
_ARBITER = '  arbiter: {kind: worker, run: "cast:arbiter", attempts: {max: 2, timeout: 5s, backoff: [1s]}}\n'
TOPOLOGIES = [
    DESK,
    DESK.replace(_ASKS, _ASKS.replace("review: true", "fallback: true, review: true")),
    DESK.replace(_ASKS, _ASKS.replace("review: true", "reruns: 2, fallback: true, review: true")),
    DESK.replace(_ASKS, _ASKS.replace("review: true", "reruns: 1")).replace(
        "    review: true\n    to: [check", "    to: [check"
    ),
    DESK.replace("merge:", "wait: 20s\n    merge:").replace("times: 2", "times: 3"),
    DESK.replace("tie: review", "tie: reject").replace("min_agree: 2", "min_agree: 1"),
    DESK.replace(_VOTE, "{policy: first}"),
    DESK.replace(_VOTE, "{policy: quorum, field: label}"),
    DESK.replace(_VOTE, "{policy: judge, field: score, judge: arbiter}\n    review: true") + _ARBITER,
    DESK.replace(_VOTE, "{policy: any}").replace("merge:", "wait: 20s\n    merge:"),
    RACE,
    RACE.replace("{policy: first}", "{policy: quorum, field: label}"),
    RACE.replace("{policy: first}", "{policy: mean, field: score, spread: 0.5, missing: ignore}\n    wait: 5s"),
]
Script = dict[str, list[str]]
_PEOPLE = {"approve", "edit", "reject", "retry"}


def played(pipeline: Pipeline, name: str, line: str) -> Callable[..., Any]:
    """One turn of an actor."""

    def act(value: dict[str, Any], *_: object) -> Any:  # noqa: ANN401 - any answer
        good: Any = [] if name == "check" else None if name.startswith("sink") else scored(value)
        if line == "raise":
            raise RuntimeError("boom")
        if line == "exit":
            sys.exit(1)
        if line == "slow":
            pipeline.clock.sleep(25.0)
        return {
            "retry": Retry("busy"),
            "later": Retry("busy", after=15.0),
            "reject": [Reason("no")] if name == "check" else Reject((Reason("no"),)),
            "escalate": Escalate((Reason("above_me"),)),
            "suggest": Escalate((Reason("above_me"),), scored(value)),
            "garbage": {"nonsense": 1},
        }.get(line, good)

    return act


def do(pipeline: Pipeline, what: str) -> None:
    """Something that happens beside the handlers."""
    if what in _PEOPLE and (reviews := pipeline.reviews()):
        offered = what if what in reviews[0]["offers"] else "reject"
        pipeline.decide(offered, review=reviews[0], value=scored({"id": "e0", "number": 0.7}))
    elif what == "claim" and pipeline.reviews():
        pipeline.claim()
    elif what == "cancel" and pipeline.events("run_started"):
        with suppress(Conflict):
            pipeline.cancel("e0")
    elif what == "kill":
        pipeline.processor.turn()
        pipeline.kill()
    elif what == "pause":
        pipeline.clock.now += 20.0
    elif what == "again":
        pipeline.send({"id": "e0", "number": 0.9})
    pipeline.settle()


@given(text=st.sampled_from(TOPOLOGIES), script=scripts, score=scores, happens=doings, partitions=st.integers(1, 2))
def test_every_run_ends_once(text: str, script: Script, score: float, happens: list[str], partitions: int) -> None:
    """One terminal status each, nothing left open or kept, no effect twice, costs and attempts within the bound."""
    pipeline = Pipeline(text, desk_cast(), partitions=partitions)
    try:
        for name, lines in script.items():
            pipeline.cast.told(name, "e0", *(played(pipeline, name, line) for line in lines))
        pipeline.send({"id": "e0", "number": score}, {"id": "e1", "number": 0.9})
        for what in happens:
            do(pipeline, what)
        pipeline.wait(HOUR)
        pipeline.wait(HOUR)

        assert all(status["terminal"] for status in {s["run"]: s for s in pipeline.statuses()}.values())
        check_order(pipeline)
    finally:
        pipeline.close()

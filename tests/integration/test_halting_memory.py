"""Which tasks stop a step and which never do, through the rooms themselves; and a breaker in each way of calling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from penstock import Escalate, Reason, Reject, Retry
from penstock.errors import Halt
from pipelines import Cast, Pipeline, jobs, scored

TOPOLOGY = """
pipeline: halting
limits: {deadline: 10m, tasks: 20, cost: 1 USD}
ingress: {contract: diagram.Job, event_id: id, to: [read]}
steps:
  read:
    kind: worker
    run: "cast:ACTOR"
    writes: diagram.Scored
    attempts: {max: 2, timeout: 5s, backoff: [10ms]}
    cost: 0.01 USD
    halt: {in_a_row: 3}
    MORE
    to: [check]
  check:
    kind: validator
    of: read
    checks: [{rule: "value.score < 100.0", code: large}]
    halt: {in_a_row: 3}
    to: [act]
  act:
    kind: effect
    run: "cast:sink"
    attempts: {max: 1, timeout: 5s}
    halt: {in_a_row: 3}
"""
REASONS = (Reason("no"),)
Host = Callable[..., Pipeline]


@pytest.fixture
def host() -> Iterator[Host]:
    """Makes pipelines, and takes them down."""
    made: list[Pipeline] = []

    def make(actor: str = "read", more: str = "review: false") -> Pipeline:
        text = TOPOLOGY.replace("ACTOR", actor).replace("MORE", more)
        made.append(Pipeline(text, Cast(), threaded=actor.endswith("_blocking")))
        made[-1].cast.usually(actor, scored)
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.close()


def halted(pipeline: Pipeline) -> Halt:
    """How it stops, with ten events to work on."""
    pipeline.send(*jobs(*range(10)))
    with pytest.raises(Halt) as caught:
        pipeline.settle()
    return caught.value


@pytest.mark.parametrize(
    "line",
    [ValueError("a bug"), Retry("for ever"), {"not": "what the contract says"}, lambda _, ctx: ctx.reserve(1.0)],
    ids=["exception", "retry", "invalid output", "over budget"],
)
@pytest.mark.parametrize("actor", ["read", "read_blocking", "read_inline"])
def test_failed_tasks_halt_a_worker(host: Host, actor: str, line: Any) -> None:  # noqa: ANN401 - whatever an actor says
    """Attempts used up, or a failure that can only come again: at most as many dead letters as the limit says."""
    pipeline = host(actor)
    pipeline.cast.usually(actor, line)

    halt = halted(pipeline)

    assert halt.code == "E357"
    assert "3 tasks in a row of read failed" in halt.what
    assert len(pipeline.events("task_dead", "read")) <= 2


@pytest.mark.parametrize(
    "line",
    [Reject(REASONS), Escalate(REASONS), Retry("429", counts=False, after=60.0), Retry("429", counts=False, after=0.0)],
    ids=["reject", "escalate", "busy until the deadline", "busy too often"],
)
@pytest.mark.parametrize("actor", ["read", "read_blocking", "read_inline"])
def test_what_is_no_failure_never_halts(host: Host, actor: str, line: Any) -> None:  # noqa: ANN401 - the same
    """Verdicts, questions, deadlines and outages: all ten are dead letters, and the step goes on."""
    pipeline = host(actor)
    pipeline.cast.usually(actor, line)

    pipeline.send(*jobs(*range(10)))
    pipeline.settle()

    assert len(pipeline.events("task_dead", "read")) == 10
    assert not pipeline.processor.halted


def test_a_gate_that_rejects_never_halts(host: Host) -> None:
    """Its verdicts are its work."""
    pipeline = host()

    pipeline.send(*jobs(*range(100, 110)))
    pipeline.settle()

    assert set(pipeline.ends().values()) == {"rejected"}
    assert not pipeline.processor.halted


def test_a_sink_that_fails_halts_and_one_that_refuses_does_not(host: Host) -> None:
    """An effect in doubt is a failure of its step; a refusal is an answer."""
    failing, refusing = host(), host()
    failing.cast.usually("sink", OSError("no route"))
    refusing.cast.usually("sink", Reject(REASONS))

    halt = halted(failing)
    refusing.send(*jobs(*range(10)))
    refusing.settle()

    assert "3 tasks in a row of act failed" in halt.what
    assert len(refusing.events("task_dead", "act")) == 10


@pytest.mark.parametrize("actor", ["read", "read_inline"])
def test_a_breaker_waits_for_what_is_down(host: Host, actor: str) -> None:
    """It opens after four failures, whatever the tasks, then probes; nothing dies, and few attempts are counted."""
    pipeline = host(actor, "breaker: {failures: 4, open: 30s}")
    began = pipeline.clock.now

    def answer(value: dict[str, Any], _: object) -> dict[str, Any]:
        if pipeline.clock.now < began + 100:
            raise ConnectionError("down")
        return scored(value)

    pipeline.cast.usually(actor, answer)
    pipeline.send(*jobs(*range(10)))
    pipeline.settle()

    done = pipeline.events("task_done", "read")
    tried = sum(turns for (role, _), turns in pipeline.cast.calls.items() if role == actor)
    assert set(pipeline.ends().values()) == {"succeeded"}
    assert all(event["attempt"] <= 2 for event in done)
    assert pipeline.clock.now - began >= 100
    assert (
        tried <= 10 + 10 + 4
    )  # one each that finds it down, one each that succeeds, and the probes at 30, 60 and 90 s

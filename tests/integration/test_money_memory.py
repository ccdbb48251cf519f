"""Money: nothing is spent beyond what a step declares; what was spent is in events, the status and the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from penstock import Context
from pipelines import Cast, Pipeline, scored

WAYS = ["read", "read_blocking", "read_inline"]
TOPOLOGY = """
pipeline: money
limits: {deadline: 1m, tasks: 10, cost: 1 USD}
ingress: {contract: diagram.Job, event_id: id, to: [read]}
steps:
  read:
    kind: worker
    run: "cast:ACTOR"
    writes: diagram.Scored
    attempts: {max: 3, timeout: 5s, backoff: [10ms]}
    cost: 0.01 USD
    to: [results]
  results: {kind: output, contract: diagram.Scored, key: id}
"""


class Till:
    """A worker that pays; `paid` is what was really called for, in USD."""

    def __init__(self) -> None:
        self.paid: list[float] = []

    def pay(self, ctx: Context, usd: float, model: str) -> None:
        """Ask, call, and say what it cost."""
        ctx.reserve(usd)
        self.paid.append(usd)
        ctx.spend(usd, model)


@pytest.fixture
def played() -> Iterator[Callable[..., Pipeline]]:
    """Plays one event, whose attempts an actor answers with these lines."""
    made: list[Pipeline] = []

    def play(actor: str, *lines: Any) -> Pipeline:  # noqa: ANN401 - whatever an actor says
        cast = Cast()
        cast.usually(actor, *lines)
        made.append(Pipeline(TOPOLOGY.replace("ACTOR", actor), cast, threaded=actor.endswith("_blocking")))
        made[-1].send({"id": "e", "number": 0.7})
        made[-1].settle()
        return made[-1]

    yield play
    for pipeline in made:
        pipeline.close()


def figure(pipeline: Pipeline, name: str, **labels: str) -> float:
    """What a metric says about the step."""
    pipeline.metrics.text()  # a scrape
    labels = {"pipeline": "money", "step": "read", **labels}
    return pipeline.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize("actor", WAYS)
def test_too_dear_a_call_is_not_made(actor: str, played: Callable[..., Pipeline]) -> None:
    """Two calls fit into an attempt, the third is refused before it is made; nothing is tried again."""
    till = Till()

    def spendthrift(value: dict[str, Any], ctx: Context) -> dict[str, Any]:
        for _ in range(3):
            till.pay(ctx, 0.004, "large")
        return scored(value)

    pipeline = played(actor, spendthrift)

    (dead,) = pipeline.events("task_dead")
    assert till.paid == [0.004, 0.004]
    assert [reason["code"] for reason in (dead["dead"] or {"reasons": []})["reasons"]] == ["over_budget"]
    assert dead["attempt"] == 1
    assert dead["cost_usd"] == pytest.approx(0.008)
    assert pipeline.ends() == {"e": "failed"}
    assert figure(pipeline, "penstock_step_cost_usd_total", model="large") == pytest.approx(0.008)
    assert figure(pipeline, "penstock_step_attempts_total", outcome="error") == 1
    assert figure(pipeline, "penstock_step_retries_total") == 0


@pytest.mark.parametrize("actor", WAYS)
def test_every_attempt_is_counted_and_paid(actor: str, played: Callable[..., Pipeline]) -> None:
    """Two attempts fail after they paid, the third succeeds: all are in the event, the status and the metrics."""
    till = Till()

    def failing(_: dict[str, Any], ctx: Context) -> dict[str, Any]:
        till.pay(ctx, 0.008, "large")
        raise ConnectionError("reset")

    def working(value: dict[str, Any], ctx: Context) -> dict[str, Any]:
        till.pay(ctx, 0.001, "large")
        till.pay(ctx, 0.002, "small")
        ctx.spend(0.0005)
        return scored(value)

    pipeline = played(actor, failing, failing, working)

    (done,) = pipeline.events("task_done", "read")
    (status,) = [status for status in pipeline.statuses() if status["terminal"]]
    assert (done["attempt"], status["attempts"]) == (3, 3)
    assert done["cost_usd"] == pytest.approx(0.0195)
    assert status["cost_usd"] == pytest.approx(0.0195)
    assert figure(pipeline, "penstock_step_cost_usd_total", model="large") == pytest.approx(0.017)
    assert figure(pipeline, "penstock_step_cost_usd_total", model="small") == pytest.approx(0.002)
    assert figure(pipeline, "penstock_step_cost_usd_total", model="") == pytest.approx(0.0005)
    assert figure(pipeline, "penstock_step_attempts_total", outcome="error") == 2
    assert figure(pipeline, "penstock_step_attempts_total", outcome="ok") == 1
    assert figure(pipeline, "penstock_step_retries_total") == 2


@pytest.mark.parametrize("actor", WAYS)
def test_a_single_attempt_is_paid_too(actor: str, played: Callable[..., Pipeline]) -> None:
    """Also where the first attempt is made on the loop's own thread and succeeds."""
    till = Till()

    def working(value: dict[str, Any], ctx: Context) -> dict[str, Any]:
        till.pay(ctx, 0.01, "large")
        return scored(value)

    pipeline = played(actor, working)

    assert figure(pipeline, "penstock_step_cost_usd_total", model="large") == pytest.approx(0.01)
    assert pipeline.events("task_done", "read")[0]["cost_usd"] == pytest.approx(0.01)

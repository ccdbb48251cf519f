"""What is down is waited for: declared outages and open breakers cost no attempt, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from penstock import Context, Retry
from penstock.cli.hosting import kit_for
from penstock.contracts.context import OverBudget
from penstock.contracts.events import Effort
from penstock.runtime.attempts import MOST_UNCOUNTED, Outcome, Tries
from penstock.runtime.codec import Codec
from penstock.runtime.guard import Guard
from penstock.runtime.kit import Kit
from penstock.runtime.memory import MemoryBroker
from penstock.runtime.metrics import Metrics
from penstock.testing.clock import Clock
from penstock.topology.plan import Attempts, Breaker
from pipelines import contracts

THREE = Attempts(max=3, timeout_ms=5_000, backoff_ms=(1_000,))
Call = Callable[[Context], Any]


class Bench:
    """A step whose time is a number; `slept` are the pauses, `told` the lines of the log."""

    def __init__(self, breaker: Breaker | None = None) -> None:
        self.clock = Clock()
        self.slept: list[float] = []
        self.told: list[dict[str, Any]] = []
        self.metrics = Metrics("p")
        self.kit: Kit = replace(
            kit_for(MemoryBroker(self.clock), Codec(contracts()), self.metrics, settings={}, clock=self.clock),
            sleep=self.sleep, jitter=lambda: 0.5, tell=self.tell,
        )  # fmt: skip
        self.tries = Tries("s", THREE, self.kit, Guard("s", breaker, self.kit) if breaker else None)

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass, and others get on."""
        self.slept.append(seconds)
        self.clock.sleep(seconds)
        await asyncio.sleep(0)

    def tell(self, what: str, **facts: Any) -> None:  # noqa: ANN401 - as in the kit
        """Write a line."""
        self.told.append({"what": what, **facts})

    def context(self, seconds: float = 600.0, budget_usd: float = 1.0) -> Context:
        """A first attempt with so much time left."""
        deadline = int((self.clock() + seconds) * 1000)
        return Context("p", "s", "r", "e", "", 1, deadline, (), budget_usd)

    async def run(self, *answers: Any, **about: float) -> Outcome:  # noqa: ANN401 - whatever a handler answers
        """One task, whose attempts answer these, the last one again and again."""
        left = list(answers)
        return await self.tries.run(self.context(**about), attempts(lambda _: left.pop(0) if left[1:] else left[0]))

    def figure(self, name: str, **labels: str) -> float:
        """What a metric says."""
        return self.metrics.registry.get_sample_value(name, {"pipeline": "p", "step": "s", **labels}) or 0.0


def attempts(answer: Call) -> Callable[[Context, float], Awaitable[Any]]:
    """Attempts that answer so; an exception is raised."""

    async def call(context: Context, _: float) -> Any:  # noqa: ANN401 - whatever a handler answers
        answered = answer(context)
        await asyncio.sleep(0)
        if isinstance(answered, BaseException):
            raise answered
        return answered

    return call


BUSY = Retry("429", after=20.0, counts=False)


async def test_a_declared_outage_costs_no_attempt() -> None:
    """Ten times busy, and the first attempt that counts succeeds; each Retry-After is waited for in full."""
    bench = Bench()

    outcome = await bench.run(*[BUSY] * 10, "done")

    assert (outcome.answer, outcome.effort) == ("done", Effort(1, 0.0))
    assert bench.slept == [20.0] * 10
    assert bench.figure("penstock_step_attempts_total", outcome="unavailable") == 10
    assert bench.figure("penstock_step_attempts_total", outcome="ok") == 1
    assert bench.figure("penstock_step_retries_total") == 0


async def test_the_handler_sees_attempts_that_count() -> None:
    """An uncounted one comes again under its number, and failures beside it count as ever."""
    bench, seen = Bench(), list[int]()
    answers = [BUSY, Retry("hm"), BUSY, ValueError("x"), "done"]

    def answer(context: Context) -> Any:  # noqa: ANN401 - whatever a handler answers
        seen.append(context.attempt)
        return answers.pop(0)

    outcome = await bench.tries.run(bench.context(), attempts(answer))

    assert seen == [1, 1, 2, 2, 3]
    assert outcome.effort == Effort(3, 0.0)
    assert bench.figure("penstock_step_retries_total") == 2


async def test_no_attempt_starts_after_the_deadline() -> None:
    """A Retry-After that reaches beyond it ends the task at once, and nobody sleeps for nothing."""
    bench = Bench()

    outcome = await bench.run(BUSY, seconds=50.0)

    assert (outcome.code, outcome.effort.attempts, outcome.failure) == ("expired", 0, None)
    assert [reason.code for reason in outcome.failed or ()] == ["expired", "unavailable"]
    assert bench.slept == [20.0, 20.0]


async def test_a_task_is_not_uncounted_for_ever() -> None:
    """After a hundred of them they count, and the task is dead; but that is no failure of the step."""
    bench = Bench()

    outcome = await bench.run(Retry("down", counts=False, after=0.0))

    assert (outcome.code, outcome.effort.attempts, outcome.failure) == ("failed", 3, None)
    assert bench.figure("penstock_step_attempts_total", outcome="unavailable") == MOST_UNCOUNTED + 3


async def test_what_spent_money_counts() -> None:
    """A paid attempt is an attempt, whatever it says, or the compiled bound would not hold."""
    bench = Bench()

    def paid(context: Context) -> Retry:
        context.spend(0.25, model="large")
        return Retry("429", after=1.0, counts=False)

    outcome = await bench.tries.run(bench.context(), attempts(paid))

    assert (outcome.code, outcome.effort) == ("failed", Effort(3, 0.75))
    assert bench.figure("penstock_step_cost_usd_total", model="large") == 0.75


async def test_an_open_breaker_starts_nothing_and_counts_nothing() -> None:
    """Twenty tasks meet an outage of five minutes: none dies, and what is tried meanwhile are probes."""
    bench = Bench(Breaker(failures=5, open_ms=30_000))
    heals, calls = bench.clock() + 300, list[float]()

    def answer(_: Context) -> Any:  # noqa: ANN401 - whatever a handler answers
        calls.append(bench.clock())
        return "done" if bench.clock() >= heals else ConnectionError("refused")

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bench.tries.run(bench.context(3_600), attempts(answer))) for _ in range(20)]
    outcomes = [task.result() for task in tasks]

    assert {outcome.answer for outcome in outcomes} == {"done"}
    assert all(outcome.effort.attempts <= 2 for outcome in outcomes)  # one may fail before the fifth opens it
    assert sum(when < heals for when in calls) <= 20 + 300 / 30
    assert [line["state"] for line in bench.told] == ["open", "closed"]
    assert "ConnectionError: refused" in bench.told[0]["why"]
    assert bench.figure("penstock_step_breaker_open") == 0


async def test_while_open_it_says_so() -> None:
    """The metric is 1, and a task whose deadline comes expires without an attempt of its own."""
    bench = Bench(Breaker(failures=1, open_ms=60_000))
    first = await bench.run(TimeoutError("slow"), seconds=10.0)

    second = await bench.run("never called", seconds=5.0)

    assert (first.code, second.code, second.effort) == ("expired", "expired", Effort(0, 0.0))
    assert bench.figure("penstock_step_breaker_open") == 1


async def test_what_can_only_come_again_opens_nothing() -> None:
    """A permanent failure is not the dependency's, and counts towards halting."""
    bench = Bench(Breaker(failures=1))

    outcome = await bench.run(OverBudget("too dear"))

    assert (outcome.code, outcome.failure) == ("failed", True)
    assert bench.figure("penstock_step_breaker_open") == 0


async def test_where_a_breaker_stands_transient_failures_never_halt() -> None:
    """Attempts used up before it opened are dead letters, and no failure of the step."""
    bench = Bench(Breaker(failures=10))

    outcome = await bench.run(ValueError("down"))

    assert (outcome.code, outcome.effort.attempts, outcome.failure) == ("failed", 3, None)

"""One task, tried as often as its policy allows, with short pauses in memory; what came of it, and what it took."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from penstock.contracts.answers import Escalate, Reason, Reject, Retry, as_reason, raised, reasons_of
from penstock.contracts.context import Context, OverBudget
from penstock.contracts.events import Effort
from penstock.contracts.patience import Policy, pause, rest
from penstock.errors import Fatal, Halt, Poison
from penstock.runtime.guard import Guard
from penstock.runtime.kit import Kit
from penstock.runtime.threads import Endless, NoAnswer, awaited, within

MOST_UNCOUNTED = 100  # attempts of one task; those after it count, whatever was said
LONGEST_PAUSE = 12.0  # s, ten and the fifth by which pauses vary; what waits in memory fills the window
_LONGEST_IN_MEMORY = 3_600.0  # s; the longest pause a file may ask for


class Tried(NamedTuple):
    """A first attempt that was made on the loop's own thread: what it answered, or what it raised."""

    answer: Any = None
    error: BaseException | None = None

    async def result(self) -> Any:
        """As if it were made now."""
        if self.error is not None:
            raise self.error
        return await awaited(self.answer)


def at_once(call: Callable[..., Any], *arguments: Any) -> Tried:
    """Call a trivial handler on this very thread."""
    try:
        return Tried(call(*arguments))
    except (Fatal, Halt, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - a handler's border, as in `Tries`
        return Tried(None, error)


class Outcome(NamedTuple):
    """What came of a task: an answer (`failed` is None), or the reasons why there is none.

    `outage` where all that failed is something the step depends on. With `wait` (s) there is no end yet: the next
    attempt may begin then, and the supervisor will command it.
    """

    answer: Any
    effort: Effort
    failed: tuple[Reason, ...] | None = None
    code: str = ""
    suggestion: Any = None
    outage: bool = False
    wait: float | None = None

    @property
    def failure(self) -> bool | None:
        """Whether the step failed, as in `Done.failed`: no verdict, and neither an outage, a deadline nor a wait."""
        if self.outage or self.code in {"expired", "waiting"}:
            return None
        return self.code not in {"rejected", "escalated"}


@dataclass(frozen=True, slots=True)
class Tries:
    """How a step makes attempts: `call(context, timeout in s)` is one. The `guard` is its circuit breaker.

    With `in_memory` nobody can command another attempt.
    """

    step: str
    policy: Policy
    kit: Kit
    guard: Guard | None = None
    in_memory: bool = False

    async def run(
        self, context: Context, call: Callable[[Context, float], Awaitable[Any]], first: Tried | None = None
    ) -> Outcome:
        """Attempts until one succeeds, or the policy or the deadline ends them; `first` is one that was made.

        The context says which attempt is the next; what the answer counts are those that are made here.
        """
        spent, last, free, before = 0.0, tuple[Reason, ...](), 0, context.attempt - 1
        while True:
            if self.guard is not None and first is None:
                await self.guard.admit(context.deadline / 1000)
            left = context.deadline / 1000 - self.kit.clock()
            if left <= 0 and first is None:
                return _expired(Effort(context.attempt - 1 - before, spent), last)
            attempt = call if first is None else _again(first)
            answer, asked = await self._once(context, attempt, left)
            first = None
            spent += context.spent_usd
            effort = Effort(context.attempt - before, spent)
            if not isinstance(answer, _Failure):
                return _outcome(answer, effort)
            last = (answer.reason,)
            if free < MOST_UNCOUNTED and self._uncounted(answer, context):
                free += 1
                if not await self._rest(context, free, asked):
                    return _expired(Effort(context.attempt - 1 - before, spent), last)
                context = context.again(counted=False)
                continue
            wait = pause(self.policy, context.attempt, asked, self.kit.jitter()) if answer.transient else None
            if wait is None:
                return Outcome(None, effort, last, "failed", outage=self._outage(answer))
            if self._late(context, wait):
                return _expired(effort, last)
            if wait > LONGEST_PAUSE and not self.in_memory:
                return Outcome(None, effort, last, "waiting", wait=wait)
            await self._pause(wait)
            self.kit.metrics.retried(self.step)
            context = context.again()

    async def _pause(self, seconds: float) -> None:
        """Wait, in slices where it takes long."""
        left = min(seconds, _LONGEST_IN_MEMORY)
        while left > LONGEST_PAUSE:
            await self.kit.sleep(LONGEST_PAUSE)
            left -= LONGEST_PAUSE
        await self.kit.sleep(left)

    def _late(self, context: Context, wait: float) -> bool:
        """Whether a pause would not be over before the deadline."""
        return self.kit.clock() + wait >= context.deadline / 1000

    def _uncounted(self, answer: _Failure, context: Context) -> bool:
        """Whether an attempt leaves the count as it was: what it needs is down, and it has spent nothing."""
        declared = not answer.counts or (self.guard is not None and self.guard.open)
        return declared and answer.transient and not context.spent_usd

    def _outage(self, answer: _Failure) -> bool:
        """Whether a task died of what it depends on: every transient failure is taken for that where a breaker is."""
        return answer.transient and (not answer.counts or self.guard is not None)

    async def _rest(self, context: Context, times: int, asked: float | None) -> bool:
        """Wait in memory, as long as was asked for, or the guard does it; False when the deadline comes first."""
        guarded = asked is None and self.guard is not None and self.guard.open
        wait = 0.0 if guarded else rest(self.policy, times, asked, self.kit.jitter())
        if self._late(context, wait):
            return False
        await self.kit.sleep(wait)
        return True

    async def _once(
        self, context: Context, call: Callable[[Context, float], Awaitable[Any]], left: float
    ) -> tuple[Any, float | None]:
        began = self.kit.clock()
        era = self.guard.begin() if self.guard is not None else 0
        asked, why = None, "given up"
        try:
            answer = await _called(call, context, min(self.policy.timeout_ms / 1000, left))
            if isinstance(answer, Retry):
                asked, answer = answer.after, _retry(answer)
            why = (
                f"{answer.reason.code}: {answer.reason.message}"
                if isinstance(answer, _Failure) and answer.transient
                else ""
            )
        finally:
            if self.guard is not None:
                self.guard.end(era, why, failed=bool(why))
        self.kit.metrics.attempt(self.step, _label(answer), self.kit.clock() - began, context.spending)
        return answer, asked


async def _called(call: Callable[[Context, float], Awaitable[Any]], context: Context, seconds: float) -> Any:
    """What an attempt answered, or how it failed."""
    try:
        return await call(context, seconds)
    except (Fatal, Halt):
        raise
    except BaseException as error:  # a handler's border: whatever comes out is a failure, sys.exit too
        if _cancelled():
            raise
        return _failure(error)


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: Reason
    transient: bool = True
    counts: bool = True


def _retry(asked: Retry) -> _Failure:
    """A handler that asks for another attempt; a declared outage has a code of its own."""
    counts = asked.counts is not False
    said = as_reason(Reason("retry" if counts else "unavailable", asked.reason, retryable=True))
    return _Failure(said, counts=counts)


def _failure(error: BaseException) -> _Failure:
    """An exception out of a handler: transient, unless it can only come again."""
    match error:
        case NoAnswer():
            return _Failure(Reason("timeout", str(error), retryable=True))
        case OverBudget():
            return _Failure(Reason("over_budget", str(error)), transient=False)
        case Endless():
            return _Failure(Reason("invalid_output", str(error)), transient=False)
        case Poison():
            return _Failure(as_reason(Reason(error.code, str(error), error.path)), transient=False)
        case _:
            return _Failure(raised(error))


def _again(first: Tried) -> Callable[[Context, float], Awaitable[Any]]:
    return lambda _, seconds: within(max(seconds, 0.0), first.result())


def _cancelled() -> bool:
    """Whether this very task is being cancelled, rather than something inside a handler."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _expired(effort: Effort, last: tuple[Reason, ...]) -> Outcome:
    reason = Reason("expired", "no attempt starts after the run's deadline")
    return Outcome(None, effort, (reason, *last), "expired")


def _outcome(answer: Any, effort: Effort) -> Outcome:
    if isinstance(answer, Reject):
        return Outcome(None, effort, reasons_of(answer.reasons), "rejected")
    if isinstance(answer, Escalate):
        return Outcome(None, effort, reasons_of(answer.reasons), "escalated", answer.suggestion)
    return Outcome(answer, effort)


def _label(answer: Any) -> str:
    if isinstance(answer, _Failure):
        return {"timeout": "timeout", "retry": "retry", "unavailable": "unavailable"}.get(answer.reason.code, "error")
    return "invalid" if isinstance(answer, Reject) else "escalated" if isinstance(answer, Escalate) else "ok"

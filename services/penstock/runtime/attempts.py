"""One task, tried as often as its policy allows, with short pauses in memory; what came of it, and what it took."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from penstock.contracts.answers import Escalate, Reason, Reject, Retry, as_reason, raised, reasons_of
from penstock.contracts.context import Context, OverBudget
from penstock.contracts.events import Effort
from penstock.contracts.patience import Policy, pause
from penstock.errors import Fatal, Halt, Poison
from penstock.runtime.kit import Kit
from penstock.runtime.threads import Endless, NoAnswer, awaited, within

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

    With `wait` (s) there is none yet: the next attempt may begin then, and the supervisor will command it.
    """

    answer: Any
    effort: Effort
    failed: tuple[Reason, ...] | None = None
    code: str = ""
    suggestion: Any = None
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Tries:
    """How a step makes attempts: `call(context, timeout in s)` is one; `in_memory` where nobody can command another."""

    step: str
    policy: Policy
    kit: Kit
    in_memory: bool = False

    async def run(
        self, context: Context, call: Callable[[Context, float], Awaitable[Any]], first: Tried | None = None
    ) -> Outcome:
        """Attempts until one succeeds, or the policy or the deadline ends them; `first` is one that was made.

        The context says which attempt is the next; what the answer counts are those that are made here.
        """
        spent, last, before = 0.0, tuple[Reason, ...](), context.attempt - 1
        while True:
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
            wait = pause(self.policy, context.attempt, asked, self.kit.jitter()) if answer.transient else None
            if wait is None:
                return Outcome(None, effort, last, "failed")
            if self.kit.clock() + wait >= context.deadline / 1000:
                return _expired(effort, last)
            if wait > LONGEST_PAUSE and not self.in_memory:
                return Outcome(None, effort, last, "waiting", wait=wait)
            await self._pause(wait)
            context = context.again()

    async def _pause(self, seconds: float) -> None:
        """Wait, in slices where it takes long."""
        left = min(seconds, _LONGEST_IN_MEMORY)
        while left > LONGEST_PAUSE:
            await self.kit.sleep(LONGEST_PAUSE)
            left -= LONGEST_PAUSE
        await self.kit.sleep(left)

    async def _once(
        self, context: Context, call: Callable[[Context, float], Awaitable[Any]], left: float
    ) -> tuple[Any, float | None]:
        began = self.kit.clock()
        timeout = min(self.policy.timeout_ms / 1000, left)
        try:
            answer = await call(context, timeout)
        except (Fatal, Halt):
            raise
        except BaseException as error:  # a handler's border: whatever comes out is a failure, sys.exit too
            if _cancelled():
                raise
            answer = _failure(error)
        asked = None
        if isinstance(answer, Retry):
            said = as_reason(Reason("retry", answer.reason, retryable=True))
            asked, answer = answer.after, _Failure(said)
        label = _label(answer)
        self.kit.metrics.attempt(self.step, label, self.kit.clock() - began, context.spent_usd)
        return answer, asked


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: Reason
    transient: bool = True


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
        return {"timeout": "timeout", "retry": "retry"}.get(answer.reason.code, "error")
    return "invalid" if isinstance(answer, Reject) else "escalated" if isinstance(answer, Escalate) else "ok"

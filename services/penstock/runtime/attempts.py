"""One task, tried as often as its policy allows, with pauses in memory; what came of it, and what it took."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from penstock.contracts.answers import Escalate, Reason, Reject, Retry, reasons_of
from penstock.contracts.context import Context, OverBudget
from penstock.contracts.events import Effort
from penstock.contracts.patience import Policy, pause
from penstock.errors import Fatal, Halt, Poison
from penstock.runtime.kit import Kit
from penstock.runtime.threads import NoAnswer

LONGEST_PAUSE = 10.0  # s; what waits in memory fills the window and stops the intake


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task: an answer (`failed` is None), or the reasons why there is none."""

    answer: Any
    effort: Effort
    failed: tuple[Reason, ...] | None = None
    code: str = ""
    suggestion: Any = None


@dataclass(frozen=True, slots=True)
class Tries:
    """How a step makes attempts: `call(context, timeout in s)` is one."""

    step: str
    policy: Policy
    kit: Kit

    async def run(
        self, context: Context, call: Callable[[Context, float], Awaitable[Any]], stale: Callable[[], bool]
    ) -> Outcome:
        """Attempts until one succeeds, the policy or the deadline ends them, or nobody wants the answer any more."""
        spent, last = 0.0, tuple[Reason, ...]()
        while True:
            left = context.deadline / 1000 - self.kit.clock()
            if left <= 0 or stale():
                return _expired(context, spent, last)
            answer, asked = await self._once(context, call, left)
            spent += context.spent_usd
            effort = Effort(context.attempt, spent)
            if not isinstance(answer, _Failure):
                return _outcome(answer, effort)
            last = (answer.reason,)
            wait = pause(self.policy, context.attempt, asked, self.kit.jitter()) if answer.transient else None
            if wait is None:
                return Outcome(None, effort, last, "failed")
            await self.kit.sleep(min(wait, LONGEST_PAUSE))
            context = context.again()

    async def _once(
        self, context: Context, call: Callable[[Context, float], Awaitable[Any]], left: float
    ) -> tuple[Any, float | None]:
        began = self.kit.clock()
        timeout = min(self.policy.timeout_ms / 1000, left)
        try:
            answer = await call(context, timeout)
        except NoAnswer as error:
            answer = _Failure(Reason("timeout", str(error), retryable=True))
        except OverBudget as error:
            answer = _Failure(Reason("over_budget", str(error)), transient=False)
        except Poison as error:
            answer = _Failure(Reason(error.code, str(error), error.path), transient=False)
        except (Fatal, Halt):
            raise
        except BaseException as error:  # a handler's border: whatever comes out is a transient failure, also sys.exit
            if _cancelled() or isinstance(error, KeyboardInterrupt):
                raise
            answer = failure_of(error)
        asked = None
        if isinstance(answer, Retry):
            asked, answer = answer.after, _Failure(Reason("retry", answer.reason, retryable=True))
        label = _label(answer)
        self.kit.metrics.attempt(self.step, label, self.kit.clock() - began, context.spent_usd)
        return answer, asked


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: Reason
    transient: bool = True


def failure_of(error: BaseException) -> _Failure:
    """An exception out of a handler: its class and message."""
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - even that may be broken
        said = "(it cannot say what it is)"
    return _Failure(Reason("exception", f"{type(error).__name__}: {said}", retryable=True))


def _cancelled() -> bool:
    """Whether this very task is being cancelled, rather than something inside a handler."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _expired(context: Context, spent: float, last: tuple[Reason, ...]) -> Outcome:
    reason = Reason("expired", "no attempt starts after the run's deadline")
    return Outcome(None, Effort(context.attempt - 1, spent), (reason, *last), "expired")


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

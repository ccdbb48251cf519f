"""How long to wait before the next attempt; pure, the jitter is an argument."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

_JITTER = 0.2  # of a pause, up or down: attempts that failed together must not come back together


class Policy(Protocol):
    """How often, how long and with which pauses a task is tried; times in ms."""

    @property
    def max(self) -> int:
        """Attempts at the most."""

    @property
    def timeout_ms(self) -> int:
        """One attempt at the most."""

    @property
    def backoff_ms(self) -> Sequence[int]:
        """The pauses; the last one repeats."""


def pause(policy: Policy, attempt: int, asked: float | None, jitter: float) -> float | None:
    """Seconds to wait after `attempt` (1 is the first) failed; None when that was the last one.

    `asked` is what the failure itself asked for (a Retry-After), `jitter` a number in [0, 1). Whatever is no amount of
    time to wait counts as not asked for.
    """
    return None if attempt >= policy.max else rest(policy, attempt, asked, jitter)


def rest(policy: Policy, attempt: int, asked: float | None, jitter: float) -> float:
    """The same for an attempt that is never the last one, as it does not count."""
    if isinstance(asked, int | float) and 0 <= asked < math.inf:
        return asked
    pauses = policy.backoff_ms or (0,)
    base = pauses[min(attempt, len(pauses)) - 1] / 1000
    return base * (1 + _JITTER * (2 * jitter - 1))

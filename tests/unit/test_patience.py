"""How long to wait before the next attempt."""

from __future__ import annotations

import math
from typing import Any

import pytest

from penstock.contracts.patience import pause
from penstock.topology.plan import Attempts

POLICY = Attempts(max=4, timeout_ms=1_000, backoff_ms=(200, 2_000))


def test_the_pauses_are_those_declared() -> None:
    """The last one repeats; after the last attempt there is none."""
    assert [pause(POLICY, attempt, None, 0.5) for attempt in (1, 2, 3, 4)] == [0.2, 2.0, 2.0, None]


def test_the_jitter_spreads_them() -> None:
    """A fifth up or down, so that what failed together does not come back together."""
    assert pause(POLICY, 1, None, 0.0) == pytest.approx(0.16)
    assert pause(POLICY, 1, None, 1.0) == pytest.approx(0.24)


def test_what_the_failure_asks_for_counts() -> None:
    """A Retry-After overrides the declared pause, not the number of attempts."""
    assert pause(POLICY, 1, 7.5, 0.0) == 7.5
    assert pause(POLICY, 1, 0, 0.0) == 0
    assert pause(POLICY, 4, 7.5, 0.0) is None


@pytest.mark.parametrize("asked", [-1, math.nan, math.inf, "soon", None, object()])
def test_what_is_no_time_is_not_asked_for(asked: Any) -> None:  # noqa: ANN401 - what a handler may say
    """Then the declared pause counts."""
    assert pause(POLICY, 1, asked, 0.5) == 0.2


def test_no_pause_declared() -> None:
    """Attempts may follow each other at once."""
    assert pause(Attempts(max=2, backoff_ms=()), 1, None, 0.9) == 0

"""The arithmetic of the benchmarks, on examples small enough to do by hand."""

from __future__ import annotations

import pytest

from bench.figures import Spread, makespan, quantile, ratios, steady


def test_a_greedy_schedule_takes_the_slot_that_is_free_first() -> None:
    """Two slots, calls of 3, 1, 1 and 2: one slot does the 3, the other 1, 1 and 2."""
    assert makespan([3, 1, 1, 2], 2) == 4


def test_with_a_slot_for_every_call_the_longest_decides() -> None:
    """As many slots as calls: the schedule is as long as the longest call."""
    assert makespan([0.1, 0.7, 0.2], 3) == 0.7


def test_a_steady_rate_ignores_both_ends() -> None:
    """A record a ms is 1,000 a second, however late the first and the last one came."""
    middle = list(range(10_000, 10_980))

    assert steady([0] * 10 + middle + [99_999] * 10) == 1_000


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100)])
def test_a_quantile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    """Of 1 to 100, half are at most 50, and 99 % at most 99."""
    assert quantile([float(n) for n in range(100, 0, -1)], share) == expected


def test_ratios_are_taken_round_by_round() -> None:
    """A machine that is half as fast in one round does not move the ratio."""
    assert ratios(Spread((40.0, 20.0)), Spread((100.0, 50.0))).values == (0.4, 0.4)


def test_a_spread_tells_its_range() -> None:
    """The median comes first, the range in brackets."""
    assert Spread((3.0, 1.0, 2.0)).text(1) == "2.0 (1.0 to 3.0)"

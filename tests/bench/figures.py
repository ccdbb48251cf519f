"""From measurements to figures: rates, quantiles, medians and the best schedule there could be; pure."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_STEADY = 0.1  # of the records at either end are not counted: starting up and running dry


@dataclass(frozen=True, slots=True)
class Spread:
    """What several rounds gave."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The round in the middle."""
        return median(self.values)

    def text(self, digits: int = 0) -> str:
        """Median, and the range in brackets."""
        low, middle, high = (f"{n:,.{digits}f}" for n in (min(self.values), self.median, max(self.values)))
        return f"{middle} ({low} to {high})"


def ratios(ours: Spread, raw: Spread) -> Spread:
    """Round by round: both sides of a pair ran one after the other, on the same mood of the machine."""
    return Spread(tuple(a / b for a, b in zip(ours.values, raw.values, strict=True)))


def steady(times: Sequence[int]) -> float:
    """Records a second over the middle four fifths of the records; `times` in ms."""
    ordered = sorted(times)
    first, last = int(len(ordered) * _STEADY), int(len(ordered) * (1 - _STEADY)) - 1
    return (last - first) / max(1, ordered[last] - ordered[first]) * 1000


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(0, rank - 1)]


def makespan(seconds: Sequence[float], slots: int) -> float:
    """How long a greedy schedule takes: each call begins, in order, on the slot that is free first."""
    free = [0.0] * slots
    for wait in seconds:
        heapq.heapreplace(free, free[0] + wait)
    return max(free)

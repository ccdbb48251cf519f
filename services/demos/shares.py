"""Shares with their intervals, as the demos print them."""

from __future__ import annotations

from math import sqrt

_Z = 1.959964  # of the normal distribution, for 95 %


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); everything is possible where nothing was seen."""
    if not n:
        return 0.0, 1.0
    share, square = hits / n, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    reach = _Z / (1 + square / n) * sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def cells(hits: int, n: int) -> tuple[str, str, str, str]:
    """Count, of how many, share and interval, as four cells of a table."""
    low, high = wilson(hits, n)
    share = f"{hits / n:.1%}" if n else "none"
    return f"{hits:,}", f"{n:,}", share, f"{low:.1%} to {high:.1%}"

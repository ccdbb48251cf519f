"""A clock that stands still until somebody moves it."""

from __future__ import annotations

BEGINNING = 1_800_000_000.0  # 2027-01-15T08:00:00Z: a round number that everybody can add to


class Clock:
    """Seconds since the epoch, as `ports.Clock` wants them."""

    def __init__(self, now: float = BEGINNING) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += max(seconds, 0.0)

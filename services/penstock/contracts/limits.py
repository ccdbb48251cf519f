"""What a step declares about failing: when it stops, and when it leaves a dependency alone for a while."""

from __future__ import annotations

from typing import Protocol


class Halting(Protocol):
    """How many failed tasks stop a step: so many in a row, or this share of the last `of`."""

    @property
    def in_a_row(self) -> int:
        """Failed tasks, one after the other."""

    @property
    def share(self) -> float:
        """Failed tasks, of the last `of`; 0.5 is half of them."""

    @property
    def of(self) -> int:
        """How many of the last tasks are looked at."""


class Fuse(Protocol):
    """When a circuit breaker opens, and for how long."""

    @property
    def failures(self) -> int:
        """Transient failures in a row, whichever tasks they were of."""

    @property
    def open_ms(self) -> int:
        """Milliseconds in which no attempt starts; then one is made to see."""

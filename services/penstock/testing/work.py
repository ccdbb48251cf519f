"""Where the jobs of a pipeline under test run, and how time passes while they do."""

from __future__ import annotations

import asyncio
from typing import Protocol

from penstock.runtime.lanes import Lanes
from penstock.testing.clock import Clock
from penstock.testing.loop import StillLoop


class Work(Protocol):
    """What a stage asks of it."""

    @property
    def clock(self) -> Clock:
        """The time of the whole pipeline."""

    def lanes(self) -> Lanes:
        """Lanes for the jobs of one process."""

    async def sleep(self, seconds: float) -> None:
        """A pause of the pipeline's own."""

    def get_on(self, *, running: bool) -> bool:
        """Let jobs get on while `running` says that there are some; whether it is worth to come again at once."""

    def wakes(self) -> float | None:
        """When the next job that sleeps will wake; None when none does."""

    def close(self) -> None:
        """Give up what is held."""


class Still:
    """On the caller's own thread: nothing happens between two calls, and a pause takes no time at all."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._loop = StillLoop(self.clock)

    def lanes(self) -> Lanes:
        """See Work."""
        return Lanes(self._loop)

    async def sleep(self, seconds: float) -> None:
        """See Work."""
        await asyncio.sleep(seconds)

    def get_on(self, *, running: bool) -> bool:
        """See Work."""
        if running:
            self._loop.get_on()
        return False

    def wakes(self) -> float | None:
        """See Work."""
        return self._loop.wakes()

    def close(self) -> None:
        """See Work."""
        self._loop.close()

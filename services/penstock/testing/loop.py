"""An asyncio loop whose time stands still: it runs what can be run, then says when the next of its sleepers wakes.

No private part of asyncio is touched: what the loop asks its selector, and for how long, says whether it has work.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

from penstock.testing.clock import Clock

_JUST = 1e-6  # s; asyncio wants a timer's moment to be over, and so late in the epoch a float counts quarters of this
_REAL = 0.02  # s of real time between looks at real sockets and threads
_OWN = 1  # descriptor that is always there: the loop's own, through which threads wake it
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class StillLoop(asyncio.SelectorEventLoop):
    """Runs on whatever thread calls `get_on`. While a handler waits for a real socket or thread, real time passes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.now
        self._outside = 0
        self._asked = _Asked(self._idle)
        self._sleep: float | None = None
        super().__init__(self._asked)

    def time(self) -> float:
        """Seconds since the loop was made: so late in the epoch a timer of this very moment would never be due."""
        return self._clock.now - self._began

    def get_on(self) -> None:
        """Run everything that can be run without time passing."""
        self.run_forever()

    def wakes(self) -> float | None:
        """When the next sleeper wakes, as of the last `get_on`; None when nobody sleeps."""
        return None if self._sleep is None else self._clock.now + self._sleep + _JUST

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """As asyncio does, with an eye on who has not come back from a thread."""
        running = super().run_in_executor(executor, func, *args)
        self._outside += 1
        running.add_done_callback(self._returned)
        return running

    def _returned(self, _: asyncio.Future[Any]) -> None:
        self._outside -= 1

    def _idle(self, timeout: float | None) -> float:
        """Nothing is ready: answers how long to look outside, and stops the loop when there is no outside to wait for.

        Real waiting moves the clock, so that a call that never answers is over in its time.
        """
        if self._outside or len(self._asked.get_map()) > _OWN:
            real = _REAL if timeout is None else min(timeout, _REAL)
            self._clock.now += real + _JUST
            return real
        self._sleep = timeout
        self.stop()
        return 0.0


class _Asked(selectors.BaseSelector):
    """A selector that tells its loop when it is asked to wait."""

    def __init__(self, idle: Callable[[float | None], float]) -> None:
        self._real = selectors.DefaultSelector()
        self._idle = idle

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; a loop that has nothing to run asks with another timeout than 0."""
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        return self._real.select(real) if (real := self._idle(timeout)) else []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 - asyncio's
        """See selectors."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401 - the same
        """See selectors."""
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 - the same
        """See selectors."""
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """See selectors."""
        return self._real.get_map()

    def close(self) -> None:
        """See selectors."""
        self._real.close()

"""A step's circuit breaker at work: attempts wait for it, hear from it, and everybody is told when it turns."""

from __future__ import annotations

from penstock.contracts.limits import Fuse
from penstock.runtime.breaker import Breaker
from penstock.runtime.kit import Kit


class Guard:
    """Stands before the attempts of one step; all calls on the loop where handlers run."""

    def __init__(self, step: str, fuse: Fuse, kit: Kit) -> None:
        self._step = step
        self._kit = kit
        self._breaker = Breaker(fuse)
        kit.metrics.breaker(step, 0)

    @property
    def open(self) -> bool:
        """See `Breaker.open`."""
        return self._breaker.open

    async def admit(self, deadline: float) -> None:
        """Wait until an attempt may begin, or the deadline (s since the epoch) is over; it begins before any other."""
        while (wait := self._breaker.wait(self._kit.clock())) and (left := deadline - self._kit.clock()) > 0:
            await self._kit.sleep(min(wait, left))

    def begin(self) -> int:
        """See `Breaker.begin`."""
        return self._breaker.begin()

    def end(self, era: int, why: str, *, failed: bool) -> None:
        """See `Breaker.end`; `why` is for the log."""
        was = self._breaker.open
        self._breaker.end(era, self._kit.clock(), failed=failed)
        if self._breaker.open != was:
            self._kit.metrics.breaker(self._step, int(self._breaker.open))
            self._kit.tell("circuit breaker", step=self._step, state="closed" if was else "open", why=why)


def guard(step: str, fuse: Fuse | None, kit: Kit) -> Guard | None:
    """The guard of a step that declares one."""
    return None if fuse is None else Guard(step, fuse, kit)

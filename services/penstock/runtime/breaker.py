"""A circuit breaker: what keeps failing for a while is left alone, and then asked once whether it is well again."""

from __future__ import annotations

from penstock.contracts.limits import Fuse

_PROBING = 0.25  # s between looks at a probe that somebody else makes


class Breaker:
    """Closed, open, or probing; of one step in one process, on the one loop where its attempts are made. Pure.

    An attempt belongs to the era in which it began. What comes of one that began in another says nothing about now.
    """

    def __init__(self, fuse: Fuse) -> None:
        self._fuse = fuse
        self._row = 0
        self._era = 0
        self._until: float | None = None
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether what the step depends on is taken to be down: no attempt counts that fails now."""
        return self._until is not None

    def wait(self, now: float) -> float:
        """Seconds after which to ask again whether an attempt may begin; nought when it may now."""
        if self._until is None:
            return 0.0
        return _PROBING if self._probing else max(self._until - now, 0.0)

    def begin(self) -> int:
        """An attempt begins, after `wait` said it may; answers its era. While it is open, this is the probe."""
        if self._until is not None:
            self._probing = True
            self._era += 1
        return self._era

    def end(self, era: int, now: float, *, failed: bool) -> None:
        """An attempt of this era ended; `failed` means that it may work another time."""
        if era != self._era:
            return
        if not failed:
            self._row, self._until, self._probing = 0, None, False
            return
        self._row += 1
        if self._probing or self._row >= self._fuse.failures:
            self._row, self._probing = 0, False
            self._until = now + self._fuse.open_ms / 1000
            self._era += 1

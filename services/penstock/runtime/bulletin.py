"""Follows a small compacted topic: read whole before the first record, then looked at again and again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Future

from penstock.errors import Retriable
from penstock.runtime import halts
from penstock.runtime.ports import Clock, Log
from penstock.runtime.service import Follows

EVERY = 0.5  # s between looks
_MOST = 10_000  # offsets of a partition in one look: the loop has other things to do


class Bulletin:
    """All partitions of one topic, outside any group; `look` is called on the loop's thread, as often as one likes.

    It never waits for an open transaction: what is not committed was not said. A broker that is away is asked again.
    """

    def __init__(self, follows: Follows, log: Log, clock: Clock, every: float = EVERY) -> None:
        self.whole = False
        self._topic, self._hear = follows
        self._log = log
        self._clock = clock
        self._every = every
        self._next: dict[int, int] = {}
        self._ends: Future[Mapping[int, int]] | None = None
        self._again = -math.inf

    def look(self) -> bool:
        """Hear what is new, when it is time to look; whether there was anything. Halt where there is no such topic."""
        if self._ends is None:
            if self._clock() < self._again:
                return False
            self._again = self._clock() + self._every
            self._ends = self._ask()
        if self._ends is None or not self._ends.done():
            return False
        ends, self._ends = self._ends, None
        if ends.exception() is not None:
            return False
        moved = {partition: end for partition, end in ends.result().items() if end != self._next[partition]}
        try:
            done = [self._read(partition, end) for partition, end in moved.items()]
        except Retriable:
            return False
        self.whole |= all(done)
        if not all(done):
            self._again = -math.inf
        return bool(moved)

    def _ask(self) -> Future[Mapping[int, int]] | None:
        try:
            if not self._next:
                count = self._log.partitions(self._topic)
                if not count:
                    raise halts.missing(self._topic)
                self._next = dict.fromkeys(range(count), 0)
            return self._log.stable_ends(self._topic, list(self._next))
        except Retriable:
            return None

    def _read(self, partition: int, end: int) -> bool:
        """Hear a part of what is new on a partition; whether it was all. A topic that shrank was made anew."""
        start = self._next[partition] if self._next[partition] <= end else 0
        until = min(end, start + _MOST)
        for record in self._log.read(self._topic, partition, start, until):
            self._hear(record)
        self._next[partition] = until
        return until == end

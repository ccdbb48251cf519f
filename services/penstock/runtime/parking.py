"""Records that nobody can answer yet: they stand aside, incomplete, and the ones behind them go on."""

from __future__ import annotations

import math
from collections import Counter

from penstock.errors import Poison
from penstock.runtime.intake import Intake
from penstock.runtime.ports import Clock, Record
from penstock.runtime.service import Later

_EVERY = 0.5  # s after which they are answered again though nothing was heard


class Parking:
    """What waits, of all services of a process, in the order in which it came."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[tuple[Intake, Record, int]] = []
        self._since: dict[tuple[int, int, int], float] = {}
        self._held: Counter[tuple[int, int]] = Counter()
        self._again = -math.inf

    def put(self, intake: Intake, record: Record, later: Later) -> Poison | None:
        """Let a record wait, or answer what it is buried as: it has waited for long enough."""
        key = (id(intake), record.partition, record.offset)
        if self._clock() - self._since.setdefault(key, self._clock()) >= later.patience:
            del self._since[key]
            return later.poison
        self._waiting.append((intake, record, intake.epoch_of(record.partition)))
        self._held[key[:2]] += 1
        return None

    def take(self, *, news: bool) -> list[tuple[Intake, Record]]:
        """All that waits, to be answered again, if there is `news` or it is time; what went elsewhere is forgotten."""
        now = self._clock()
        if not self._waiting or (now < self._again and not news):
            return []
        self._again = now + _EVERY
        waiting, self._waiting = self._waiting, []
        self._held.clear()
        ours = [(i, record) for i, record, epoch in waiting if not i.halted and epoch == i.epoch_of(record.partition)]
        keys = {(id(intake), record.partition, record.offset) for intake, record in ours}
        self._since = {key: since for key, since in self._since.items() if key in keys}
        return ours

    def held(self, intake: Intake, partition: int) -> int:
        """How many records of a partition wait here."""
        return self._held[id(intake), partition]

    def count(self, intake: Intake) -> int:
        """How many of a service."""
        return sum(count for (owner, _), count in self._held.copy().items() if owner == id(intake))

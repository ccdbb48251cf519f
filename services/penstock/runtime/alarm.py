"""When so much of a step's work fails that it stops: so many tasks in a row, or too large a share of the last."""

from __future__ import annotations

from collections import deque

from penstock.contracts.limits import Halting


class Alarm:
    """Counts the tasks of one service in one process. What goes well costs one addition: see `row` and `well`."""

    def __init__(self, limits: Halting) -> None:
        self.tasks = 0
        self.row = 0
        self._limits = limits
        self._proving = False
        self._failed: deque[int] = deque()

    def prove(self) -> None:
        """An earlier life halted: the first task that fails stops this one too, and the first that does not acquits."""
        self._proving = True
        self.row = max(self.row, 1)

    def well(self) -> None:
        """A task did not fail; only worth a call while `row` is not nought."""
        self.row = 0
        self._proving = False

    def failed(self) -> str:
        """A task failed; answers which limit that exceeds, in words, or nothing."""
        self.tasks += 1
        self.row += 1
        limits, failed = self._limits, self._failed
        failed.append(self.tasks)
        while failed[0] <= self.tasks - limits.of:
            failed.popleft()
        if self._proving:
            return "after a halt the first task"
        if self.row >= limits.in_a_row:
            return f"{self.row} tasks in a row"
        if self.tasks >= limits.of and len(failed) >= limits.share * limits.of:
            return f"{len(failed)} of the last {limits.of} tasks"
        return ""

"""Lanes without a thread: a job runs when the test says so, hence every run can be repeated."""

from __future__ import annotations

from collections import deque
from typing import Any

from penstock.runtime.lanes import Finished, Ticket
from penstock.runtime.processor import Processor


class ManualLanes:
    """Stands in for `lanes.Lanes`."""

    def __init__(self) -> None:
        self.finished: deque[Finished] = deque()
        self.waiting: list[Ticket] = []

    def submit(self, tickets: list[Ticket], concurrency: int) -> None:
        """See Lanes."""
        del concurrency
        self.waiting += tickets

    def close(self) -> None:
        """See Lanes."""

    def finish(self, index: int) -> None:
        """Let one waiting job answer."""
        ticket = self.waiting.pop(index % len(self.waiting))
        job: Any = ticket.call.job()
        try:
            job.send(None)
        except StopIteration as stop:
            self.finished.append(Finished(ticket, stop.value))
        else:
            raise AssertionError("a job of these tests does not wait for anything")


def by_hand(processor: Processor) -> ManualLanes:
    """Take the thread away from a processor."""
    processor.lanes.close()
    lanes = ManualLanes()
    processor.lanes = lanes  # type: ignore[assignment]  # has all that the loop uses
    return lanes

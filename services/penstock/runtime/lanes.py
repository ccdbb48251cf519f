"""Where handlers run: one asyncio loop in a thread of its own, and a fixed number of lanes for each service.

Long-lived tasks fed by a queue cost 6.5 us a job where a task per job costs 24.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from penstock.contracts.envelope import Envelope
from penstock.runtime.ports import Record
from penstock.runtime.service import Call, Done, Settle

_PATIENCE = 5.0  # s in which cancelled jobs may clean up


class Ticket(NamedTuple):
    """A job on its way: whose it is, and which record it answers."""

    owner: Any
    record: Record
    envelope: Envelope | None
    epoch: int
    call: Call


class Finished(NamedTuple):
    """A job that ended: with an answer, or with an error that is the system's own."""

    ticket: Ticket
    result: Done | Settle | None
    error: BaseException | None = None


class Lanes:
    """Runs the jobs of all services of a process; what is finished waits in `finished` for the loop's thread.

    Where a `loop` is given there is no thread: whoever gave it runs it, and jobs get on while they do.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.finished: deque[Finished] = deque()
        self._loop = loop or asyncio.new_event_loop()
        self._queues: dict[int, asyncio.Queue[Ticket]] = {}
        self._tasks: dict[int, list[asyncio.Task[None]]] = {}
        self._thread = None if loop else threading.Thread(target=self._loop.run_forever, name="lanes", daemon=True)
        if self._thread is not None:
            self._thread.start()

    def submit(self, tickets: list[Ticket], concurrency: int) -> None:
        """Queue jobs of one owner; at most `concurrency` of its jobs run at once."""
        self._loop.call_soon_threadsafe(self._enqueue, tickets, concurrency)

    def close(self) -> None:
        """Cancel what still runs, let it clean up for a few seconds, and end the thread."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._end)
        if self._thread is None:
            self._loop.run_forever()
            return
        self._thread.join(2 * _PATIENCE)
        if not self._thread.is_alive():
            self._loop.close()

    def _enqueue(self, tickets: list[Ticket], concurrency: int) -> None:
        owner = id(tickets[0].owner)
        queue = self._queues.get(owner)
        if queue is None:
            queue = self._queues[owner] = asyncio.Queue()
            self._tasks[owner] = []
        tasks = self._tasks[owner]
        for ticket in tickets:
            queue.put_nowait(ticket)
        for _ in range(min(max(concurrency, 1) - len(tasks), len(tickets))):
            tasks.append(self._loop.create_task(_lane(queue, self.finished.append)))

    def _end(self) -> None:
        self._ending = self._loop.create_task(self._cancel())

    async def _cancel(self) -> None:
        tasks = [task for tasks in self._tasks.values() for task in tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE)
        self._loop.stop()


async def _lane(queue: asyncio.Queue[Ticket], finish: Callable[[Finished], None]) -> None:
    while True:
        ticket = await queue.get()
        if ticket.epoch != ticket.owner.epoch_of(ticket.record.partition):
            finish(Finished(ticket, None))  # the partition went to somebody else while the job waited
            continue
        try:
            result = await ticket.call.job()
        except BaseException as error:
            finish(Finished(ticket, None, error))
            if isinstance(error, asyncio.CancelledError) and _cancelled():
                raise
        else:
            finish(Finished(ticket, result))


def _cancelled() -> bool:
    """Whether it is this lane that was cancelled, and not something inside its job."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

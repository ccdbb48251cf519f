"""The lanes: every ticket comes back, at most so many run at once, and nothing is left behind on the way out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace

import pytest

from penstock.runtime.lanes import Finished, Lanes, Ticket
from penstock.runtime.ports import Record
from penstock.runtime.service import Call, Done

DONE = Done()


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    lanes = Lanes()
    yield lanes
    lanes.close()


def owner(epoch: int = 0) -> SimpleNamespace:
    """Whose the tickets are; the epoch of its partitions."""
    return SimpleNamespace(epoch_of=lambda _: epoch)


def ticket(whose: SimpleNamespace, job: Callable[[], Awaitable[Done]], offset: int = 0, epoch: int = 0) -> Ticket:
    """A job that answers the record at an offset."""
    return Ticket(whose, Record("t", 0, offset, None, None, [], 0), None, epoch, Call(job))


def wait(lanes: Lanes, count: int) -> list[Finished]:
    """So many results, or what there is after 5 s."""
    until = time.monotonic() + 5
    while len(lanes.finished) < count and time.monotonic() < until:
        time.sleep(0.001)
    return list(lanes.finished)


async def answer() -> Done:
    """A job without any trouble."""
    return DONE


def test_every_ticket_comes_back(lanes: Lanes) -> None:
    """A hundred jobs, a hundred results, each with its own ticket."""
    tickets = [ticket(owner(), answer, n) for n in range(100)]

    lanes.submit(tickets, 7)

    assert {f.ticket.record.offset for f in wait(lanes, 100) if f.result is DONE} == set(range(100))


def test_no_more_at_once_than_asked(lanes: Lanes) -> None:
    """With 5 lanes never more than 5 jobs of an owner run, however they are submitted; another owner has its own."""
    running, most = [0], [0]

    async def job() -> Done:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(0.002)
        running[0] -= 1
        return DONE

    whose, other = owner(), owner()
    for n in range(40):
        lanes.submit([ticket(whose, job, n)], 5)
    lanes.submit([ticket(other, answer)], 1)

    assert len(wait(lanes, 41)) == 41
    assert most == [5]


@pytest.mark.parametrize("error", [ValueError("x"), asyncio.CancelledError(), SystemExit(3), KeyboardInterrupt()])
def test_whatever_a_job_raises_comes_back(lanes: Lanes, error: BaseException) -> None:
    """No error of a job takes a lane with it: not a cancellation leaked by a library, not sys.exit()."""

    async def job() -> Done:
        raise error

    whose = owner()
    lanes.submit([ticket(whose, job, 0), ticket(whose, answer, 1)], 1)

    first, second = wait(lanes, 2)
    assert first.error is error
    assert second.result is DONE


def test_a_stale_ticket_is_not_begun(lanes: Lanes) -> None:
    """A job whose partition went while it waited is never started, and its ticket still comes back."""
    begun = []

    async def job() -> Done:
        begun.append(1)
        return DONE

    lanes.submit([ticket(owner(epoch=2), job, epoch=1)], 1)

    (finished,) = wait(lanes, 1)
    assert (finished.result, finished.error, begun) == (None, None, [])


def test_no_lanes_still_means_one(lanes: Lanes) -> None:
    """A service that declared no concurrency and calls all the same is slow, not stuck."""
    lanes.submit([ticket(owner(), answer)], 0)

    assert len(wait(lanes, 1)) == 1


def test_close_cancels_what_runs(lanes: Lanes) -> None:
    """Running jobs may clean up, also with an await of their own, and the thread ends."""
    told = []

    async def job() -> Done:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            told.append("cleaned up")
        return DONE

    lanes.submit([ticket(owner(), job)], 1)
    time.sleep(0.05)
    lanes.close()

    assert told == ["cleaned up"]
    assert lanes._thread is not None
    assert not lanes._thread.is_alive()
    assert lanes._loop.is_closed()

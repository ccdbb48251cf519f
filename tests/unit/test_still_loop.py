"""A loop whose time stands still: sleepers wake in order and at once, real sockets and threads are waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from penstock.testing.clock import BEGINNING, Clock
from penstock.testing.loop import StillLoop


@pytest.fixture
def loop() -> Iterator[StillLoop]:
    """A loop of the test's own."""
    made = StillLoop(Clock())
    yield made
    made.close()


def run(loop: StillLoop, *jobs: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run jobs to their ends, jumping from one wake-up to the next."""
    tasks = [loop.create_task(job) for job in jobs]
    loop.get_on()
    while (wake := loop.wakes()) is not None:
        loop._clock.now = wake
        loop.get_on()
    return [task.result() for task in tasks]


def test_sleepers_wake_in_their_order(loop: StillLoop) -> None:
    """Two that sleep side by side take as long as the longer one, and nobody waits for either."""
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, *seconds: float) -> None:
        for one in seconds:
            await asyncio.sleep(one)
            woken.append((name, round(loop.time(), 3)))

    began = time.monotonic()
    run(loop, sleep("a", 10, 10), sleep("b", 15))

    assert woken == [("a", 10.0), ("b", 15.0), ("a", 20.0)]
    assert time.monotonic() - began < 5


def test_time_stands_still_by_itself(loop: StillLoop) -> None:
    """Nothing that sleeps gets on until somebody moves the clock."""
    task = loop.create_task(asyncio.sleep(3))

    loop.get_on()

    assert not task.done()
    assert loop.wakes() == pytest.approx(BEGINNING + 3)
    task.cancel()
    loop.get_on()
    assert loop.wakes() is None


def test_a_timeout_is_over_in_its_time(loop: StillLoop) -> None:
    """What never answers is over when the clock says so."""

    async def silent() -> str:
        try:
            async with asyncio.timeout(30):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            return "over"
        return "answered"

    assert run(loop, silent()) == ["over"]
    assert loop.time() == pytest.approx(30)


def test_a_thread_is_waited_for(loop: StillLoop) -> None:
    """A handler that goes to a thread comes back, and its time is real time."""

    def blocked() -> int:
        time.sleep(0.05)
        return 7

    async def works() -> int:
        return await asyncio.to_thread(blocked)

    assert run(loop, works()) == [7]
    assert loop.time() > 0


def test_a_socket_is_waited_for(loop: StillLoop) -> None:
    """A handler that talks to a server gets its answer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async def asks() -> bytes:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\n")
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return said

    assert run(loop, asks()) == [b"hello\n"]


def test_a_timer_of_this_very_moment_is_due() -> None:
    """Also where the clock stands so late in the epoch that a float cannot tell a nanosecond."""
    clock = Clock()
    clock.now = BEGINNING + 2.000001
    loop = StillLoop(clock)
    woken: list[bool] = []

    loop.call_at(loop.time(), woken.append, True)  # noqa: FBT003 - what is called with it is a list
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1
        if turns < 5:
            loop.call_soon(count)
        else:
            loop.stop()

    loop.call_soon(count)
    loop.run_forever()
    loop.close()

    assert woken == [True]

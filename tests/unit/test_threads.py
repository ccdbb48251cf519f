"""Calls that may take too long: whose silence it was, what hangs, and what has no end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from penstock.runtime.threads import MOST_ITEMS, Endless, NoAnswer, Threads, awaited, listed, within


def numbers(count: int) -> Iterator[int]:
    """So many."""
    yield from range(count)


async def numbers_later(count: int) -> AsyncIterator[int]:
    """So many, each awaited."""
    for number in range(count):
        yield number


async def later(value: object) -> object:
    """A value that is awaited."""
    return value


async def until(threads: Threads, hung: int) -> None:
    """Wait until so many hang, or 5 s."""
    end = time.monotonic() + 5
    while threads.hung != hung and time.monotonic() < end:  # noqa: ASYNC110 - threads set no asyncio events
        await asyncio.sleep(0.001)
    assert threads.hung == hung


async def test_our_clock_is_no_answer() -> None:
    """A call that takes longer than it may."""
    with pytest.raises(NoAnswer, match=r"no answer in 0.01 s"):
        await within(0.01, asyncio.sleep(5))


async def test_a_timeout_of_the_calls_own_is_not_ours() -> None:
    """It is an exception like any other, however soon it comes."""

    async def gives_up() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine") as caught:
        await within(5, gives_up())
    assert not isinstance(caught.value, NoAnswer)


async def test_a_thread_answers_whatever_it_is() -> None:
    """A value, a generator run to its end there, a coroutine or an async generator awaited here."""
    threads = Threads("t", 2)

    assert await threads.call(lambda: 7) == 7
    assert await threads.call(numbers, 3) == [0, 1, 2]
    assert await threads.call(later, 7) == 7
    assert await threads.call(numbers_later, 3) == [0, 1, 2]


@pytest.mark.parametrize("error", [StopIteration, GeneratorExit, KeyboardInterrupt])
async def test_what_would_end_the_awaiter_is_an_error(error: type[BaseException]) -> None:
    """Its name is kept."""

    def act() -> None:
        raise error

    with pytest.raises(RuntimeError, match=error.__name__):
        await Threads("t", 1).call(act)


async def test_a_thread_nobody_waits_for_hangs() -> None:
    """Until it returns; meanwhile others take its place."""
    threads, go = Threads("t", 1), threading.Event()
    with pytest.raises(NoAnswer):
        await within(0.01, threads.call(go.wait, 30))
    await until(threads, 1)

    assert await within(5, threads.call(lambda: 7)) == 7
    go.set()
    await until(threads, 0)


@pytest.mark.parametrize("count", [0, 1, MOST_ITEMS])
async def test_a_generator_with_an_end_is_a_list(count: int) -> None:
    """Sync or async."""
    assert listed(numbers(count)) == await awaited(numbers(count)) == await awaited(numbers_later(count))


async def test_a_generator_without_an_end_is_refused() -> None:
    """Before it takes all memory there is."""
    with pytest.raises(Endless):
        listed(numbers(MOST_ITEMS + 1))
    with pytest.raises(Endless):
        await awaited(numbers_later(10**9))

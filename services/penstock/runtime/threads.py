"""Calls that may take too long: awaited for so many seconds, in a thread where they block."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import GeneratorType
from typing import Any, TypeVar

from penstock.errors import Fatal

MOST_THREADS = 64
MOST_HUNG = 64  # a step with so many threads that never return only looks alive
MOST_ITEMS = 1_000  # of a generator: one without an end would take all memory there is
T = TypeVar("T")


class NoAnswer(TimeoutError):  # noqa: N818 - named for what it says
    """The call did not answer in time; a TimeoutError of the call's own is none."""


class Endless(Exception):  # noqa: N818 - the same
    """A generator gave more items than anybody reads."""


async def within(seconds: float, call: Awaitable[T]) -> T:
    """What the call answers, if it does so in time; NoAnswer after that."""
    try:
        async with asyncio.timeout(seconds) as limit:
            return await call
    except TimeoutError as error:
        if limit.expired():
            raise NoAnswer(f"no answer in {seconds:g} s") from error
        raise


async def awaited(answer: Any) -> Any:
    """What a callable answered, where it turned out to be something to wait for or a generator."""
    if inspect.isasyncgen(answer):
        return await _gathered(answer)
    if isinstance(answer, GeneratorType):
        return listed(answer)
    return await answer if inspect.isawaitable(answer) else answer


def listed(items: Iterable[Any]) -> list[Any]:
    """All items; Endless when there are too many of them."""
    found = list(islice(items, MOST_ITEMS + 1))
    if len(found) > MOST_ITEMS:
        raise Endless(f"more than {MOST_ITEMS} items")
    return found


class Threads:
    """Threads for blocking calls, `width` at once.

    `hung` counts those nobody waits for any more: they have others in their place, since a thread cannot be stopped.
    """

    def __init__(self, name: str, width: int) -> None:
        self.hung = 0
        self._name = name
        self._pool = ThreadPoolExecutor(min(width, MOST_THREADS) + MOST_HUNG, thread_name_prefix=name)
        self._lock = threading.Lock()

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call it in a thread, and await what it answers. Fatal when one too many is left hanging."""
        running = self._pool.submit(_complete, function, arguments)
        try:
            return await awaited(await asyncio.wrap_future(running))
        except asyncio.CancelledError:
            if not running.cancel() and not running.done():
                self._left(running)
            raise

    def _left(self, running: Future[Any]) -> None:
        with self._lock:
            self.hung += 1
            if self.hung >= MOST_HUNG:
                raise Fatal(f"{self.hung} calls of {self._name} hang in threads that cannot be stopped")
        running.add_done_callback(self._returned)

    def _returned(self, _: Future[Any]) -> None:
        with self._lock:
            self.hung -= 1


async def _gathered(items: AsyncGenerator[Any, Any]) -> list[Any]:
    found = []
    async for item in items:
        found.append(item)
        if len(found) > MOST_ITEMS:
            await items.aclose()
            raise Endless(f"more than {MOST_ITEMS} items")
    return found


def _complete(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The whole work of a call: a generator is run to its end here, where it may block."""
    try:
        answer = function(*arguments)
        return listed(answer) if isinstance(answer, GeneratorType) else answer
    except (StopIteration, GeneratorExit, KeyboardInterrupt) as error:  # what would end whoever awaits the future
        raise RuntimeError(f"{type(error).__name__} came out of it") from error

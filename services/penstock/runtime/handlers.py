"""A user's callable, loaded once and called in the one way it needs: awaited, in a thread, or inline."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, is_dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel, ValidationError

from penstock.contracts.context import Context
from penstock.errors import Fatal, Mistake, Poison

_MOST_HUNG = 64
_MOST_THREADS = 64


class Handler:
    """Calls a function, or an instance of a class made with `settings` when `prepare` is called.

    The first parameter's annotation decides what it gets: a pydantic model, validated, or the plain dictionary.
    A second parameter gets the Context.
    """

    def __init__(self, path: str, target: Any, settings: Mapping[str, Any], threads: int) -> None:
        self.path = path
        self.inline = bool(getattr(target, "inline", False))
        self.version = str(getattr(target, "version", ""))
        self.hung = 0
        self._settings = settings
        self._target = target
        call = target.__call__ if inspect.isclass(target) else target
        signature = _parameters(path, target)
        self._asynchronous = inspect.iscoroutinefunction(call)
        self._with_context = len(signature) > 1
        self._model = _model(call, signature[0])
        self._call: Callable[..., Any] | None = None if inspect.isclass(target) else target
        self._threads = min(threads, _MOST_THREADS)
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Make the instance, which may load a model."""
        if self._call is None:
            made = self._target(self._settings) if _takes_settings(self._target) else self._target()
            self._call = made
        if not (self._asynchronous or self.inline):
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self.path)

    def now(self, value: dict[str, Any], context: Context) -> Any:
        """Call an inline handler on this very thread."""
        assert self._call is not None  # noqa: S101 - the host prepares every service before the first record
        argument = self.argument(value)
        return self._call(argument, context) if self._with_context else self._call(argument)

    async def call(self, value: dict[str, Any], context: Context, seconds: float) -> Any:
        """Call it, waiting `seconds` at the most; TimeoutError after that."""
        assert self._call is not None  # noqa: S101 - the host prepares every service before the first record
        arguments = (self.argument(value), context) if self._with_context else (self.argument(value),)
        if self._asynchronous:
            async with asyncio.timeout(seconds):
                return await self._call(*arguments)
        if self._pool is None:
            return self._call(*arguments)
        running = self._pool.submit(self._call, *arguments)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(running), seconds)
        except TimeoutError:
            self._leaked(running)
            raise

    def argument(self, value: dict[str, Any]) -> Any:
        """The value as the handler wants it; Poison when the model refuses what the contract allowed."""
        if self._model is None:
            return value
        try:
            return self._model.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            path = "/" + "/".join(map(str, first["loc"]))
            raise Poison("invalid_input", f"{self._model.__name__}: {first['msg']}"[:300], path=path) from error

    def _leaked(self, running: Future[Any]) -> None:
        """A thread cannot be cancelled; a step whose threads all hang only looks alive."""
        with self._lock:
            self.hung += 1
            if self.hung >= min(_MOST_HUNG, self._threads):
                raise Fatal(f"{self.hung} calls of {self.path} hang in threads that cannot be stopped")
        running.add_done_callback(self._returned)

    def _returned(self, _: Future[Any]) -> None:
        with self._lock:
            self.hung -= 1


def plain(value: Any) -> dict[str, Any]:
    """A handler's output as the dictionary that is encoded; Poison when it is nothing of the kind."""
    if isinstance(value, dict):
        return value
    if isinstance(value, BaseModel):
        return value.model_dump()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise Poison("invalid_output", f"the handler answered a {type(value).__name__}, which is no payload")


def _parameters(path: str, target: Any) -> list[str]:
    try:
        names = list(inspect.signature(target.__call__ if inspect.isclass(target) else target).parameters)
    except (TypeError, ValueError) as error:
        raise Mistake("E130", f"{path} cannot be called", why=str(error), fix="name a function or a class") from error
    if inspect.isclass(target):
        names = names[1:]
    if not 1 <= len(names) <= 2:  # noqa: PLR2004 - a value, and the context if wanted
        raise Mistake("E130", f"{path} takes {len(names)} parameters", why="a handler takes (value) or (value, ctx)",
                      fix="change its signature")  # fmt: skip
    return names


def _model(call: Any, name: str) -> type[BaseModel] | None:
    try:
        hint = get_type_hints(call).get(name)
    except NameError:
        return None  # an annotation that exists for the type checker only
    return hint if isinstance(hint, type) and issubclass(hint, BaseModel) else None


def _takes_settings(target: Any) -> bool:
    parameters: Iterable[inspect.Parameter] = inspect.signature(target).parameters.values()
    return any(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)

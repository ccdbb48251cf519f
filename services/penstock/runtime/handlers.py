"""A user's callable, loaded once and called in the one way it needs: awaited, in a thread, or inline."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel, ValidationError

from penstock.contracts.answers import raised
from penstock.contracts.context import Context
from penstock.errors import Mistake, Poison
from penstock.runtime.codec import Codec
from penstock.runtime.threads import MOST_THREADS, Threads, awaited, within


class Handler:
    """Calls a function, or an instance of a class made with `settings` when `prepare` is called.

    The first parameter's annotation decides what it gets: a pydantic model, validated, or the plain dictionary.
    A second parameter gets the Context. `width` is how many calls can run at once.
    """

    def __init__(self, path: str, target: Any, settings: Mapping[str, Any], concurrency: int) -> None:
        self.path = path
        self.inline = bool(getattr(target, "inline", False))
        self.version = str(getattr(target, "version", ""))
        self._settings = settings
        self._target = target
        call = target if inspect.isroutine(target) else target.__call__
        signature = _parameters(path, target)
        self._asynchronous = inspect.iscoroutinefunction(call)
        if self.inline and self._asynchronous:
            raise Mistake("E130", f"{path} is async and marked inline", why="inline runs on the loop's own thread",
                          fix="drop one of the two")  # fmt: skip
        self._with_context = len(signature) > 1
        self._model = _model(call, signature[0])
        self._call: Callable[..., Any] | None = None if inspect.isclass(target) else target
        self._threads: Threads | None = None
        blocking = not (self._asynchronous or self.inline)
        self.width = min(concurrency, MOST_THREADS) if blocking else concurrency

    @property
    def hung(self) -> int:
        """Threads that nobody waits for any more."""
        return self._threads.hung if self._threads is not None else 0

    def prepare(self) -> None:
        """Make the instance, which may load a model; a second time does nothing."""
        if self._call is None:
            made = self._target(self._settings) if _takes_settings(self._target) else self._target()
            self._call = made
        if self._threads is None and not (self._asynchronous or self.inline):
            self._threads = Threads(self.path, self.width)

    def now(self, value: dict[str, Any], context: Context) -> Any:
        """Call an inline handler on this very thread."""
        call, arguments = self._ready(value, context)
        return call(*arguments)

    def call(self, value: dict[str, Any], context: Context, seconds: float) -> Awaitable[Any]:
        """Call it, waiting `seconds` at the most; NoAnswer after that. No coroutine of its own: a thousand wait."""
        call, arguments = self._ready(value, context)
        if self._asynchronous:
            return within(seconds, _complete(call, arguments))
        if self._threads is None:
            return within(seconds, awaited(call(*arguments)))
        return within(seconds, self._threads.call(call, *arguments))

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

    def _ready(self, value: dict[str, Any], context: Context) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        assert self._call is not None  # noqa: S101 - the host prepares every service before the first record
        argument = self.argument(value)
        return self._call, (argument, context) if self._with_context else (argument,)


async def _complete(call: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return await awaited(await call(*arguments))


def payload_of(codec: Codec, contract: str, answer: Any) -> tuple[dict[str, Any], bytes]:
    """A handler's output as a dictionary and encoded; Poison, and nothing else, when it is no such payload."""
    try:
        value = plain(answer)
        return value, codec.encode(contract, value)
    except Poison:
        raise
    except Exception as error:
        raise Poison("invalid_output", f"does not fit {contract}: {raised(error).message}") from error


def plain(value: Any) -> dict[str, Any]:
    """A handler's output as the dictionary that is encoded; Poison when it is nothing of the kind."""
    if isinstance(value, dict):
        return value
    if isinstance(value, BaseModel):
        return value.model_dump()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise Poison("invalid_output", f"the handler answered a {useless(value)}, which is no payload")


def useless(answer: object) -> str:
    """What kind of thing an answer is that nobody can use; a coroutine is closed, or Python would complain."""
    if inspect.iscoroutine(answer):
        answer.close()
    return type(answer).__name__


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
    """The model that the first parameter asks for; its annotation alone is looked at, others may not resolve."""
    call = inspect.unwrap(getattr(call, "__func__", call))
    written = getattr(call, "__annotations__", {}).get(name)
    alone = type("_", (), {"__annotations__": {name: written}})
    try:
        hint = get_type_hints(alone, getattr(call, "__globals__", {})).get(name)
    except NameError:
        return None  # an annotation that exists for the type checker only
    return hint if isinstance(hint, type) and issubclass(hint, BaseModel) else None


def _takes_settings(target: Any) -> bool:
    parameters: Iterable[inspect.Parameter] = inspect.signature(target).parameters.values()
    return any(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)

"""Lines for actors that are more than a plain answer: copied fields, time and money, silence, death."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from penstock.contracts.answers import Conflict, Merged, Vote
from penstock.contracts.context import Context
from penstock.testing.cast import Line


def filled(answer: Mapping[str, Any], fields: Collection[str]) -> Callable[..., dict[str, Any]]:
    """An answer that takes the fields it leaves out from what was read, where that has fields of the same name."""

    def act(value: Mapping[str, Any], _ctx: object) -> dict[str, Any]:
        return {**{name: value[name] for name in fields if name in value}, **answer}

    return act


def merged(answer: Mapping[str, Any], fields: Collection[str]) -> Callable[..., Merged]:
    """The same for a merge function: the first branch that has a field gives it."""

    def act(votes: Sequence[Vote], _concluded: object) -> Merged:
        read: dict[str, Any] = {}
        for vote in reversed(votes):
            read |= vote.value or {}
        return Merged({**{name: read[name] for name in fields if name in read}, **answer})

    return act


def torn(reasons: Any) -> Callable[..., Conflict]:  # noqa: ANN401 - reasons, or what a user gives for them
    """A merge function that finds a conflict, and leaves the policy's suggestion as it is."""

    def act(_votes: object, concluded: Merged | Conflict) -> Conflict:
        suggestion = concluded.value if isinstance(concluded, Merged) else concluded.suggestion
        return Conflict(reasons, suggestion)

    return act


def taking(seconds: float, usd: float, line: Line) -> Callable[..., Any]:
    """Time passes and money is spent, then the line is said."""

    async def act(value: dict[str, Any], ctx: Context) -> Any:  # noqa: ANN401 - whatever the line is
        if seconds:
            await asyncio.sleep(seconds)
        if usd:
            ctx.spend(usd)
        if isinstance(line, BaseException):
            raise line
        said = line(value, ctx) if callable(line) else line
        return await said if inspect.iscoroutine(said) else said

    return act


async def hang(*_: object) -> None:
    """No answer, ever."""
    await asyncio.get_running_loop().create_future()


def dying(die: Callable[[], None], first: Callable[..., object] | None = None) -> Callable[..., Any]:
    """The process dies in the middle of the call, after `first` where something comes first."""

    async def act(*arguments: Any) -> None:  # noqa: ANN401 - those of any handler
        if first is not None:
            first(*arguments)
        die()
        await hang()

    return act

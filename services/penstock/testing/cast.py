"""Actors in the place of handlers, checks, merge functions and sinks: each says what it was told, turn by turn."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from penstock.contracts.answers import Escalate, Reject, Retry
from penstock.contracts.context import Context
from penstock.effects.sinks import Sent

Line: TypeAlias = Any
"""What an actor says: an exception to raise, a callable to ask, or else the answer itself."""

Actor: TypeAlias = Callable[[dict[str, Any], Context], Awaitable[Any]]


class Cast:
    """`calls` counts the turns of each (role, event); `sent` holds (role, key, effect), each key once."""

    def __init__(self) -> None:
        self.calls: dict[tuple[str, str], int] = defaultdict(int)
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self._lines: dict[tuple[str, str], tuple[Line, ...]] = {}
        self._usual: dict[str, tuple[Line, ...]] = {}

    def usually(self, role: str, *lines: Line) -> None:
        """What an actor says to each event it was told nothing else about, turn by turn; the last line repeats."""
        self._usual[role] = lines

    def told(self, role: str, event: str, *lines: Line) -> None:
        """What an actor says to one event, turn by turn; the last line repeats."""
        self._lines[role, event] = lines

    def knows(self, role: str) -> bool:
        """Whether anybody told this actor anything."""
        return role in self._usual or any(known == role for known, _ in self._lines)

    def answer(self, role: str, event: str, *arguments: Any, item: str = "") -> Any:  # noqa: ANN401 - whatever it was told
        """One turn of an actor, counted for each item of a fan-out; None from one that knows nothing to say."""
        counted = f"{event}/{item}" if item else event
        turn = self.calls[role, counted]
        self.calls[role, counted] += 1
        lines = self._lines.get((role, event), self._usual.get(role))
        if not lines:
            return None
        line = lines[min(turn, len(lines) - 1)]
        if isinstance(line, BaseException):
            raise line
        return line(*arguments) if callable(line) else line

    def actor(self, role: str) -> Actor:
        """Plays a worker or a check."""

        async def act(value: dict[str, Any], ctx: Context) -> Any:  # noqa: ANN401 - whatever it was told
            said = self.answer(role, ctx.key, value, ctx, item=ctx.item)
            return await said if inspect.iscoroutine(said) else said

        return act

    def sends(self, role: str, key: str, effect: dict[str, Any], said: Any = None) -> Any:  # noqa: ANN401 - the same
        """A sink that honours its keys: the effect takes place unless it did before, or was refused."""
        if isinstance(said, Retry | Reject | Escalate):
            return said
        if any(known == key for _, known, _ in self.sent):
            return Sent(duplicate=True)
        self.sent.append((role, key, effect))
        return Sent(reference="kept") if said is None else said

    def sink(self, role: str) -> type:
        """Plays a sink, whose turns are counted by the key of the effect."""
        cast = self

        class Sink:
            """Keeps what it is sent."""

            def __init__(self, settings: Mapping[str, Any]) -> None:
                del settings

            async def send(self, effect: dict[str, Any], key: str) -> Any:  # noqa: ANN401 - whatever a sink answers
                """Keep it."""
                said = cast.answer(role, key, effect, key)
                return cast.sends(role, key, effect, await said if inspect.iscoroutine(said) else said)

        return Sink

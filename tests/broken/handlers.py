"""Handlers with a fault each, for the broken topologies beside them; `Sink` and `check` are sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

NUMBER = 3


class Sink:
    """A sink that does nothing, under its right signature."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        """Need nothing of the settings."""

    async def send(self, effect: object, key: str) -> None:
        """Accept and forget."""


class NotASink:
    """A class without `send`."""


def check(value: object, ctx: object) -> Iterable[object]:
    """Find no fault in anything."""
    del value, ctx
    return ()


def takes_nothing() -> None:
    """Lack both parameters of a worker."""

"""The drawing's workers and checks, slow enough that a kill finds calls under way and done out of order."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from zlib import crc32

from diagram import workers
from penstock.effects.sinks import JsonLinesFile, Sent

_SHORTEST, _LONGEST = 0.05, 0.2  # s


async def score(job: dict[str, Any], _ctx: object) -> dict[str, Any]:
    """Worker A after a pause."""
    await asyncio.sleep(_pause(job["id"], "a"))
    return workers.score(job, _ctx)


def second(scored: dict[str, Any], _ctx: object) -> dict[str, Any]:
    """Worker B, in a thread."""
    time.sleep(_pause(scored["id"], "b"))
    return workers.second(scored, _ctx)


async def look(value: dict[str, Any], _ctx: object) -> tuple[()]:
    """A check that takes its time and finds nothing."""
    await asyncio.sleep(_pause(value["id"], "look"))
    return ()


class SlowFile(JsonLinesFile):
    """A sink that answers long after it has written: a kill in between leaves an effect that nobody knows of."""

    def send(self, effect: dict[str, Any], key: str) -> Sent:
        """As the file does."""
        sent = super().send(effect, key)
        time.sleep(_pause(key, "file"))
        return sent


def _pause(text: str, where: str) -> float:
    """The same for the same event and place, however often."""
    return _SHORTEST + (_LONGEST - _SHORTEST) * (crc32(f"{where} {text}".encode()) % 1000) / 1000

"""The drawing's workers, one of them slow, so that a kill finds calls under way and done out of order."""

from __future__ import annotations

import asyncio
from typing import Any
from zlib import crc32

from diagram import workers

_LONGEST = 0.06  # s


async def score(job: dict[str, Any], _ctx: object) -> dict[str, Any]:
    """Worker A after a pause of 0 to 60 ms that depends on the job alone."""
    await asyncio.sleep(_LONGEST * (crc32(job["id"].encode()) % 1000) / 1000)
    return workers.score(job, _ctx)


def second(scored: dict[str, Any], _ctx: object) -> dict[str, Any]:
    """Worker B, in a thread."""
    return workers.second(scored, _ctx)

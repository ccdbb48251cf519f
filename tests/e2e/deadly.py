"""Workers that do what no worker should: one kills its process, one never works."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

from diagram.workers import score as well


async def score(job: dict[str, Any], ctx: object) -> dict[str, Any]:
    """A negative number is the end of the process, at once and without a word."""
    if job["number"] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.sleep(0.005)
    return well(job, ctx)


def broken(job: dict[str, Any]) -> dict[str, Any]:
    """A bad deploy."""
    raise KeyError(job["id"])

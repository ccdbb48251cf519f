"""The benchmarks' workers: arithmetic or a wait, so that what is measured is the pipeline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock import Conflict, inline

if TYPE_CHECKING:
    from penstock import Merged, Vote


@inline
def add(job: dict[str, Any]) -> dict[str, Any]:
    """One hop's work."""
    job["amount"] += 1.0
    return job


@inline
def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """The diamond's A."""
    job["status"] = "ready"
    return job


@inline
def score(job: dict[str, Any]) -> dict[str, Any]:
    """The diamond's B."""
    job["score"] = job["amount"] * 0.5
    return job


@inline
def classify(job: dict[str, Any]) -> dict[str, Any]:
    """The diamond's C."""
    job["status"] = f"class-{job['seq'] % 5}"
    return job


@inline
def together(votes: Sequence[Vote], concluded: Merged | Conflict) -> dict[str, Any] | Conflict:
    """The diamond's join: B's record with C's status."""
    if isinstance(concluded, Conflict):
        return concluded
    scored, classified = (vote.value or {} for vote in votes)
    return {**scored, "status": classified["status"], "final": True}


async def wait(job: dict[str, Any]) -> dict[str, Any]:
    """A slow call; notes when it began."""
    job["ts"] = time.time_ns() // 1_000_000
    await asyncio.sleep(job["score"])
    return job


class Brake:
    """A step that is slower than what it is fed; the setting `seconds` says what one call takes."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._seconds = float(settings["seconds"])

    async def __call__(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait."""
        await asyncio.sleep(self._seconds)
        return job

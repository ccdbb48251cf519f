"""The workers of the drawing: arithmetic that takes microseconds, so that what is measured is the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock import Conflict, inline

if TYPE_CHECKING:
    from penstock import Merged, Vote

_LARGE = 0.5


@inline
def score(job: dict[str, Any], _ctx: object) -> dict[str, Any]:
    """Worker A: squash the job's number into a score from 0 to 1."""
    return _judged(job, job["number"] / (1.0 + abs(job["number"])))


@inline
def second(scored: dict[str, Any], _ctx: object) -> dict[str, Any]:
    """Worker B: score again, a little more carefully."""
    return _judged(scored, scored["number"] / (2.0 + abs(scored["number"])))


@inline
def together(votes: Sequence[Vote], concluded: Merged | Conflict) -> dict[str, Any] | Conflict:
    """Put both branches side by side; where one is missing, policy `all` has found a conflict, and that stands."""
    if isinstance(concluded, Conflict):
        return concluded
    first, other = (vote.value or {} for vote in votes)
    return {
        "id": first["id"],
        "score": first["score"],
        "second": other["score"],
        "agreed": first["label"] == other["label"],
    }


def _judged(job: dict[str, Any], value: float) -> dict[str, Any]:
    label = "large" if value >= _LARGE else "small"
    return {"id": job["id"], "number": job["number"], "score": value, "label": label}

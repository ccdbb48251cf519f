"""Makes the assessment of one vulnerability from what its three voices said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from advisories.contracts import Assessment
from penstock import Conflict, Merged, Vote

SCORES, MODEL, SIMILAR = "read-scores", "guess-severity", "find-similar"


def assess(votes: Sequence[Vote], concluded: Merged | Conflict) -> Merged | Conflict:
    """The preferred voice's band, with what the others say beside it: dissent is kept, not settled."""
    if isinstance(concluded, Conflict):
        return concluded
    said = {vote.branch: vote.value for vote in votes if vote.value is not None}
    by = next(name for name in (SCORES, MODEL, SIMILAR) if name in said)
    held, scores, model, similar = said[by], said.get(SCORES), said.get(MODEL), said.get(SIMILAR)
    made = Assessment(
        number=held["number"],
        cve=held["cve"],
        band=held["band"],
        by=by,
        score=_of(scores, "score"),
        version=_of(scores, "version") or "",
        vector=_of(scores, "vector") or "",
        problems=tuple(_of(scores, "problems") or ()),
        model_band=_of(model, "band"),
        model_confidence=_of(model, "confidence"),
        similar_band=_of(similar, "band"),
        neighbours=tuple(_of(similar, "neighbours") or ()),
        dissent=any(value["band"] != held["band"] for value in said.values()),
    )
    return Merged(made.model_dump(), dissent=made.dissent)


def _of(value: dict[str, Any] | None, name: str) -> Any:  # noqa: ANN401 - a field of any type
    return None if value is None else value[name]

"""Makes the decision of what worker A and worker B said, once the vote is counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock import Conflict, Merged, Vote
from triage.contracts import Decision
from triage.queues import queue_of


def decide(votes: Sequence[Vote], concluded: Merged | Conflict) -> Merged | Conflict:
    """Where both agree, their decision; where not, the first voice's as a suggestion to a person, with no assurance."""
    said = [vote.value for vote in votes if vote.value is not None]
    if not said:
        return concluded
    first, *others = said
    if isinstance(concluded, Conflict):
        return Conflict(concluded.reasons, _decision(first, first, agreement=1, assurance=0.0))
    second = others[0] if others else first
    agreed = _decision(first, second, agreement=len(said), assurance=second["assurance"])
    return Merged(agreed, concluded.dissent)


def _decision(message: dict[str, Any], surer: dict[str, Any], *, agreement: int, assurance: float) -> dict[str, Any]:
    return Decision(
        message_id=message["message_id"],
        customer_id=message.get("customer_id", ""),
        intent=message["intent"],
        queue=queue_of(message["intent"]),
        agreement=agreement,
        confidence=surer["confidence"],
        assurance=assurance,
    ).model_dump()

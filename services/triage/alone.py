"""What the same policy would decide without the second opinion, to show what that opinion is worth."""

from __future__ import annotations

from typing import Any

from penstock import Context, Vote
from penstock.cli.plans import compile_file
from triage.contracts import Decision
from triage.policy import TOPOLOGY, Gate, merged


class Alone:
    """The last gate, asked about worker A's word alone."""

    def __init__(self) -> None:
        self._last = Gate(compile_file(TOPOLOGY).steps["check-decision"], Decision, {})

    def intent(self, understanding: dict[str, Any]) -> str | None:
        """The intent it would pass; None where a person would be asked."""
        vote = Vote("check-understanding", understanding)  # as if a second voice had repeated the first
        value = merged((vote, vote))
        return None if self._last.refuses(value, Context()) else understanding["intent"]

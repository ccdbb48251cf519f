"""What a handler may answer besides its output; the runtime alone acts on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["info", "warning", "error"]
MOST_REASONS = 20  # in a record; an event must stay small
_SHOWN = 200
_TEXTS = ("code", "message", "path", "expected", "actual", "hint")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was refused, in a form a machine can act on.

    `path` is a JSON pointer (RFC 6901) into the payload. `expected` and `actual` are short texts, never secrets.
    `retryable` says whether the same worker could do better with this reason in hand.
    """

    code: str
    message: str = ""
    path: str = ""
    expected: str = ""
    actual: str = ""
    severity: Severity = "error"
    retryable: bool = False
    hint: str = ""

    def record(self) -> dict[str, Any]:
        """As the Avro record `penstock.Reason`: text, cut short, whatever a handler put there."""
        fields: dict[str, Any] = {name: _text(getattr(self, name)) for name in _TEXTS}
        fields["severity"] = self.severity if self.severity in {"info", "warning"} else "error"
        fields["retryable"] = bool(self.retryable)
        return fields


@dataclass(frozen=True, slots=True)
class Retry:
    """Try me again: a transient failure. `after` in seconds overrides the declared back-off."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """This input can never work here: no further attempt."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Escalate:
    """Above my competence: a person should decide. `suggestion` must fit the step's own contract."""

    reasons: tuple[Reason, ...]
    suggestion: Any = None


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge that worked: the value under the aggregator's contract, and how sure the branches were."""

    value: Any
    dissent: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """A merge that the policy cannot settle; `suggestion` is what a person may approve."""

    reasons: tuple[Reason, ...]
    suggestion: Any = None


@dataclass(frozen=True, slots=True)
class Vote:
    """One branch's contribution to a merge: its value, or None with the reasons why it is missing."""

    branch: str
    value: dict[str, Any] | None
    reasons: tuple[Reason, ...] = ()


def reasons_of(given: object) -> tuple[Reason, ...]:
    """What a handler gave as reasons, also where it forgot the tuple or the Reason; never empty."""
    if isinstance(given, Reason):
        return (given,)
    if isinstance(given, str) or not isinstance(given, Iterable):
        return (Reason("unnamed", _text(given) if given else "no reason was given"),)
    reasons = tuple(one if isinstance(one, Reason) else Reason("unnamed", _text(one)) for one in given)
    return reasons or reasons_of("")


def _text(value: object) -> str:
    """Short text that can be encoded: a lone surrogate, which an error message may hold, is spelled out."""
    return str(value)[:_SHOWN].encode("utf-8", "backslashreplace").decode()

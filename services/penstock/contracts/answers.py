"""What a handler may answer besides its output; the runtime alone acts on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
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
        fields: dict[str, Any] = {name: shown(getattr(self, name)) for name in _TEXTS}
        said = shown(self.severity)
        fields["severity"] = said if said in {"info", "warning"} else "error"
        fields["retryable"] = self.retryable is True
        return fields


@dataclass(frozen=True, slots=True)
class Retry:
    """Try me again: a transient failure. `after` in seconds overrides the declared back-off.

    Where what the handler depends on says itself that it cannot now (HTTP 429 or 503), `counts=False` leaves the
    attempts as they were, so long as this one spent nothing; `after` is then waited for in full (its Retry-After).
    """

    reason: str
    after: float | None = None
    counts: bool = True


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
    """What a handler gave as reasons, also where it forgot the tuple or the Reason; never empty, and plain text."""
    if isinstance(given, Reason | str | Mapping) or not isinstance(given, Iterable):
        return (as_reason(given),)
    try:
        reasons = tuple(map(as_reason, islice(given, MOST_REASONS)))
    except Exception as error:  # noqa: BLE001 - a handler's iterator may do anything
        reasons = (raised(error),)
    return reasons or (as_reason(""),)


def as_reason(given: object) -> Reason:
    """One thing that a handler gave as a reason: a Reason whose fields are what they should be, whatever it was."""
    if isinstance(given, Reason):
        return Reason(**given.record())
    return Reason("unnamed", ("" if given is None else shown(given)) or "no reason was given")


def raised(error: BaseException) -> Reason:
    """An exception that came out of a handler: its class and message."""
    return Reason("exception", f"{type(error).__name__}: {shown(error)}", retryable=True)


def shown(value: object) -> str:
    """Short text that can be encoded: a lone surrogate, which an error message may hold, is spelled out."""
    try:
        said = str(value)
    except Exception:  # noqa: BLE001 - a handler's object may fail even at that
        said = f"(a {type(value).__name__} that cannot be shown)"
    return said[:_SHOWN].encode("utf-8", "backslashreplace").decode()

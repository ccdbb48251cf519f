"""What checks found becomes a verdict; pure, so that a test can hold it against every combination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from penstock.contracts.answers import Reason, Severity
from penstock.contracts.identity import digest
from penstock.contracts.records import Command, Decision
from penstock.errors import Poison


class Check(Protocol):
    """What a check declares; see `topology.plan.Check`."""

    @property
    def code(self) -> str:
        """Name of the reason it gives."""

    @property
    def path(self) -> str:
        """JSON pointer to what it looks at."""

    @property
    def severity(self) -> Severity:
        """Whether it rejects or warns."""

    @property
    def hint(self) -> str:
        """What could help."""

    @property
    def waivable(self) -> bool:
        """Whether a person's approval stands above it."""

    @property
    def retryable(self) -> bool:
        """Whether the same worker could do better."""


_HARMLESS = ("info", "warning")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check said."""

    check: Check
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate's answer about one payload."""

    passed: bool
    reasons: tuple[Reason, ...]


def verdict(findings: Iterable[Finding], *, approved: bool) -> Verdict:
    """Rejected by any error; `approved` by a person waives the checks that are declared waivable, and only those.

    A severity that is none of the three counts as an error. The errors stand first: a record holds only so many.
    """
    reasons = [_weighed(reason, finding.check, approved=approved) for finding in findings for reason in finding.reasons]
    errors = [reason for reason in reasons if reason.severity not in _HARMLESS]
    others = [reason for reason in reasons if reason.severity in _HARMLESS]
    return Verdict(not errors, (*errors, *others))


def _weighed(reason: Reason, check: Check, *, approved: bool) -> Reason:
    if reason.severity in _HARMLESS:
        return reason
    if approved and check.waivable:
        return replace(reason, severity="info")
    if check.retryable and not reason.retryable:
        reason = replace(reason, retryable=True)
    return replace(reason, severity="warning") if check.severity == "warning" else reason


def unmet(check: Check, rule: str, value: Mapping[str, Any], error: str = "") -> Reason:
    """The reason of a rule that does not hold; `error` when it could not be answered at all."""
    message = f"the rule cannot be answered: {error}" if error else "the rule does not hold"
    return Reason(
        check.code, message, check.path, rule, _at(value, check.path), check.severity, check.retryable, check.hint
    )


def released(command: Command, decision: Decision, run: str, gate: str) -> bytes:
    """The payload that a person's decision releases here.

    Poison when it is another run's, another gate's or another review's decision, or not of the payload that was shown:
    an approval is a digest, not a yes.
    """
    payload = decision["payload"]
    if (decision["run"], decision["gate"], decision["review"]) != (run, gate, command["review"]):
        raise Poison("wrong_decision", f"the decision at {command['address']} is about something else")
    if payload is None or decision["verdict"] not in ("approve", "edit"):
        raise Poison("wrong_decision", f"a {decision['verdict']} releases nothing")
    if decision["sha256"] != command["sha256"] or (
        decision["verdict"] == "approve" and digest(payload) != command["sha256"]
    ):
        raise Poison("wrong_decision", "the decision was made about another payload")
    return payload


def _at(value: Any, path: str) -> str:
    """The value at a JSON pointer (RFC 6901), as short text; empty when there is none."""
    if not path:
        return ""
    for part in path.strip("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, ValueError, TypeError):
            return ""
    return str(value)

"""A gate's verdict, held against what checks can find and what people can decide."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from penstock import Reason
from penstock.contracts.identity import digest
from penstock.contracts.records import Command, Decision
from penstock.errors import Poison
from penstock.topology.plan import Check
from penstock.validator.gate import Finding, released, unmet, verdict

HARD, SOFT = Check("hard"), Check("soft", waivable=True)
MILD = Check("mild", severity="warning")
SEVERITIES: list[Any] = ["info", "warning", "error", "fatal", ""]


def found(check: Check, *severities: Any) -> Finding:  # noqa: ANN401 - what a check may write there
    """A check that gave reasons of these severities."""
    return Finding(check, tuple(Reason(check.code, severity=severity) for severity in severities))


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("approved", [False, True])
@pytest.mark.parametrize("check", [HARD, SOFT, MILD], ids=lambda check: str(check.code))
def test_one_finding(check: Check, severity: str, approved: bool) -> None:  # noqa: FBT001 - a table
    """Only info and warning pass; an approval waives what is waivable; a check that warns never rejects."""
    passes = severity in {"info", "warning"} or (approved and check.waivable) or check.severity == "warning"

    assert verdict([found(check, severity)], approved=approved).passed is passes


def test_any_error_rejects() -> None:
    """Of all combinations of three findings only those without an error pass."""
    for severities in itertools.product(SEVERITIES, repeat=3):
        judged = verdict([found(HARD, severity) for severity in severities], approved=True)
        assert judged.passed is (set(severities) <= {"info", "warning"})


def test_nothing_found_passes() -> None:
    """No checks, or checks without reasons."""
    assert verdict([], approved=False).passed
    assert verdict([found(HARD)], approved=False).passed


def test_errors_stand_first() -> None:
    """A record holds only so many reasons; the ones that reject must be among them."""
    judged = verdict([found(HARD, *["info"] * 30, "error")], approved=False)

    assert judged.reasons[0].severity == "error"
    assert len(judged.reasons) == 31


def test_what_is_waived_is_kept() -> None:
    """The reason stays in the verdict, as information."""
    assert verdict([found(SOFT, "error")], approved=True).reasons == (Reason("soft", severity="info"),)


def test_a_rule_that_does_not_hold_says_what_it_found() -> None:
    """The rule, and the value at its path."""
    check = Check("low", path="/a/1/b~1c", hint="more", retryable=True)
    reason = unmet(check, "value.x > 1", {"a": [{}, {"b/c": 0.1}]})

    assert reason == Reason(
        "low", "the rule does not hold", "/a/1/b~1c", "value.x > 1", "0.1", retryable=True, hint="more"
    )


@pytest.mark.parametrize("path", ["", "/", "/b", "/a/9", "/a/x", "/a/1/b/c", "/s/x"])
def test_a_path_that_leads_nowhere(path: str) -> None:
    """Then nothing is shown."""
    assert unmet(Check("low", path=path), "r", {"a": [1, 2], "s": "text"}).actual == ""


def test_a_rule_that_cannot_be_answered_says_so() -> None:
    """It counts as not holding, with the error."""
    assert unmet(HARD, "r", {}, "no such key").message == "the rule cannot be answered: no such key"


PAYLOAD = b"the value"
COMMAND = Command(
    kind="decided", address="p.decisions[0]@3", branch="", review="v", sha256=digest(PAYLOAD), reasons=[], count=0
)
DECISION = Decision(
    review="v", run="r", step="s", gate="g", verdict="approve", sha256=digest(PAYLOAD), contract="c", payload=PAYLOAD,
    by="ana", at=1, note="",
)  # fmt: skip


def test_an_approval_releases_what_was_shown() -> None:
    """Its very bytes."""
    assert released(COMMAND, DECISION, "r", "g") == PAYLOAD


def test_an_edit_releases_what_was_written() -> None:
    """Bound to the digest of what was shown, its own payload is another."""
    assert released(COMMAND, Decision(**{**DECISION, "verdict": "edit", "payload": b"better"}), "r", "g") == b"better"


@pytest.mark.parametrize(
    "wrong",
    [
        {"run": "other"}, {"gate": "other"}, {"review": "other"}, {"sha256": "other"}, {"payload": b"other"},
        {"payload": None}, {"verdict": "reject"}, {"verdict": "retry"}, {"verdict": "edit", "sha256": "other"},
        {"verdict": "edit", "payload": None},
    ],
)  # fmt: skip
def test_any_other_decision_releases_nothing(wrong: dict[str, Any]) -> None:
    """Another run, gate, review or payload; a rejection; an approval without bytes."""
    with pytest.raises(Poison) as caught:
        released(COMMAND, Decision(**{**DECISION, **wrong}), "r", "g")  # type: ignore[typeddict-item]  # the same fields

    assert caught.value.code == "wrong_decision"

"""The desk: what a person may decide, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.contracts.identity import digest
from penstock.contracts.records import Review
from penstock.errors import Mistake
from penstock.escalation.desk import decide, find, open_reviews

SHOWN = b"the value"
REVIEW: Review = {
    "review": "ab12", "run": "r", "event": "e", "state": "open", "step": "s", "gate": "g", "task": "t", "item": "",
    "round": 0, "letter": "", "contract": "c", "value": None, "sha256": digest(SHOWN), "reasons": [], "votes": [],
    "offers": ["approve", "reject"], "opened": 1, "expires": 100, "plan": "d", "decided_by": "", "decision": "",
    "origin": "",
}  # fmt: skip


def review(**changed: Any) -> Review:  # noqa: ANN401 - any field
    """A review that differs in these fields."""
    return Review(**{**REVIEW, **changed})  # type: ignore[typeddict-item]  # the same fields


def test_an_approval_carries_what_was_shown() -> None:
    """The payload itself, bound by its digest, so that it depends on no retention."""
    decision = decide(REVIEW, "approve", SHOWN, by="ana", now=99, note="")

    assert (decision["payload"], decision["sha256"], decision["by"], decision["at"]) == (
        SHOWN,
        digest(SHOWN),
        "ana",
        99,
    )


def test_a_rejection_carries_nothing_but_a_note() -> None:
    """The note says why."""
    decision = decide(REVIEW, "reject", SHOWN, by="ana", now=99, note="no")

    assert (decision["payload"], decision["note"]) == (None, "no")


@pytest.mark.parametrize(
    ("changed", "verdict", "payload", "note", "code"),
    [
        ({"state": "decided", "decided_by": "eva"}, "approve", SHOWN, "", "E311"),
        ({"state": "expired"}, "approve", SHOWN, "", "E311"),
        ({"expires": 99}, "approve", SHOWN, "", "E311"),
        ({}, "retry", SHOWN, "again", "E312"),
        ({"offers": ["reject"]}, "approve", SHOWN, "", "E312"),
        ({}, "approve", b"another", "", "E312"),
        ({}, "approve", None, "", "E312"),
        ({}, "reject", SHOWN, "", "E313"),
        ({}, "reject", SHOWN, "x" * 2_001, "E313"),
    ],
)
def test_what_is_refused(changed: dict[str, Any], verdict: Any, payload: bytes | None, note: str, code: str) -> None:  # noqa: ANN401 - a verdict
    """Decided, expired, not on offer, other bytes, no note or a novel."""
    with pytest.raises(Mistake) as caught:
        decide(review(**changed), verdict, payload, by="ana", now=99, note=note)

    assert caught.value.code == code


def test_the_last_record_of_a_review_counts() -> None:
    """What was decided does not wait; what is due first stands first."""
    records = [REVIEW, review(review="cd", expires=50), review(review="ef"), review(state="decided")]

    assert [one["review"] for one in open_reviews(records)] == ["cd", "ef"]


def test_a_review_is_found_by_its_beginning() -> None:
    """If there is one such review, open or not."""
    records = [REVIEW, review(review="ab99"), review(state="decided")]

    assert find(records, "ab1")["state"] == "decided"


@pytest.mark.parametrize("identifier", ["", "x", "ab"])
def test_a_review_that_is_not_found(identifier: str) -> None:
    """None begins like this, or several do."""
    with pytest.raises(Mistake) as caught:
        find([REVIEW, review(review="ab99")], identifier)

    assert caught.value.code == "E310"

"""The desk: what a person may decide, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.contracts.identity import digest
from penstock.contracts.records import Claim, Decision, Review
from penstock.errors import Conflict, Mistake
from penstock.escalation.desk import admit, claim, decide, find, holder, is_claim, is_decision, open_reviews, release

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


def said(kind: Any, by: str, at: int, until: int = 0) -> Claim:  # noqa: ANN401 - claim or release
    """A claim, or its end."""
    return {"review": "ab12", "run": "r", "kind": kind, "by": by, "at": at, "until": until or at + 10}


DECIDED: Decision = decide(REVIEW, "approve", SHOWN, by="eva", now=50, note="")


@pytest.mark.parametrize(
    ("entries", "now", "who"),
    [
        ([], 5, ""),
        ([said("claim", "ana", 1)], 5, "ana"),
        ([said("claim", "ana", 1)], 11, ""),
        ([said("claim", "ana", 1), said("claim", "eva", 2)], 5, "ana"),
        ([said("claim", "ana", 1), said("claim", "eva", 11)], 12, "eva"),
        ([said("claim", "ana", 1), said("claim", "ana", 8)], 15, "ana"),
        ([said("claim", "ana", 1), said("release", "eva", 2)], 5, "ana"),
        ([said("claim", "ana", 1), said("release", "ana", 2)], 5, ""),
        ([said("claim", "ana", 1), said("release", "ana", 2), said("claim", "eva", 3)], 5, "eva"),
        ([said("release", "ana", 1)], 1, ""),
        ([said("claim", "ana", 1), DECIDED], 5, ""),
    ],
)
def test_who_holds_a_review(entries: list[Claim], now: int, who: str) -> None:
    """The first in the log, until the lease ends or is given back; nobody once it is decided."""
    held = holder(entries, now)

    assert (held["by"] if held else "") == who


@pytest.mark.parametrize(
    ("entry", "before", "code"),
    [
        (DECIDED, [], ""),
        (DECIDED, [said("claim", "eva", 45)], ""),
        (DECIDED, [said("claim", "ana", 45)], "E315"),
        (DECIDED, [said("claim", "ana", 30)], ""),
        (DECIDED, [DECIDED], "E311"),
        (said("claim", "ana", 50), [DECIDED], "E311"),
        (said("claim", "ana", 50), [], ""),
        (said("claim", "ana", 50), [said("claim", "ana", 45)], ""),
        (said("claim", "ana", 50), [said("claim", "eva", 45)], "E315"),
        (said("release", "ana", 50), [said("claim", "ana", 45)], ""),
        (said("release", "ana", 50), [said("claim", "eva", 45)], "E315"),
        (said("release", "ana", 50), [], "E315"),
    ],
)
def test_what_counts_behind_what(entry: Any, before: list[Any], code: str) -> None:  # noqa: ANN401 - an entry
    """A decision ends it for everybody; a claim keeps others out while it lasts."""
    found = ""
    try:
        admit(entry, before, 50)
    except Mistake as mistake:
        found = mistake.code

    assert found == code


def test_the_loser_hears_who_was_first_and_when() -> None:
    """In the error itself."""
    with pytest.raises(Conflict) as decided:
        admit(said("claim", "ana", 50), [DECIDED], 50)
    with pytest.raises(Conflict) as claimed:
        admit(DECIDED, [said("claim", "ana", 1_800_000_000_000, 1_800_000_900_000)], 1_800_000_000_001)

    assert (decided.value.what, decided.value.why) == ("review ab12 is decided by eva", "approve, 00:00:00Z")
    assert claimed.value.what == "review ab12 is claimed by ana until 08:15:00Z"
    assert claimed.value.exit_code == 6


def test_claims_and_decisions_are_told_apart() -> None:
    """By what they carry."""
    taken, back = claim(REVIEW, by="ana", now=10, lease_ms=50), release(REVIEW, by="ana", now=20)

    assert (is_claim(taken), is_claim(back), is_claim(DECIDED)) == (True, True, False)
    assert (is_decision(taken), is_decision(DECIDED)) == (False, True)
    assert (taken["until"], back["until"]) == (60, 20)
    assert claim(REVIEW, by="ana", now=90, lease_ms=50)["until"] == REVIEW["expires"]

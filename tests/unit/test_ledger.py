"""What to do about an effect, by what the ledger knows of its key."""

from __future__ import annotations

import pytest

from penstock.contracts.records import LedgerEntry, Receipt
from penstock.effects.ledger import Claim, Doubt, Kept, Repeat, Stopped, TooLate, move, recorded

CLAIMED = LedgerEntry(state="claimed", run="r1", sha256="a", at=5, receipt=None)
RECEIPT = Receipt(key="k", run="r1", step="file", sha256="a", at=6, outcome="sent", reference="line 1")


def test_an_unknown_effect_is_claimed_first() -> None:
    """The claim says who, what and when."""
    assert move(None, "r1", "a", 5, 10) == Claim(CLAIMED)


@pytest.mark.parametrize("now", [10, 11])
def test_nothing_is_claimed_after_the_deadline(now: int) -> None:
    """The deadline itself is too late."""
    assert move(None, "r1", "a", now, 10) == TooLate()


@pytest.mark.parametrize("now", [9, 10])
def test_a_stopped_run_claims_nothing_and_finishes_what_it_claimed(now: int) -> None:
    """Before its deadline or after it; a claim that nobody knows of goes on as if the run had not been stopped."""
    assert move(None, "r1", "a", now, 10, stopped=True) == Stopped()
    assert move(CLAIMED, "r1", "a", now, 10, stopped=True) == move(CLAIMED, "r1", "a", now, 10)
    assert move(recorded(CLAIMED, RECEIPT), "r1", "a", now, 10, stopped=True) == Kept(RECEIPT)


@pytest.mark.parametrize("run", ["r1", "r2"])
def test_a_claim_without_a_receipt_is_repeated(run: str) -> None:
    """After a crash the same key and payload are sent again, by a later run of the event too."""
    assert move(CLAIMED, run, "a", 9, 10) == Repeat()


def test_a_claim_is_not_repeated_after_the_deadline() -> None:
    """The run ends, and its effect is in doubt."""
    assert isinstance(move(CLAIMED, "r1", "a", 10, 10), Doubt)


@pytest.mark.parametrize("now", [9, 10])
def test_a_claim_of_another_payload_is_a_doubt(now: int) -> None:
    """It may have been sent or not; saying that it was kept would be a guess."""
    assert isinstance(move(CLAIMED, "r2", "b", now, 10), Doubt)


@pytest.mark.parametrize("sha256", ["a", "b"])
@pytest.mark.parametrize("now", [9, 10])
def test_what_was_sent_is_kept(sha256: str, now: int) -> None:
    """Whatever the payload and the time: nothing is sent twice under one key."""
    assert move(recorded(CLAIMED, RECEIPT), "r2", sha256, now, 10) == Kept(RECEIPT)


def test_a_receipt_is_added_to_the_claim() -> None:
    """Who claimed it, and what was sent, stay as they were."""
    assert recorded(CLAIMED, RECEIPT) == {**CLAIMED, "state": "recorded", "receipt": RECEIPT}

"""What a join keeps of its branches."""

from __future__ import annotations

from penstock import Reason
from penstock.aggregator.join import arrive, closed, complete, given_up, heard, size, tasks, without
from penstock.contracts.records import Branch, JoinState, reason_records

EMPTY: JoinState = {
    "run": "r", "event": "e", "item": "", "round": 0, "deadline": 10, "plan": "d", "due": 10, "closed": False,
    "origin": "", "branches": [], "heard": 0, "seen": 0,
}  # fmt: skip


def branch(name: str, value: bytes | None, *reasons: Reason) -> Branch:
    """What a branch said, or why it says nothing."""
    return {"branch": name, "task": f"t-{name}", "contract": "c", "value": value, "reasons": reason_records(reasons),
            "skipped": False, "count": -1}  # fmt: skip


def test_branches_are_kept_in_one_order() -> None:
    """Whoever comes first."""
    state = arrive(arrive(EMPTY, branch("b", b"2")), branch("a", b"1"))

    assert [one["branch"] for one in state["branches"]] == ["a", "b"]
    assert complete(state, ("a", "b"))
    assert not complete(state, ("a", "b", "c"))


def test_the_first_word_of_a_branch_counts() -> None:
    """A repeat is recognised as nothing new."""
    state = arrive(EMPTY, branch("a", b"1"))

    assert arrive(state, branch("a", b"1")) is state
    assert arrive(state, branch("a", b"other")) is state
    assert arrive(state, branch("a", None)) is state


def test_a_value_counts_more_than_its_absence() -> None:
    """Whichever came first; of two absences the first gives the reasons."""
    missing = arrive(EMPTY, branch("a", None, Reason("first")))

    assert arrive(missing, branch("a", None, Reason("second"))) is missing
    assert arrive(missing, branch("a", b"1"))["branches"][0]["value"] == b"1"


def test_a_branch_too_large_to_keep_is_missing() -> None:
    """The others stay, and the reason says why."""
    state = arrive(arrive(EMPTY, branch("a", b"12345")), branch("b", b"678"))
    smaller = without(state, "a", Reason("too_large"))

    assert (size(state), size(smaller)) == (8, 3)
    assert [one["code"] for one in smaller["branches"][0]["reasons"]] == ["too_large"]


def test_who_is_not_awaited_is_missing_with_a_reason() -> None:
    """An early conclusion says so of every branch that said nothing, and ends no task of theirs."""
    state = arrive(EMPTY, branch("b", b"1"))
    full = given_up(state, ("a", "b", "c"))

    assert {one["branch"]: [r["code"] for r in one["reasons"]] for one in full["branches"]} == {
        "a": ["not_awaited"], "b": [], "c": ["not_awaited"],
    }  # fmt: skip
    assert tasks(full) == tasks(state) == ["t-b"]


def test_a_marker_knows_who_was_heard() -> None:
    """It keeps no value, and once every branch has said something it is complete."""
    marker = closed(arrive(EMPTY, branch("a", b"1")), 99)
    after = heard(marker, branch("b", b"2"))

    assert (marker["closed"], marker["due"], size(after)) == (True, 99, 0)
    assert not complete(marker, ("a", "b"))
    assert complete(after, ("a", "b"))

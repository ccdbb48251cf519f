"""What a join makes of its branches."""

from __future__ import annotations

from typing import Any

import pytest

from penstock import Conflict, Merged, Reason, Vote
from penstock.aggregator.join import Policy, arrive, complete, conclude, size, without
from penstock.contracts.records import Branch, JoinState, reason_records

EMPTY: JoinState = {
    "run": "r", "event": "e", "item": "", "round": 0, "deadline": 10, "plan": "d", "due": 10, "closed": False,
    "origin": "", "branches": [],
}  # fmt: skip
ALL = Policy("all", ("a", "b"), ("id", "score", "b"))
VOTE = Policy("vote", ("a", "b", "c"), ("id", "label"), "label", 2)


def branch(name: str, value: bytes | None, *reasons: Reason) -> Branch:
    """What a branch said, or why it says nothing."""
    return {"branch": name, "task": f"t-{name}", "contract": "c", "value": value, "reasons": reason_records(reasons)}


def votes(**labels: Any) -> list[Vote]:  # noqa: ANN401 - any label; ... is a missing branch
    """One voice for each branch."""
    return [
        Vote(name, None, (Reason("dead", "it died"),)) if label is ... else Vote(name, {"id": name, "label": label})
        for name, label in labels.items()
    ]


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


def test_all_takes_each_field_from_the_first_that_has_it() -> None:
    """And a whole branch where a field has its name."""
    merged = conclude(ALL, [Vote("a", {"id": 1, "score": 2}), Vote("b", {"id": 3, "score": 4})])

    assert merged == Merged({"id": 1, "score": 2, "b": {"id": 3, "score": 4}})


def test_all_needs_every_branch() -> None:
    """A missing one is a conflict that names it and says why."""
    concluded = conclude(ALL, [Vote("a", {"id": 1}), Vote("b", None, (Reason("dead", "it died"),))])

    assert isinstance(concluded, Conflict)
    assert [(reason.code, reason.message) for reason in concluded.reasons] == [("branch_missing", "b: it died")]
    assert concluded.suggestion is None


@pytest.mark.parametrize(
    ("said", "label", "dissent"),
    [
        ({"a": "x", "b": "x", "c": "x"}, "x", False),
        ({"a": "x", "b": "y", "c": "x"}, "x", True),
        ({"a": "y", "b": "x", "c": "x"}, "x", True),
        ({"a": "x", "b": ..., "c": "x"}, "x", False),
        ({"a": None, "b": None, "c": "x"}, None, True),
        ({"a": {"k": 1, "l": 2}, "b": {"l": 2, "k": 1}, "c": "x"}, {"k": 1, "l": 2}, True),
        ({"a": [1, {"k": 2}], "b": [1, {"k": 2}], "c": []}, [1, {"k": 2}], True),
    ],
)
def test_a_majority_wins(said: dict[str, Any], label: object, dissent: bool) -> None:  # noqa: FBT001 - a table
    """So many that agree, and no other answer as many; nobody's answer is an answer too."""
    concluded = conclude(VOTE, votes(**said))

    assert isinstance(concluded, Merged)
    assert concluded.value["label"] == label
    assert concluded.dissent is dissent


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"a": "x", "b": "y", "c": "z"}, "split_vote"),
        ({"a": "x", "b": "y", "c": ...}, "split_vote"),
        ({"a": "x", "b": ..., "c": ...}, "too_few_votes"),
        ({"a": ..., "b": ..., "c": ...}, "too_few_votes"),
        ({"a": True, "b": 1, "c": 2}, "split_vote"),
        ({"a": float("nan"), "b": float("nan"), "c": 1}, "split_vote"),
    ],
)
def test_no_majority_is_a_conflict(said: dict[str, Any], code: str) -> None:
    """What is no number is not like itself, and true is not 1."""
    concluded = conclude(VOTE, votes(**said))

    assert isinstance(concluded, Conflict)
    assert concluded.reasons[0].code == code
    assert [reason.code for reason in concluded.reasons[1:]] == ["branch_missing"] * list(said.values()).count(...)


def test_two_answers_with_as_many_votes_are_a_tie() -> None:
    """Even where each has enough; the first voice is what a person may approve."""
    policy = Policy("vote", ("a", "b", "c", "d"), ("id", "label"), "label", 2)
    concluded = conclude(policy, votes(a="x", b="y", c="x", d="y"))

    assert isinstance(concluded, Conflict)
    assert concluded.suggestion == {"id": "a", "label": "x"}

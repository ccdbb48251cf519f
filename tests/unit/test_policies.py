"""What each policy makes of its branches, of missing ones, of ties and of dissent."""

from __future__ import annotations

from typing import Any

import pytest

from penstock import Conflict, Merged, Reason, Vote
from penstock.aggregator.ballots import Policy, told
from penstock.aggregator.policies import conclude, concludes_early, settled
from penstock.topology.plan import Merge, MergePolicy, Tie, Tolerance

NAN = float("nan")


def policy(name: MergePolicy, of: str = "abc", writes: tuple[str, ...] = ("id", "label"), **merge: Any) -> Policy:  # noqa: ANN401 - parts of a Merge
    """A policy over branches of one letter each, in that order where no other is given."""
    order = tuple(dict.fromkeys((*merge.pop("order", ()), *of)))
    return Policy(Merge(name, **{"fields": ("label",), "order": order, **merge}), tuple(of), writes)


ALL = policy("all", "ab", ("id", "score", "b"), fields=(), at_least=2)
VOTE = policy("vote", min_agree=2, tie="reject")


def votes(**labels: Any) -> list[Vote]:  # noqa: ANN401 - any label; ... is a missing branch
    """One voice for each branch."""
    return [
        Vote(name, None, (Reason("dead", "it died"),)) if label is ... else Vote(name, {"id": name, "label": label})
        for name, label in labels.items()
    ]


def codes(concluded: Merged | Conflict) -> list[str]:
    """Why it is a conflict."""
    assert isinstance(concluded, Conflict)
    return [reason.code for reason in concluded.reasons]


def merged(concluded: Merged | Conflict) -> tuple[str, Any, bool]:
    """Whose value it is, what it says, and whether somebody dissented."""
    assert isinstance(concluded, Merged)
    return concluded.value["id"], concluded.value.get("label"), concluded.dissent


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
    four = policy("vote", "abcd", min_agree=2, tie="review")
    concluded = conclude(four, votes(a="x", b="y", c="x", d="y"))

    assert isinstance(concluded, Conflict)
    assert concluded.suggestion == {"id": "a", "label": "x"}


@pytest.mark.parametrize(
    ("tie", "order", "winner"), [("first", "", "a"), ("prefer", "c", "c"), ("prefer", "d", "d"), ("prefer", "bd", "b")]
)
def test_a_tie_has_its_rule(tie: Tie, order: str, winner: str) -> None:
    """The answer of the first in the order of preference, who is not named coming after, as declared."""
    said = votes(a="x", b="y", c="x", d="y")
    concluded = conclude(policy("vote", "abcd", min_agree=2, tie=tie, order=tuple(order)), said)

    assert merged(concluded) == (winner, "x" if winner in "ac" else "y", True)


def test_a_tie_of_too_few_is_no_tie() -> None:
    """Fewer than must agree are a conflict, whatever the rule for ties."""
    assert codes(conclude(policy("vote", "ab", min_agree=2, tie="first"), votes(a="x", b="y"))) == ["split_vote"]


def test_any_takes_whoever_is_there() -> None:
    """The record of those that are there, in the declared order; nobody at all is a conflict."""
    some = policy("any", "ab", ("id", "score"), fields=())

    concluded = conclude(some, [Vote("a", None), Vote("b", {"id": "b", "score": 2.0})])
    assert concluded == Merged({"id": "b", "score": 2.0})
    both = conclude(some, [Vote("a", {"id": "a"}), Vote("b", {"id": "b", "score": 2.0})])
    assert both == Merged({"id": "a", "score": 2.0})
    assert codes(conclude(some, votes(a=..., b=...))) == ["too_few_votes", "branch_missing", "branch_missing"]


def test_first_is_certain_with_one_value() -> None:
    """A missing branch is waited past; the value of the one that is there is handed on."""
    first = policy("first", fields=())

    assert not settled(first, votes(a=..., b=..., c=...), 1)
    assert settled(first, votes(a=..., b="x", c=...), 1)
    assert merged(conclude(first, votes(a=..., b="x", c=...))) == ("b", "x", False)
    assert codes(conclude(first, votes(a=..., b=..., c=...)))[0] == "too_few_votes"


@pytest.mark.parametrize(
    ("said", "awaited", "certain"),
    [
        ({"a": "x", "b": ..., "c": ...}, 2, False),
        ({"a": "x", "b": "x", "c": ...}, 1, True),
        ({"a": "x", "b": "y", "c": ...}, 1, False),
        ({"a": "x", "b": "y", "c": "z"}, 0, True),
        ({"a": ..., "b": ..., "c": ...}, 1, True),
    ],
)
def test_a_quorum_is_certain_when_it_is_reached_or_out_of_reach(
    said: dict[str, Any],
    awaited: int,
    certain: bool,  # noqa: FBT001 - a table
) -> None:
    """Missing branches agree with nobody; those awaited might."""
    quorum = policy("quorum", min_agree=2)

    assert settled(quorum, votes(**said), awaited) is certain


def test_a_quorum_agrees_within_its_tolerance() -> None:
    """Of those that agree the first declared one speaks, and who lies too far off dissents."""
    quorum = policy("quorum", min_agree=2, tolerance=Tolerance(absolute=0.1))

    assert merged(conclude(quorum, votes(a=5.0, b=1.0, c=1.05))) == ("b", 1.0, True)
    assert codes(conclude(quorum, votes(a=5.0, b=1.0, c=1.5))) == ["split_vote"]


def test_only_two_conclude_early() -> None:
    """Every other policy hears all that come in time."""
    names: tuple[MergePolicy, ...] = ("all", "any", "vote", "weighted", "mean", "prefer", "judge")

    assert not any(concludes_early(policy(name)) for name in names)
    assert concludes_early(policy("first"))
    assert concludes_early(policy("quorum"))


@pytest.mark.parametrize(
    ("tolerance", "numbers", "dissent"),
    [
        (Tolerance(absolute=0.5), (1.0, 1.5, 9.0), True),
        (Tolerance(relative=0.1), (100.0, 91.0, 99.0), False),
        (Tolerance(relative=0.01, absolute=2.0), (1.0, 2.5, 3.0), False),
    ],
)
def test_numbers_agree_within_a_tolerance(
    tolerance: Tolerance,
    numbers: tuple[float, float, float],
    dissent: bool,  # noqa: FBT001 - a table
) -> None:
    """So much, or such a share of the larger one, whichever is more."""
    said = dict(zip("abc", numbers, strict=True))
    concluded = conclude(policy("vote", min_agree=2, tie="reject", tolerance=tolerance), votes(**said))

    assert merged(concluded) == ("a", numbers[0], dissent)


def test_a_number_between_two_can_agree_with_both() -> None:
    """Then two groups have as many voices, and the rule for ties decides."""
    said, near = votes(a=1.0, b=1.5, c=2.0), Tolerance(absolute=0.5)

    assert codes(conclude(policy("vote", min_agree=2, tie="reject", tolerance=near), said)) == ["split_vote"]
    assert merged(conclude(policy("vote", min_agree=2, tie="first", tolerance=near), said)) == ("a", 1.0, True)


def test_several_fields_are_compared_at_once() -> None:
    """Two branches agree where they do so under each of them."""
    near = Tolerance(absolute=0.01)
    both = policy("vote", min_agree=2, tie="reject", fields=("total", "currency"), tolerance=near)
    said = [
        Vote("a", {"id": "a", "total": 1.0, "currency": "EUR"}),
        Vote("b", {"id": "b", "total": 1.0, "currency": "USD"}),
        Vote("c", {"id": "c", "total": 1.004, "currency": "USD"}),
    ]

    assert merged(conclude(both, said)) == ("b", None, True)


@pytest.mark.parametrize(
    ("at_least", "said", "enough"),
    [
        (3, {"a": "x", "b": "x", "c": ...}, False),
        (2, {"a": "x", "b": "x", "c": ...}, True),
        (2, {"a": "x", "b": ..., "c": ...}, False),
        (1, {"a": "x", "b": ..., "c": ...}, True),
    ],
)
def test_so_many_must_be_there(at_least: int, said: dict[str, Any], enough: bool) -> None:  # noqa: FBT001 - a table
    """Fewer are a conflict that says who is missing; the one that is there is suggested."""
    concluded = conclude(policy("vote", min_agree=1, tie="reject", at_least=at_least), votes(**said))

    if enough:
        assert merged(concluded) == ("a", "x", False)
    else:
        assert codes(concluded) == ["too_few_votes", *["branch_missing"] * list(said.values()).count(...)]
        assert isinstance(concluded, Conflict)
        assert concluded.suggestion == {"id": "a", "label": "x"}


def test_a_heavy_voice_wins() -> None:
    """The weight of a branch counts, not how many there are."""
    heavy = policy("weighted", weights={"a": 3.0, "b": 1.0, "c": 1.0}, threshold=0.5, tie="reject")

    assert merged(conclude(heavy, votes(a="x", b="y", c="y"))) == ("a", "x", True)
    assert merged(conclude(heavy, votes(a=..., b="y", c="y"))) == ("b", "y", False)


def test_a_share_of_the_weight_must_agree() -> None:
    """Of the weight that is there; sums of fractions are not held against anybody."""
    share = policy("weighted", weights={"a": 0.1, "b": 0.2, "c": 0.3}, threshold=0.5, tie="first")
    more = policy("weighted", weights={"a": 0.1, "b": 0.2, "c": 0.3}, threshold=0.6, tie="first")

    assert merged(conclude(share, votes(a="x", b="x", c="y"))) == ("a", "x", True)
    assert codes(conclude(more, votes(a="x", b="x", c="y"))) == ["split_vote"]


@pytest.mark.parametrize("weight", [-1.0, NAN, float("inf"), None, "much", True])
def test_what_is_no_weight_is_a_conflict(weight: object) -> None:
    """A voice that cannot be weighed is not dropped in silence."""
    sure = policy("weighted", "ab", weight="sure", threshold=0.5, tie="reject")
    said = [Vote("a", {"id": "a", "label": "x", "sure": 0.5}), Vote("b", {"id": "b", "label": "x", "sure": weight})]

    concluded = conclude(sure, said)
    assert codes(concluded) == ["bad_weight"]
    assert isinstance(concluded, Conflict)
    assert concluded.reasons[0].path == "/sure"


def test_voices_that_all_weigh_nothing_decide_nothing() -> None:
    """Even where they agree."""
    sure = policy("weighted", "a", weight="sure", threshold=0.0, tie="reject")

    assert codes(conclude(sure, [Vote("a", {"id": "a", "label": "x", "sure": 0.0})])) == ["too_few_votes"]


def test_a_mean_is_exact_and_has_a_limit() -> None:
    """Within the spread it is handed on, with the rest of the first branch; beyond it is suggested to a person."""
    mean = policy("mean", spread=Tolerance(absolute=0.5), tolerance=Tolerance(absolute=0.1))

    assert merged(conclude(mean, votes(a=1.0, b=1.05, c=1.1))) == ("a", pytest.approx(1.05), False)
    assert merged(conclude(mean, votes(a=1.0, b=1.4, c=1.2))) == ("a", pytest.approx(1.2), True)
    far = conclude(mean, votes(a=1.0, b=2.0, c=3.0))
    assert codes(far) == ["too_far_apart"]
    assert isinstance(far, Conflict)
    assert far.suggestion == {"id": "a", "label": 2.0}


def test_what_is_no_number_is_missing_from_a_mean() -> None:
    """And counts as a missing branch does."""
    mean = policy("mean", spread=Tolerance(absolute=0.5), at_least=2)

    assert merged(conclude(mean, votes(a=NAN, b=1.0, c=1.0))) == ("b", 1.0, False)
    strict = conclude(mean, votes(a=NAN, b=1.0, c=...))
    assert codes(strict) == ["too_few_votes", "branch_missing", "branch_missing"]


def test_the_largest_numbers_have_a_mean() -> None:
    """No sum on the way is too large."""
    largest = 1.7976931348623157e308
    mean = policy("mean", spread=Tolerance(absolute=0.5))

    assert merged(conclude(mean, votes(a=largest, b=largest, c=largest))) == ("a", largest, False)


def test_the_preferred_one_that_is_there_speaks() -> None:
    """Who says something else dissents: under the named fields, or under all that both have."""
    prefer = policy("prefer", order=("c", "b"))
    whole = policy("prefer", order=("c", "b"), fields=())

    assert merged(conclude(prefer, votes(a="x", b="x", c="x"))) == ("c", "x", False)
    assert merged(conclude(prefer, votes(a="x", b="y", c=...))) == ("b", "y", True)
    assert codes(conclude(prefer, votes(a=..., b=..., c=...)))[0] == "too_few_votes"
    assert merged(conclude(whole, votes(a="x", b="x", c="x"))) == ("c", "x", True)  # their ids differ


def test_a_judge_is_for_those_who_do_not_agree() -> None:
    """All that are there agree, or it is a conflict."""
    judge = policy("judge", judge="arbiter")

    assert merged(conclude(judge, votes(a="x", b="x", c=...))) == ("a", "x", False)
    assert codes(conclude(judge, votes(a="x", b="x", c="y"))) == ["split_vote"]


def test_the_event_stays_small() -> None:
    """Of many reasons why a branch is missing it keeps the first few."""
    (ballot,) = told(policy("vote", "a"), [Vote("a", None, (Reason("dead", "it died"),) * 20)])

    assert len(ballot["reasons"]) == 3


def test_the_event_keeps_what_was_compared() -> None:
    """Only that, cut short, and why a branch is missing; nothing where nothing is compared."""
    ballots = told(VOTE, votes(a="x", b=..., c="y" * 1_000))

    assert [(one["branch"], one["value"] and len(one["value"])) for one in ballots] == [
        ("a", 14),
        ("b", None),
        ("c", 201),
    ]
    assert [reason["code"] for reason in ballots[1]["reasons"]] == ["dead"]
    assert told(ALL, votes(a="x", b="y")) == []

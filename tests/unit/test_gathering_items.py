"""What becomes of the items of a list, and which of them there can be."""

from __future__ import annotations

import pytest

from penstock import Conflict, Merged, Reason, Vote
from penstock.aggregator.gathering import gathered, number, outside
from penstock.errors import Poison
from penstock.topology.plan import Gather
from penstock.worker.choice import chosen

ALL, IGNORING = Gather("lines", "check"), Gather("lines", "check", 0)
OTHERS = Merged({"id": "o"})


def votes(*amounts: int | None) -> list[Vote]:
    """What each item said, or None where it is missing."""
    return [
        Vote(f"check[{at}]", None if amount is None else {"amount": amount}, ()) for at, amount in enumerate(amounts)
    ]


@pytest.mark.parametrize(
    ("gather", "amounts", "there"),
    [
        (ALL, (), []),
        (ALL, (1, 2), [1, 2]),
        (ALL, (1, None), None),
        (IGNORING, (None, None), []),
        (IGNORING, (None, 2), [2]),
        (Gather("lines", "check", 2), (1, None, 3), [1, 3]),
        (Gather("lines", "check", 1), (), None),
        (Gather("lines", "check", 3), (1, 2), None),
        (Gather("lines", "check", share=0.5), (1, None), [1]),
        (Gather("lines", "check", share=0.5), (1, None, None), None),
        (Gather("lines", "check", share=0.1), (1, *[None] * 9), [1]),
        (Gather("lines", "check", share=0.7), (*range(7), *[None] * 3), list(range(7))),
    ],
)
def test_so_many_items_are_enough(gather: Gather, amounts: tuple[int | None, ...], there: list[int] | None) -> None:
    """All of them, some, or a share: then the list holds what is there; else what is there is suggested."""
    concluded = gathered(gather, OTHERS, votes(*amounts))

    if there is None:
        assert isinstance(concluded, Conflict)
        assert concluded.reasons[0].code == "too_few_items"
        there = [amount for amount in amounts if amount is not None]
        assert concluded.suggestion == {"id": "o", "lines": [{"amount": amount} for amount in there]}
    else:
        assert concluded == Merged({"id": "o", "lines": [{"amount": amount} for amount in there]})


def test_a_conflict_of_the_others_stays_one() -> None:
    """Whatever the items say."""
    conflict = Conflict((Reason("branch_missing"),))

    assert gathered(ALL, conflict, votes(1)) is conflict


@pytest.mark.parametrize(("item", "depth", "expected"), [("", 0, None), ("3", 0, 3), ("3", 1, None), ("3.12", 1, 12)])
def test_an_item_has_a_number(item: str, depth: int, expected: int | None) -> None:
    """Among those inside the fan-out; what is said outside is about the whole branch."""
    assert number(Gather("lines", "check", depth=depth), item) == expected
    assert outside("3.12") == "3"
    assert outside("3") == ""


@pytest.mark.parametrize("item", ["x", "-1", "1000", "99999999999999999999", "²", "1 "])
def test_an_item_that_no_list_has_is_refused(item: str) -> None:
    """Nobody makes room for a million of them because a header says so."""
    with pytest.raises(Poison) as caught:
        number(ALL, item)

    assert caught.value.code == "wrong_item"


@pytest.mark.parametrize(
    ("answer", "many", "expected"),
    [
        ("a", False, {"a"}), ("a", True, {"a"}), (["a", "b"], True, {"a", "b"}), ({"b"}, True, {"b"}),
        (["a"], False, None), ([], True, None), ("c", False, None), (["a", "c"], True, None), (None, True, None),
        ({"a": 1}, True, None), (["a", None], True, None), ("", True, None),
    ],
)  # fmt: skip
def test_a_router_names_its_own_successors(answer: object, many: bool, expected: set[str] | None) -> None:  # noqa: FBT001 - a column
    """One, or several where it may; anything else is no choice."""
    if expected is None:
        with pytest.raises(Poison) as caught:
            chosen(answer, ("a", "b"), many=many)
        assert caught.value.code == "bad_choice"
    else:
        assert chosen(answer, ("a", "b"), many=many) == expected

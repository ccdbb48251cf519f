"""What becomes of the items that a join outside a fan-out gathers: one list, in the order of their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from penstock.aggregator.ballots import Concluded, absences, there
from penstock.contracts.answers import Conflict, Merged, Reason, Vote
from penstock.errors import Poison
from penstock.topology.plan import MOST_ITEMS, Gather

_DIGITS = len(str(MOST_ITEMS))
_NOISE = 1e-9  # of a share of the items, which is no exact number


def number(gather: Gather, item: str) -> int | None:
    """The number of an item among those that are gathered; None for what is said of the whole branch.

    Poison `wrong_item` for one that no fan-out can have.
    """
    if (item.count(".") + 1 if item else 0) <= gather.depth:
        return None
    last = item.rpartition(".")[2]
    if not (last.isdecimal() and len(last) <= _DIGITS and int(last) < MOST_ITEMS):
        raise Poison("wrong_item", f"no list has an item {last[:20]!r}")
    return int(last)


def outside(item: str) -> str:
    """The item around an item."""
    return item.rpartition(".")[0]


def gathered(gather: Gather, others: Concluded, items: Sequence[Vote]) -> Concluded:
    """The record of the other branches, with the items' values under their field; `items` are without skipped ones."""
    if isinstance(others, Conflict):
        return others
    present, needed = there(items), _needed(gather, len(items))
    value = {**others.value, gather.field: [vote.value for vote in present]}
    if len(present) >= needed:
        return Merged(value)
    lacking = Reason("too_few_items", f"{len(present)} of {len(items)} items are there", f"/{gather.field}",
                     expected=f"at least {needed}", actual=str(len(present)))  # fmt: skip
    return Conflict((lacking, *absences(items)), value)


def _needed(gather: Gather, items: int) -> int:
    if gather.share:
        return math.ceil(gather.share * items - _NOISE)
    return items if gather.at_least is None else gather.at_least

"""What becomes of the items that a join outside a fan-out gathers: one list, in the order of their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from penstock.aggregator.ballots import Concluded, absences, there
from penstock.contracts.answers import Conflict, Merged, Reason, Vote
from penstock.topology.plan import Gather

_NOISE = 1e-9  # of a share of the items, which is no exact number


def number(gather: Gather, item: str) -> int | None:
    """The number of an item among those that are gathered; None for what is said of the whole branch."""
    last = item.rpartition(".")[2]
    inside = (item.count(".") + 1 if item else 0) > gather.depth
    return int(last) if inside and last.isdecimal() else None


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

"""Where the items of a gathering join are kept: a record for each, so that none is written twice."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.aggregator.join import one_more, outweighs
from penstock.contracts.records import Branch, JoinState
from penstock.runtime.service import State


def keep(state: State, key: str, head: JoinState, number: int, branch: Branch) -> JoinState | None:
    """Keep what an item says under its own key; the join's own record after it, or None where that was known."""
    place = f"{key}/{number}"
    before: JoinState | None = state.get(place)
    if before is not None and not outweighs(branch, before["branches"][0]):
        return None
    item = f"{head['item']}.{number}" if head["item"] else str(number)
    state.put(place, JoinState(**{**head, "item": item, "due": 0, "branches": [branch], "heard": 0, "seen": 0}))
    return one_more(head, number, fresh=before is None)


def taken(state: State, key: str, head: JoinState) -> Iterator[tuple[int, Branch | None]]:
    """Every item that was counted or came, in order, and what it said; none is kept any more."""
    counted = max((branch["count"] for branch in head["branches"]), default=0)
    for number in range(max(counted, head["seen"])):
        known: JoinState | None = state.get(f"{key}/{number}")
        state.drop(f"{key}/{number}")
        yield number, known["branches"][0] if known is not None else None

"""Whether branches say the same, and which of them do: every largest group in which each agrees with each."""

from __future__ import annotations

from collections.abc import Sequence
from sys import float_info
from typing import Any, TypeAlias

from penstock.aggregator.ballots import value_of
from penstock.contracts.answers import Vote
from penstock.topology.plan import Tolerance

Group: TypeAlias = tuple[Vote, ...]

_NOISE = 1e-9  # of a tolerance: no more than the rounding of what is compared


def agree(left: Vote, right: Vote, fields: Sequence[str], tolerance: Tolerance) -> bool:
    """Whether two branches say the same under every field that both have."""
    one, other = value_of(left), value_of(right)
    return all(_near(one[name], other[name], tolerance) for name in fields if name in one and name in other)


def groups(votes: Sequence[Vote], fields: Sequence[str], tolerance: Tolerance) -> list[Group]:
    """All groups that agree among themselves and cannot grow; one vote can be in several where there is a tolerance.

    Each vote joins, of every group so far, those that it agrees with; what is within another group is dropped.
    """
    found: list[Group] = []
    for vote in votes:
        joined = [(*(v for v in group if agree(v, vote, fields, tolerance)), vote) for group in (*found, ())]
        found = _largest([*found, *joined])
    return found


def same(left: Any, right: Any) -> bool:
    """Equal as data: true is not 1, and what is not a number (NaN) is like nothing, not even itself."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def is_number(value: Any) -> bool:
    """A number that is one: true is none, and neither is infinity or NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def within(left: float, right: float, tolerance: Tolerance) -> bool:
    """Whether two numbers lie so near each other; what their last bits do is not held against them: 1.1 - 1.0 > 0.1."""
    larger = max(abs(left), abs(right))
    allowed = max(tolerance.absolute, tolerance.relative * larger)
    noise = allowed * _NOISE + larger * 4 * float_info.epsilon
    return left == right or (allowed > 0 and abs(left - right) <= allowed + noise)


def _near(left: Any, right: Any, tolerance: Tolerance) -> bool:
    if (tolerance.absolute or tolerance.relative) and is_number(left) and is_number(right):
        return within(left, right, tolerance)
    return same(left, right)


def _largest(found: Sequence[Group]) -> list[Group]:
    """Those that are not within another one, each once."""
    names = {frozenset(vote.branch for vote in group): group for group in found}
    return [group for key, group in names.items() if not any(key < other for other in names)]

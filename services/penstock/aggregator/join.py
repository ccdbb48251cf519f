"""What a join does with what arrives, and what its policy makes of it; order-blind and duplicate-blind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from penstock.contracts.answers import Conflict, Merged, Reason, Vote
from penstock.contracts.records import Branch, JoinState, reason_records

Concluded: TypeAlias = Merged | Conflict


@dataclass(frozen=True, slots=True)
class Policy:
    """What the aggregator declares; see `topology.plan.Merge`. `fields` are those of the contract it writes."""

    name: str
    of: tuple[str, ...]
    fields: tuple[str, ...]
    field: str = ""
    min_agree: int = 0


def arrive(state: JoinState, branch: Branch) -> JoinState:
    """Take one branch in. The first arrival of a branch counts; a value counts more than its absence."""
    kept = [known for known in state["branches"] if known["branch"] != branch["branch"]]
    known = next((b for b in state["branches"] if b["branch"] == branch["branch"]), None)
    if known is not None and (known["value"] is not None or branch["value"] is None):
        return state
    branches = sorted([*kept, branch], key=lambda b: b["branch"])
    return JoinState(**{**state, "branches": branches})


def size(state: JoinState) -> int:
    """Bytes that the branches take."""
    return sum(len(branch["value"] or b"") for branch in state["branches"])


def without(state: JoinState, name: str, reason: Reason) -> JoinState:
    """The same with a branch that is there but cannot be kept."""
    nothing = {"value": None, "reasons": reason_records((reason,))}
    branches = [Branch(**{**b, **nothing}) if b["branch"] == name else b for b in state["branches"]]  # type: ignore[typeddict-item]  # the fields above
    return JoinState(**{**state, "branches": branches})


def complete(state: JoinState, of: Sequence[str]) -> bool:
    """Whether every declared branch has said something."""
    return {branch["branch"] for branch in state["branches"]} >= set(of)


def conclude(policy: Policy, votes: Sequence[Vote]) -> Concluded:
    """Merge what is there; `votes` hold one entry for each declared branch, in the declared order."""
    if policy.name == "all":
        return _all(policy, votes)
    return _vote(policy, votes)


def _all(policy: Policy, votes: Sequence[Vote]) -> Concluded:
    """Every branch is needed; the value takes each field from the first branch that has it, or a branch by its name."""
    absent = [vote for vote in votes if vote.value is None]
    if absent:
        return Conflict(tuple(_missing(vote) for vote in absent))
    merged: dict[str, Any] = {}
    for vote in votes:
        value = vote.value or {}
        by_name = vote.branch.replace("-", "_")
        if by_name in policy.fields:
            merged[by_name] = value
        for name in policy.fields:
            if name in value:
                merged.setdefault(name, value[name])
    return Merged(merged)


def _vote(policy: Policy, votes: Sequence[Vote]) -> Concluded:
    """At least `min_agree` branches say the same under `field`, and no other answer has as many."""
    present = [vote for vote in votes if vote.value is not None]
    counts = Counter(_comparable((vote.value or {}).get(policy.field)) for vote in present)
    ranked = counts.most_common()
    if ranked and ranked[0][1] >= policy.min_agree and (len(ranked) == 1 or ranked[1][1] < ranked[0][1]):
        winner = next(v for v in present if _comparable((v.value or {}).get(policy.field)) == ranked[0][0])
        return Merged(_project(policy, winner.value or {}), dissent=len(ranked) > 1)
    reasons = [_missing(vote) for vote in votes if vote.value is None]
    said = ", ".join(f"{v.branch}: {(v.value or {}).get(policy.field)}" for v in present)
    split = Reason(
        "split_vote" if len(ranked) > 1 else "too_few_votes",
        f"at most {ranked[0][1] if ranked else 0} of {len(votes)} agree", f"/{policy.field}",
        expected=f"{policy.min_agree} that agree", actual=said, hint="a person should decide",
    )  # fmt: skip
    best = present[0].value if present else None
    return Conflict((split, *reasons), None if best is None else _project(policy, best))


def _project(policy: Policy, value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in policy.fields if name in value}


def _comparable(value: Any) -> Any:
    """Something that can be counted: a map says the same whatever the order of its keys, and true is not 1."""
    if isinstance(value, dict):
        return "map", tuple(sorted((name, _comparable(below)) for name, below in value.items()))
    if isinstance(value, list):
        return "list", tuple(map(_comparable, value))
    return isinstance(value, bool), value


def _missing(vote: Vote) -> Reason:
    why = "; ".join(reason.message or reason.code for reason in vote.reasons) or "it did not come in time"
    return Reason("branch_missing", f"{vote.branch}: {why}", actual="missing", expected=vote.branch)

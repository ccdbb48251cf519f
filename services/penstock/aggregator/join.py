"""What a join keeps of what arrives; order-blind and duplicate-blind."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.contracts.answers import Reason
from penstock.contracts.records import Branch, JoinState, reason_records

_EARLY = Reason("not_awaited", "the join concluded without it")


def arrive(state: JoinState, branch: Branch) -> JoinState:
    """Take one branch in. The first arrival counts; a value more than its absence, and that more than a skip."""
    kept = [known for known in state["branches"] if known["branch"] != branch["branch"]]
    known = next((b for b in state["branches"] if b["branch"] == branch["branch"]), None)
    if known is not None and not outweighs(branch, known):
        return state
    branches = sorted([*kept, branch], key=lambda b: b["branch"])
    return JoinState(**{**state, "branches": branches})


def outweighs(branch: Branch, known: Branch) -> bool:
    """Whether what a branch says counts more than what it said before."""
    return _weight(branch) > _weight(known)


def size(state: JoinState) -> int:
    """Bytes that the branches take."""
    return sum(len(branch["value"] or b"") for branch in state["branches"])


def without(state: JoinState, name: str, reason: Reason) -> JoinState:
    """The same with a branch that is there but cannot be kept."""
    nothing = {"value": None, "reasons": reason_records((reason,))}
    branches = [Branch(**{**b, **nothing}) if b["branch"] == name else b for b in state["branches"]]  # type: ignore[typeddict-item]  # the fields above
    return JoinState(**{**state, "branches": branches})


def complete(state: JoinState, of: Sequence[str]) -> bool:
    """Whether every declared branch has said something, and every item of the one that brings items."""
    if len(state["branches"]) < len(of):
        return False
    return state["heard"] >= max(branch["count"] for branch in state["branches"])


def one_more(state: JoinState, number: int, *, fresh: bool) -> JoinState:
    """The same after an item has said something, for the first time or again."""
    heard, seen = state["heard"] + fresh, max(state["seen"], number + 1)
    return JoinState(**{**state, "heard": heard, "seen": seen})


def called_off(state: JoinState) -> frozenset[str]:
    """The branches that were not taken, and so are no part of the join."""
    return frozenset(branch["branch"] for branch in state["branches"] if branch["skipped"])


def given_up(state: JoinState, of: Sequence[str]) -> JoinState:
    """The same, with a reason in place of every branch that an early conclusion does not wait for."""
    there = {branch["branch"] for branch in state["branches"]}
    reasons = reason_records((_EARLY,))
    absent = [Branch(**{**said(name, ""), "reasons": reasons}) for name in of if name not in there]
    return JoinState(**{**state, "branches": [*state["branches"], *absent]})


def closed(state: JoinState, due: int) -> JoinState:
    """The marker of a join that has concluded: only who was heard, and until when it must stay."""
    heard = [said(branch["branch"], branch["task"]) for branch in state["branches"]]
    return JoinState(**{**state, "closed": True, "branches": heard, "due": due, "heard": 0, "seen": 0})


def heard(marker: JoinState, branch: Branch) -> JoinState:
    """The marker after a late branch."""
    return arrive(marker, said(branch["branch"], branch["task"]))


def tasks(state: JoinState) -> list[str]:
    """The tasks that end with the join: those of every branch that said something."""
    return [branch["task"] for branch in state["branches"] if branch["task"]]


def said(name: str, task: str) -> Branch:
    """A branch that has said something, without what it was."""
    return {"branch": name, "task": task, "contract": "", "value": None, "reasons": [], "skipped": False, "count": -1}


def _weight(branch: Branch) -> int:
    return 0 if branch["skipped"] else 1 if branch["value"] is None else 2

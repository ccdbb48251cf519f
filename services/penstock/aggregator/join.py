"""What a join keeps of what arrives; order-blind and duplicate-blind."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.contracts.answers import Reason
from penstock.contracts.records import Branch, JoinState, reason_records

_EARLY = Reason("not_awaited", "the join concluded without it")


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


def given_up(state: JoinState, of: Sequence[str]) -> JoinState:
    """The same, with a reason in place of every branch that an early conclusion does not wait for."""
    there = {branch["branch"] for branch in state["branches"]}
    nothing: Branch = {"branch": "", "task": "", "contract": "", "value": None, "reasons": reason_records((_EARLY,))}
    absent = [Branch(**{**nothing, "branch": name}) for name in of if name not in there]
    return JoinState(**{**state, "branches": [*state["branches"], *absent]})


def closed(state: JoinState, due: int) -> JoinState:
    """The marker of a join that has concluded: only who was heard, and until when it must stay."""
    heard = [_heard(branch["branch"], branch["task"]) for branch in state["branches"]]
    return JoinState(**{**state, "closed": True, "branches": heard, "due": due})


def heard(marker: JoinState, branch: Branch) -> JoinState:
    """The marker after a late branch."""
    return arrive(marker, _heard(branch["branch"], branch["task"]))


def tasks(state: JoinState) -> list[str]:
    """The tasks that end with the join: those of every branch that said something."""
    return [branch["task"] for branch in state["branches"] if branch["task"]]


def _heard(name: str, task: str) -> Branch:
    return {"branch": name, "task": task, "contract": "", "value": None, "reasons": []}

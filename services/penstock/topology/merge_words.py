"""A merge in words, as `penstock check` and `penstock plan` print it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.topology.plan import Aggregator, Gather, Merge, MergePolicy, Tolerance


def words(step: Aggregator) -> list[str]:
    """What the policy does, what it compares, and what a tie and a missing branch mean."""
    merge = step.merge
    if step.gather is not None:
        return [*([_SAID[merge.policy](merge)] if len(step.of) > 1 else []), *_gathered(step.gather)]
    parts = [_SAID[merge.policy](merge), _near(merge), _tie(merge), _missing(step)]
    return [part for part in parts if part]


def amount(tolerance: Tolerance) -> str:
    """How far apart: `0.5`, `5% of the larger`, or both."""
    parts = [f"{tolerance.absolute:g}"] if tolerance.absolute or not tolerance.relative else []
    parts += [f"{tolerance.relative:.6g} of the larger"] if tolerance.relative else []
    return " or ".join(parts)


def _compared(merge: Merge) -> str:
    return " and ".join(merge.fields)


def _weighted(merge: Merge) -> str:
    voices = f"by {merge.weight}" if merge.weight else ", ".join(f"{name} {n:g}" for name, n in merge.weights.items())
    return f"vote on {_compared(merge)} weighted {voices}, {merge.threshold:g} of the weight must agree"


def _prefer(merge: Merge) -> str:
    return f"the first that is there of {', '.join(merge.order)}"


_SAID: Mapping[MergePolicy, Callable[[Merge], str]] = {
    "all": lambda _: "all",
    "any": lambda _: "whichever are there",
    "first": lambda _: "the first to come",
    "quorum": lambda merge: f"as soon as {merge.min_agree} agree on {_compared(merge)}",
    "vote": lambda merge: f"vote on {_compared(merge)}, {merge.min_agree} must agree",
    "weighted": _weighted,
    "mean": lambda merge: f"mean of {_compared(merge)}, at most {amount(merge.spread)} apart",
    "prefer": _prefer,
    "judge": lambda merge: f"all agree on {_compared(merge)}, else {merge.judge} judges",
}


def _near(merge: Merge) -> str:
    return f"within {amount(merge.tolerance)}" if merge.tolerance.absolute or merge.tolerance.relative else ""


def _tie(merge: Merge) -> str:
    if merge.policy not in {"vote", "weighted"} or merge.tie in {"review", "reject"}:
        return ""  # a question to people is told of the step itself
    return f"a tie goes to the first of {', '.join(merge.order)}"


def _gathered(gather: Gather) -> list[str]:
    """Where the items go, and how many of them must be there."""
    needed = "none may be missing" if gather.at_least is None else f"{gather.at_least} must be there"
    if gather.share:
        needed = f"{gather.share:g} of them must be there"
    return [f"items of {gather.branch} under {gather.field}", *([needed] if gather.at_least != 0 else [])]


def _missing(step: Aggregator) -> str:
    """Only where it is not what the policy's own words say."""
    merge, branches = step.merge, len(step.of)
    usual = branches if merge.policy == "all" else 1
    if merge.at_least == usual:
        return ""
    return "none may be missing" if merge.at_least == branches else f"{merge.at_least} of {branches} must be there"

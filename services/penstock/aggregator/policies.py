"""The merge policies: each makes one value, or a conflict, of what the branches said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from penstock.aggregator.agreement import agree, is_number, within
from penstock.aggregator.ballots import Concluded, Policy, Votes, absences, there, too_few, value_of
from penstock.aggregator.election import answers, elected
from penstock.contracts.answers import Conflict, Merged, Reason, Vote
from penstock.topology.merge_words import amount
from penstock.topology.plan import MergePolicy


def conclude(policy: Policy, votes: Votes) -> Concluded:
    """Merge what is there; `votes` hold one entry for each declared branch, in the declared order.

    A function of the votes alone, so blind to who came first. `first` is called as soon as one value is there.
    """
    return _POLICIES[policy.merge.policy](policy, votes)


def concludes_early(policy: Policy) -> bool:
    """Whether the policy may conclude before every branch has said something."""
    return policy.merge.policy in _EARLY


def settled(policy: Policy, votes: Votes, awaited: int) -> bool:
    """Whether an early conclusion is certain, though so many branches have not said anything yet."""
    return _EARLY[policy.merge.policy](policy, votes, awaited)


def _all(policy: Policy, votes: Votes) -> Concluded:
    """The record of all branches, each of which is needed."""
    absent = absences(votes)
    return Conflict(absent) if absent else Merged(_record(policy, votes))


def _any(policy: Policy, votes: Votes) -> Concluded:
    """The record of the branches that are there; one is enough."""
    return too_few(policy, votes) or Merged(_record(policy, there(votes)))


def _first(policy: Policy, votes: Votes) -> Concluded:
    """The one branch that is there: the first in the order of the log that has a value."""
    return too_few(policy, votes) or Merged(policy.projected(there(votes)[0]))


def _quorum(policy: Policy, votes: Votes) -> Concluded:
    """So many branches that agree; always a majority, so that no second answer can have as many.

    Whether there is one, and on what, does not depend on who came first; with a tolerance, what two orders agree on
    lies within twice of it. Of those that agree and are there, the first declared one hands on its value.
    """
    return elected(policy, votes, dict.fromkeys(policy.of, 1.0), policy.merge.min_agree)


def _vote(policy: Policy, votes: Votes) -> Concluded:
    """The answer with the most voices, if they are `min_agree` or more; the rule for ties where two have as many."""
    voices = dict.fromkeys(policy.of, 1.0)
    return too_few(policy, votes) or elected(policy, votes, voices, policy.merge.min_agree)


def _weighted(policy: Policy, votes: Votes) -> Concluded:
    """The answer with the most weight, if it has its share of all that is there; ties as in a vote."""
    weights = {vote.branch: _weight(policy, vote) for vote in there(votes)}
    useless = tuple(_useless(policy, name, weight) for name, weight in weights.items() if not _weighs(weight))
    if missing := too_few(policy, votes):
        return missing
    if useless:
        return Conflict(useless, policy.projected(min(there(votes), key=policy.rank)))
    heaviest = max(weights.values()) or 1.0
    shares = {name: weight / heaviest for name, weight in weights.items()}  # sums of any weights stay finite
    whole = float(sum(map(Fraction, shares.values())))
    return elected(policy, votes, shares, whole * policy.merge.threshold)


def _mean(policy: Policy, votes: Votes) -> Concluded:
    """The mean under each field, unless the branches lie too far apart; all else is of the first declared branch."""
    merge, usable = policy.merge, [_numeric(policy, vote) for vote in votes]
    if missing := too_few(policy, usable):
        return missing
    present = there(usable)
    numbers = {name: [value_of(vote)[name] for vote in present] for name in merge.fields}
    means = {name: _average(found) for name, found in numbers.items() if name in policy.fields}
    merged = policy.projected(present[0]) | means
    far = [name for name, found in numbers.items() if not within(min(found), max(found), merge.spread)]
    if far:
        return Conflict((*(_apart(policy, name, present) for name in far), *absences(usable)), merged)
    near = all(within(min(found), max(found), merge.tolerance) for found in numbers.values())
    return Merged(merged, dissent=not near)


def _prefer(policy: Policy, votes: Votes) -> Concluded:
    """The value of the first branch in the order of preference that is there; who says something else dissents."""
    if missing := too_few(policy, votes):
        return missing
    preferred, *others = sorted(there(votes), key=policy.rank)
    fields = policy.merge.fields or policy.fields
    alike = all(agree(preferred, vote, fields, policy.merge.tolerance) for vote in others)
    return Merged(policy.projected(preferred), dissent=not alike)


def _judge(policy: Policy, votes: Votes) -> Concluded:
    """The value of the first declared branch where all that are there agree; else a conflict for the judge."""
    return too_few(policy, votes) or elected(policy, votes, dict.fromkeys(policy.of, 1.0), len(there(votes)))


_POLICIES: Mapping[MergePolicy, Callable[[Policy, Votes], Concluded]] = {
    "all": _all,
    "any": _any,
    "first": _first,
    "quorum": _quorum,
    "vote": _vote,
    "weighted": _weighted,
    "mean": _mean,
    "prefer": _prefer,
    "judge": _judge,
}


def _one_is_there(_: Policy, votes: Votes, _awaited: int) -> bool:
    return bool(there(votes))


def _quorum_is_certain(policy: Policy, votes: Votes, awaited: int) -> bool:
    """So many agree, or could not even if all that is awaited joined the largest group."""
    most = max(map(len, answers(policy, votes)), default=0)
    return most >= policy.merge.min_agree or most + awaited < policy.merge.min_agree


_EARLY: Mapping[MergePolicy, Callable[[Policy, Votes, int], bool]] = {
    "first": _one_is_there,
    "quorum": _quorum_is_certain,
}


def _record(policy: Policy, votes: Votes) -> dict[str, Any]:
    """Each field from the first branch that has it, or a branch by its name."""
    merged: dict[str, Any] = {}
    for vote in votes:
        value, by_name = value_of(vote), vote.branch.replace("-", "_")
        if by_name in policy.fields:
            merged[by_name] = value
        for name in policy.fields:
            if name in value:
                merged.setdefault(name, value[name])
    return merged


def _weight(policy: Policy, vote: Vote) -> Any:
    """What a voice weighs, by its branch or by its own word, which may be anything."""
    merge = policy.merge
    return value_of(vote).get(merge.weight) if merge.weight else merge.weights.get(vote.branch)


def _weighs(weight: Any) -> bool:
    return is_number(weight) and weight >= 0


def _useless(policy: Policy, branch: str, weight: Any) -> Reason:
    return Reason("bad_weight", f"{branch}: {weight} is no weight", f"/{policy.merge.weight}",
                  expected="a number from 0 on", actual=str(weight))  # fmt: skip


def _numeric(policy: Policy, vote: Vote) -> Vote:
    """The same vote, or a missing one where what it says is not a number."""
    wrong = [name for name in policy.merge.fields if vote.value is not None and not is_number(vote.value.get(name))]
    return replace(vote, value=None, reasons=tuple(map(_no_number, wrong))) if wrong else vote


def _no_number(name: str) -> Reason:
    return Reason("not_a_number", f"its {name} is not a number", f"/{name}")


def _average(numbers: Sequence[float]) -> float:
    """Exact until the end, so that neither the order nor the size of the numbers matters."""
    return float(sum(map(Fraction, numbers)) / len(numbers))


def _apart(policy: Policy, name: str, votes: Votes) -> Reason:
    said = ", ".join(f"{vote.branch}: {value_of(vote)[name]}" for vote in votes)
    most = f"at most {amount(policy.merge.spread)}"
    return Reason("too_far_apart", f"the branches lie too far apart under {name}", f"/{name}", expected=most,
                  actual=said, hint="a person should decide")  # fmt: skip

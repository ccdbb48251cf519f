"""Choosing among answers: the group of branches with the most weight wins, if that is enough and nobody has as much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import isclose

from penstock.aggregator.agreement import Group, groups
from penstock.aggregator.ballots import Concluded, Policy, Votes, absences, there, value_of
from penstock.contracts.answers import Conflict, Merged, Reason, Vote

_NOISE = 1e-9  # weights that differ by less are the same: they are sums of what was never exact


def elected(policy: Policy, votes: Votes, weights: Mapping[str, float], enough: float) -> Concluded:
    """The first branch of the winning group hands on its value; without a winner it is suggested."""
    found = answers(policy, votes)
    most, best = _heaviest(found, weights)
    if not best:
        return Conflict((_split(policy, votes, found), *absences(votes)))
    winner = min(min(best, key=lambda group: sorted(map(policy.rank, group))), key=policy.rank)
    chosen = len(best) == 1 or policy.merge.tie not in {"review", "reject"}
    if chosen and most and (most >= enough or isclose(most, enough, rel_tol=_NOISE)):
        return Merged(policy.projected(winner), dissent=len(found) > 1)
    return Conflict((_split(policy, votes, found), *absences(votes)), policy.projected(winner))


def answers(policy: Policy, votes: Votes) -> list[Group]:
    """The branches that are there, in groups that say the same."""
    return groups(there(votes), policy.merge.fields, policy.merge.tolerance)


def _heaviest(found: Sequence[Group], weights: Mapping[str, float]) -> tuple[float, list[Group]]:
    """The most that a group weighs, and every group that weighs as much."""
    weighed = [(float(sum(Fraction(weights[vote.branch]) for vote in group)), group) for group in found]
    most = max((weight for weight, _ in weighed), default=0.0)
    return most, [group for weight, group in weighed if isclose(weight, most, rel_tol=_NOISE)]


def _split(policy: Policy, votes: Votes, found: Sequence[Group]) -> Reason:
    merge, most = policy.merge, max(map(len, found), default=0)
    said = ", ".join(f"{vote.branch}: {_said(policy, vote)}" for vote in there(votes))
    return Reason(
        "split_vote" if len(found) > 1 else "too_few_votes",
        f"at most {most} of {len(votes)} agree",
        f"/{merge.fields[0]}" if len(merge.fields) == 1 else "",
        expected=f"{merge.threshold:g} of the weight" if merge.policy == "weighted" else _many(policy),
        actual=said,
        hint="a person should decide",
    )


def _said(policy: Policy, vote: Vote) -> str:
    return " ".join(str(value_of(vote).get(name)) for name in policy.merge.fields)


def _many(policy: Policy) -> str:
    return f"{policy.merge.min_agree} that agree" if policy.merge.min_agree else "all that agree"

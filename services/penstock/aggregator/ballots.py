"""What an aggregator declares, which of its branches are there, and why the others are not."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from penstock.contracts.answers import MOST_REASONS, Conflict, Merged, Reason, Vote
from penstock.contracts.records import Ballot, reason_records
from penstock.topology.plan import Merge

Concluded: TypeAlias = Merged | Conflict
Votes: TypeAlias = Sequence[Vote]
Value: TypeAlias = Mapping[str, Any]

_MOST_TOLD = 200  # characters of what one branch said, in an event, which must stay small
_FEW = 3  # reasons why one is missing, there


@dataclass(frozen=True, slots=True)
class Policy:
    """What an aggregator declares; `of` are its branches, `fields` those of the contract it writes."""

    merge: Merge
    of: tuple[str, ...]
    fields: tuple[str, ...]

    @property
    def compared(self) -> tuple[str, ...]:
        """The fields by which branches are told apart, and what a voice weighs where its value says so."""
        return (*self.merge.fields, *((self.merge.weight,) if self.merge.weight else ()))

    def without(self, skipped: Collection[str]) -> Policy:
        """The same among the branches that were not called off: a majority is one of these, and so are all of them."""
        if not skipped:
            return self
        of, merge = tuple(name for name in self.of if name not in skipped), self.merge
        everybody = merge.at_least == len(self.of)
        agree = len(of) // 2 + 1 if merge.majority else min(merge.min_agree, len(of))
        at_least = len(of) if everybody else min(merge.at_least, len(of))
        return Policy(replace(merge, min_agree=agree, at_least=at_least), of, self.fields)

    def projected(self, vote: Vote) -> dict[str, Any]:
        """The part of a branch's value that can be handed on."""
        value = value_of(vote)
        return {name: value[name] for name in self.fields if name in value}

    def rank(self, vote: Vote) -> int:
        """The branch's place in the order of preference."""
        return self.merge.order.index(vote.branch)


def value_of(vote: Vote) -> Value:
    """What a branch said; nothing where it is missing."""
    return vote.value or {}


def there(votes: Votes) -> list[Vote]:
    """The branches that have a value."""
    return [vote for vote in votes if vote.value is not None]


def absences(votes: Votes) -> tuple[Reason, ...]:
    """A reason for every branch that is missing."""
    return tuple(_absence(vote) for vote in votes if vote.value is None)


def too_few(policy: Policy, votes: Votes) -> Conflict | None:
    """The conflict of too many missing branches, or None; what the preferred one said is suggested."""
    present, needed = there(votes), policy.merge.at_least
    if len(present) >= needed:
        return None
    lacking = Reason("too_few_votes", f"{len(present)} of {len(votes)} branches are there",
                     expected=f"at least {needed}", actual=str(len(present)))  # fmt: skip
    suggestion = policy.projected(min(present, key=policy.rank)) if present else None
    return Conflict((lacking, *absences(votes)), suggestion)


def told(policy: Policy, votes: Votes) -> list[Ballot]:
    """What the output's event keeps of the votes: only what was compared, and why a branch is missing."""
    if not policy.compared:
        return []
    return [ballot(_told(policy, vote), _MOST_TOLD) for vote in votes]


def ballot(vote: Vote, room: int) -> Ballot:
    """A vote as a record; its value as JSON, cut short to so many characters."""
    if vote.value is None or not room:
        reasons = reason_records(vote.reasons[: min(room, MOST_REASONS)])
        return {"branch": vote.branch, "value": None, "reasons": reasons}
    said = json.dumps(vote.value, default=str)
    said = said if len(said) <= room else f"{said[:room]}…"
    return {"branch": vote.branch, "value": said, "reasons": reason_records(vote.reasons)}


def _told(policy: Policy, vote: Vote) -> Vote:
    value = vote.value
    if value is None:
        return replace(vote, reasons=vote.reasons[:_FEW])
    return replace(vote, value={key: value[key] for key in policy.compared if key in value})


def _absence(vote: Vote) -> Reason:
    why = "; ".join(reason.message or reason.code for reason in vote.reasons) or "it did not come in time"
    return Reason("branch_missing", f"{vote.branch}: {why}", actual="missing", expected=vote.branch)

"""Scores a run against the truth: how much was automated, how much of that was right, and what the vote was worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict

from rich.table import Table

from demos.shares import cells

AUTOMATED = frozenset({"succeeded", "succeeded_by_fallback"})


class InScope(TypedDict):
    """Messages that have an intent."""

    n: int
    automated: int
    right: int


class OutOfScope(TypedDict):
    """Messages that have none: whatever is automated of them leaked."""

    n: int
    automated: int


class WithoutVote(TypedDict):
    """The same policy without the second opinion, over all messages."""

    automated_without: int
    right_without: int


class Score(TypedDict):
    """The part of the result that needs the truth, and what it was counted from."""

    distinct: int
    statuses: dict[str, int]
    in_scope: InScope
    out_of_scope: OutOfScope
    second_opinion: WithoutVote


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one message ended: the status of its run, or `waiting` for a person, and the intent that was decided."""

    message_id: str
    status: str
    intent: str | None
    alone: str | None = None

    @property
    def automated(self) -> bool:
        """Whether it came to its end with no person."""
        return self.status in AUTOMATED


def score(outcomes: Iterable[Outcome], truth: Mapping[str, str | None]) -> Score:
    """Count; a message without an intent that was automated is wrong. ValueError for a message twice or unknown."""
    found = list(outcomes)
    by_id = {outcome.message_id: outcome for outcome in found}
    if len(by_id) < len(found):
        raise ValueError(f"{len(found) - len(by_id)} messages have more than one outcome")
    if strange := by_id.keys() - truth.keys():
        raise ValueError(f"no truth is known about {len(strange)} messages, such as {min(strange)}")
    inside = [o for o in found if truth[o.message_id] is not None]
    outside = [o for o in found if truth[o.message_id] is None]
    lone = [o for o in found if o.alone is not None]
    return Score(
        distinct=len(found),
        statuses=_counts(o.status for o in found),
        in_scope=InScope(
            n=len(inside),
            automated=sum(o.automated for o in inside),
            right=sum(o.automated and o.intent == truth[o.message_id] for o in inside),
        ),
        out_of_scope=OutOfScope(n=len(outside), automated=sum(o.automated for o in outside)),
        second_opinion=WithoutVote(
            automated_without=len(lone),
            right_without=sum(o.alone == truth[o.message_id] for o in lone),
        ),
    )


def table(result: Score) -> Table:
    """The figures with their denominators and 95 % intervals, for 80 columns."""
    inside, outside, lone = result["in_scope"], result["out_of_scope"], result["second_opinion"]
    automated = inside["automated"] + outside["automated"]
    made = Table(title=f"{result['distinct']:,} distinct messages", title_justify="left", width=80)
    made.add_column("what was measured", ratio=1)
    for heading in ("count", "of", "share", "95 % interval"):
        made.add_column(heading, justify="right", no_wrap=True)
    for status, count in sorted(result["statuses"].items(), key=lambda pair: -pair[1]):
        made.add_row(status.replace("_", " "), *cells(count, result["distinct"]))
    made.add_section()
    made.add_row("automated of those in scope", *cells(inside["automated"], inside["n"]))
    made.add_row("automated of those out of scope", *cells(outside["automated"], outside["n"]))
    made.add_row("[bold]right of all automated[/]", *cells(inside["right"], automated))
    made.add_section()
    made.add_row("automated without the vote", *cells(lone["automated_without"], result["distinct"]))
    made.add_row("right of those", *cells(lone["right_without"], lone["automated_without"]))
    return made


def _counts(words: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts

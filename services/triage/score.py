"""Scores a run against the truth: how much was automated, how much of that was right, and what the vote was worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import TypedDict

from rich.table import Table

AUTOMATED = frozenset({"succeeded", "succeeded_by_fallback"})
_Z = 1.959964  # of the normal distribution, for 95 %


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


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); everything is possible where nothing was seen."""
    if not n:
        return 0.0, 1.0
    share, square = hits / n, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    reach = _Z / (1 + square / n) * sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def table(result: Score) -> Table:
    """The figures with their denominators and 95 % intervals, for 80 columns."""
    inside, outside, lone = result["in_scope"], result["out_of_scope"], result["second_opinion"]
    automated = inside["automated"] + outside["automated"]
    made = Table(title=f"{result['distinct']:,} distinct messages", title_justify="left", width=80)
    made.add_column("what was measured", ratio=1)
    for heading in ("count", "of", "share", "95 % interval"):
        made.add_column(heading, justify="right", no_wrap=True)
    for status, count in sorted(result["statuses"].items(), key=lambda pair: -pair[1]):
        made.add_row(status.replace("_", " "), *_share(count, result["distinct"]))
    made.add_section()
    made.add_row("automated of those in scope", *_share(inside["automated"], inside["n"]))
    made.add_row("automated of those out of scope", *_share(outside["automated"], outside["n"]))
    made.add_row("[bold]right of all automated[/]", *_share(inside["right"], automated))
    made.add_section()
    made.add_row("automated without the vote", *_share(lone["automated_without"], result["distinct"]))
    made.add_row("right of those", *_share(lone["right_without"], lone["automated_without"]))
    return made


def _share(hits: int, n: int) -> tuple[str, str, str, str]:
    low, high = wilson(hits, n)
    share = f"{hits / n:.1%}" if n else "none"
    return f"{hits:,}", f"{n:,}", share, f"{low:.1%} to {high:.1%}"


def _counts(words: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts

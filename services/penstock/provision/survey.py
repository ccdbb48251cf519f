"""What a cluster lacks of a pipeline that is about to be used: topics that are not there, or do not go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.errors import Mistake, Refused

_SHOWN = 3


def lacking(names: Sequence[str], there: Mapping[str, int]) -> Mistake | None:
    """Mistake E306 that names the topics which are not there; None where all are."""
    missing = sorted({name for name in names if name not in there})
    if not missing:
        return None
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    named = ", ".join(missing[:_SHOWN]) + more
    what = f"topics {named} do not exist" if len(missing) > 1 else f"topic {named} does not exist"
    return Mistake("E306", what, why="topics are made on purpose, never by being used",
                   fix="`penstock apply` makes them")  # fmt: skip


def uneven(names: Sequence[str], there: Mapping[str, int]) -> Refused | None:
    """Refused E304 for the first topic with another number of partitions than the ones before it."""
    for name in names:
        if there[name] != there[names[0]]:
            return Refused("E304", f"topic {name} has {there[name]} partitions, and {names[0]} has {there[names[0]]}",
                           why="a run keeps one partition number in every topic of its pipeline",
                           fix="make the pipeline's topics anew: partitions cannot be taken back")  # fmt: skip
    return None

"""The path of a run is told by what caused what, and not by which of two branches was quicker."""

from __future__ import annotations

import itertools

from penstock.contracts.address import Address
from penstock.contracts.answers import Reason
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import dead_part, of_run, task_done
from penstock.contracts.records import RunEvent
from penstock.testing.observed import ordered

STEPS = ("read", "read-simply", "check", "thank", "second", "decide")


def done(step: str, *spawns: str, ended: tuple[str, ...] = ()) -> RunEvent:
    """A step did its task and began others; a task is called like its step."""
    around = Envelope("r", "e", step, "", "before", 1, 0, "p.s[0]@1", "d", 10)
    spawned = [{"task": name, "step": name.partition("/")[0], "item": ""} for name in spawns]
    return task_done(around, step, Address("p.s", 0, 1), 2, spawned, ended=list(ended) or None)  # type: ignore[arg-type]  # the fields of Spawned


def dead(step: str) -> RunEvent:
    """A step's task is dead."""
    event = of_run("task_dead", "r", "e", 1, step=step, dead=dead_part((Reason("no"),)))
    event["task"] = step
    return event


def test_branches_stand_in_the_order_of_the_file() -> None:
    """However the events of two branches interleave in the log, the path is the same."""
    first = [done("read", "check"), done("check", "thank", "second", "decide/check")]
    sides = [done("thank"), done("second", "decide/second")]
    last = done("decide", ended=("decide/check", "decide/second"))

    for order in itertools.permutations([*sides, last]):
        if order.index(last) < order.index(sides[1]):
            continue  # no join ends before its branches
        path = [event["step"] for event in ordered([*first, *order], STEPS)]
        assert path == ["read", "check", "thank", "second", "decide"]


def test_a_fallback_stands_behind_the_death_it_follows() -> None:
    """A command of the supervisor's comes after what it is about, wherever its step stands in the file."""
    events = [dead("read"), done("read-simply", "check"), done("check")]

    assert [event["step"] for event in ordered(events, tuple(reversed(STEPS)))] == ["read", "read-simply", "check"]

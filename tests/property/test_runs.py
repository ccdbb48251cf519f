"""The accounts of a run: never negative, blind to repeats, and with one end that only the marks decide."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given

from penstock.contracts.envelope import Envelope
from penstock.contracts.events import Effort, of_run, task_done
from penstock.contracts.records import RunEvent, RunMemory, Terminal
from penstock.supervisor import transitions
from strategies import Happening, endings, histories

AROUND = Envelope("r", "e", "t", "", "s", 1, 0, "p.s[0]@1", "d", 10)


def started() -> RunMemory:
    """A run with one task."""
    spawned: Any = [{"task": "t0", "step": "s", "item": ""}]
    return transitions.begin(of_run("run_started", "r", "e", 1, step="ingress", deadline=10, plan="d", spawned=spawned))


def event(happening: Happening) -> RunEvent:
    """The event that tells it."""
    ended, fresh, attempts = happening
    spawned: Any = [{"task": task, "step": "s", "item": ""} for task in fresh]
    effort = Effort(attempts, attempts / 8)
    return task_done(AROUND, "s", "p.s[0]@1", 2, spawned, ended=ended, effort=effort)


def told(happenings: list[Happening]) -> list[RunMemory]:
    """The run's memory after each of them."""
    memories = [started()]
    for happening in happenings:
        memories.append(transitions.account(memories[-1], event(happening)))
    return memories


@given(histories())
def test_a_repeat_changes_nothing_but_the_effort(history: tuple[list[Happening], list[Happening]]) -> None:
    """Tasks that are open, and how many ended, are the same; attempts and cost count what was told."""
    plain, repeated = history
    once, again = told(plain)[-1], told(repeated)[-1]

    effort = {"attempts": sum(one[2] for one in repeated), "cost_usd": sum(one[2] for one in repeated) / 8}
    assert again == {**once, **effort}


@given(histories())
def test_accounts_never_go_down(history: tuple[list[Happening], list[Happening]]) -> None:
    """After each event: no task twice, nothing negative, nothing taken back."""
    memories = told(history[1])

    for before, after in itertools.pairwise(memories):
        names = [task["task"] for task in after["open"]]
        assert len(names) == len(set(names))
        assert 0 <= before["tasks"] <= after["tasks"]
        assert 0 <= before["attempts"] <= after["attempts"]
        assert 0 <= before["cost_usd"] <= after["cost_usd"]


@given(endings())
def test_the_end_is_the_worst_mark(marks: list[Terminal]) -> None:
    """In whatever order the parts of a run ended, and however often."""
    memory = started()
    for status in marks:
        memory = transitions.mark(memory, status)
    worst = min(marks, key=transitions.PRECEDENCE.index, default="succeeded")

    assert transitions.terminal(memory) == worst
    assert len(memory["marks"]) == len(set(marks))

"""A run's memory: tasks open and end, marks are ranked, and each change is told once."""

from __future__ import annotations

from typing import Any

from penstock import Reason
from penstock.contracts.answers import MOST_REASONS
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import ONE, Effort, of_run, task_done
from penstock.contracts.records import OpenTask, RunEvent, RunMemory, reason_records
from penstock.supervisor import transitions
from penstock.supervisor.transitions import PRECEDENCE

AROUND = Envelope("r", "e", "a", "", "s", 1, 0, "p.s[0]@1", "d", 1_000)


def started(*tasks: str) -> RunMemory:
    """A run that began with these tasks."""
    return transitions.begin(
        of_run("run_started", "r", "e", 1, step="ingress", deadline=1_000, plan="d",
               spawned=[{"task": task, "step": "s", "item": ""} for task in tasks])
    )  # fmt: skip


def done(ended: list[str], spawned: list[str], effort: Effort = ONE) -> RunEvent:
    """Tasks ended, and others began."""
    begun: Any = [{"task": task, "step": "s", "item": ""} for task in spawned]
    return task_done(AROUND, "s", "p.s[0]@1", 2, begun, ended=ended, effort=effort)


def names(memory: RunMemory) -> list[str]:
    """The tasks that are open."""
    return [task["task"] for task in memory["open"]]


def asked(task: str, due: int = 50) -> OpenTask:
    """A task that waits for a person."""
    return {"task": task, "step": "s", "review": f"v-{task}", "due": due, "gate": "g", "sha256": "x", "item": "",
            "origin": "p.s[0]@1"}  # fmt: skip


def test_a_run_begins_with_its_first_tasks() -> None:
    """Nothing has ended, nothing was spent."""
    memory = started("a", "b")

    assert names(memory) == ["a", "b"]
    assert (memory["tasks"], memory["attempts"], memory["cost_usd"], memory["round"]) == (0, 0, 0.0, 0)


def test_an_event_ends_and_begins_tasks() -> None:
    """What it took is added up."""
    memory = transitions.account(started("a", "b"), done(["a"], ["c", "d"], Effort(3, 0.5)))

    assert names(memory) == ["b", "c", "d"]
    assert (memory["tasks"], memory["attempts"], memory["cost_usd"]) == (1, 3, 0.5)


def test_a_repeat_opens_nothing_again() -> None:
    """What its task began may long have ended; only the effort counts once more."""
    first = done(["a"], ["b"])
    memory = transitions.account(transitions.account(started("a"), first), done(["b"], ["c"]))
    again = transitions.account(memory, first)

    assert names(again) == names(memory) == ["c"]
    assert (again["tasks"], again["attempts"]) == (2, 3)


def test_an_event_cannot_take_effort_back() -> None:
    """Whatever figures it carries."""
    memory = transitions.account(started("a"), done(["a"], [], Effort(-5, -1.0)))

    assert (memory["attempts"], memory["cost_usd"]) == (0, 0.0)


def test_a_join_ends_all_its_tasks_at_once() -> None:
    """Those that were open are counted."""
    memory = transitions.account(started("a", "b"), done(["a", "b", "unknown"], ["c"]))

    assert (names(memory), memory["tasks"]) == (["c"], 2)


def test_a_command_opens_the_next_round() -> None:
    """Its task takes the dead one's place, with a deadline that can only grow."""
    memory = transitions.command(started("a", "b"), "a", {"task": "c", "step": "simply", "item": ""}, 1_500)

    assert (names(memory), memory["round"], memory["deadline"]) == (["b", "c"], 1, 1_500)
    assert transitions.command(memory, "b", {"task": "d", "step": "s", "item": ""}, 1_200)["deadline"] == 1_500


def test_joins_that_hear_nothing_comes_have_a_task() -> None:
    """Each once, also where it is open already."""
    memory = transitions.miss(started("a", "b"), "a", [{"task": name, "step": "j", "item": ""} for name in "bc"])

    assert names(memory) == ["b", "c"]


def test_a_person_is_waited_for_in_the_tasks_place() -> None:
    """The task is still the same, and has not ended."""
    memory = transitions.ask(started("a", "b"), asked("a"))

    assert (names(memory), memory["tasks"]) == (["b", "a"], 0)
    assert not transitions.waiting(memory)
    assert transitions.waiting(transitions.close(memory, {"b"}))


def test_the_worst_mark_counts() -> None:
    """Whatever else the parts of a run have earned."""
    for at, worst in enumerate(PRECEDENCE):
        memory = started()
        for status in PRECEDENCE[at:]:
            memory = transitions.mark(transitions.mark(memory, status), status)
        assert transitions.terminal(memory) == worst
        assert len(memory["marks"]) == len(PRECEDENCE) - at
    assert transitions.terminal(started()) == "succeeded"


def test_reasons_are_kept_once_and_not_without_end() -> None:
    """The first ones, each a single time."""
    memory = started()
    for at in range(30):
        memory = transitions.explain(memory, reason_records((Reason(f"r{at}"), Reason("again"))))

    codes = [reason["code"] for reason in memory["reasons"]]
    assert codes[:3] == ["r0", "again", "r1"]
    assert len(codes) == len(set(codes)) == MOST_REASONS


def test_a_doubt_is_named_once() -> None:
    """By its step and task."""
    assert transitions.doubt(transitions.doubt(started(), ["file:a"]), ["file:a", "file:b"])["in_doubt"] == [
        "file:a", "file:b",
    ]  # fmt: skip


def test_what_is_news() -> None:
    """That a run waits, that it waits for another question, and that it goes on; nothing else."""
    work, wait = started("a"), transitions.ask(started("a"), asked("a"))
    both, other = transitions.ask(wait, asked("b")), transitions.ask(started("b"), asked("b"))

    assert transitions.news(None, work) is None
    assert transitions.news(work, work) is None
    assert transitions.news(work, wait) == "waiting"
    assert transitions.news(wait, both) is None
    assert transitions.news(both, other) == "waiting"
    assert transitions.news(wait, work) == "running"


def test_when_a_run_must_be_looked_at() -> None:
    """Work until the deadline and its grace; people until their reviews expire, whatever the deadline."""
    wait = transitions.ask(started("a"), asked("a", due=90_000))

    assert transitions.due(started("a"), 30) == 1_030
    assert transitions.due(wait, 30) == 90_000
    assert transitions.due(transitions.ask(started("a", "b"), asked("a", due=90_000)), 30) == 1_030
    assert transitions.due(transitions.ask(started("a", "b"), asked("a", due=50)), 30) == 50


def test_a_status_counts_what_was_used() -> None:
    """Fallbacks and reviews by the rungs taken, and the question that waits."""
    memory = transitions.ask(started("a"), asked("a"))
    for rung in ("fallback:x", "review:y", "review:z"):
        memory = transitions.take(memory, rung)
    waits, ended = transitions.status(memory, "waiting", 7), transitions.status(memory, "rejected", 8)

    assert (waits["fallbacks"], waits["reviews"], waits["review"], waits["at"]) == (1, 2, "v-a", 7)
    assert (waits["terminal"], ended["terminal"]) == (False, True)

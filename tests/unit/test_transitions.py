"""A run's memory: tasks open and end, marks are ranked, and each change is told once."""

from __future__ import annotations

from typing import Any

from penstock import Reason
from penstock.contracts.answers import MOST_REASONS
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import ONE, Effort, of_run, task_done, task_waiting
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
    bare = transitions.opened({"task": task, "step": "s", "item": ""})
    return {**bare, "review": f"v-{task}", "due": due, "gate": "g", "sha256": "x", "origin": "p.s[0]@1"}


def waits(task: str, due: int = 60, tried: int = 1) -> RunEvent:
    """A step tells that the next attempt of a task is due then."""
    around = AROUND._replace(task=task, attempt=tried)
    return task_waiting(around, "s", "p.s[0]@7", due - 50, wait=0.05, effort=Effort(1, 0.25), reasons=(Reason("busy"),),
                        origin="p.s[0]@1")  # fmt: skip


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


def test_a_task_waits_for_its_next_attempt() -> None:
    """It stays open and has not ended; where it begins again, with which attempt, and in which round is kept."""
    told = waits("a")
    memory = transitions.wait(transitions.account(started("a", "b"), told), told)

    assert (names(memory), memory["tasks"], memory["attempts"], memory["cost_usd"]) == (["a", "b"], 0, 1, 0.25)
    task = memory["open"][0]
    assert (task["due"], task["address"], task["origin"], task["attempt"]) == (60, "p.s[0]@7", "p.s[0]@1", 2)
    assert (task["round"], task["deadline"]) == (0, 1_000)
    assert transitions.next_attempt(memory) == task


def test_a_wait_that_is_told_again_changes_nothing() -> None:
    """Neither while it lasts nor when the attempt has begun; nor one of a task that is not open or waits for people."""
    first, third = waits("a"), waits("a", due=90, tried=2)
    memory = transitions.wait(started("a"), first)
    begun = transitions.go_on(memory, memory["open"][0])
    later = transitions.wait(begun, third)

    assert transitions.wait(memory, first) == memory
    assert transitions.wait(begun, first) == begun
    assert transitions.wait(later, first) == later
    assert (later["open"][0]["attempt"], later["open"][0]["due"]) == (3, 90)
    assert transitions.wait(started("b"), first) == started("b")
    asks = transitions.ask(started("a"), asked("a"))
    assert transitions.wait(asks, first) == asks
    uncounted = waits("a", due=70)  # an attempt that does not count waits for the same one again
    assert transitions.next_attempt(transitions.wait(begun, uncounted)) is not None


def test_an_attempt_that_begins_is_waited_for_as_work() -> None:
    """What was awaited is forgotten; which attempt it is stays known."""
    memory = transitions.wait(started("a"), waits("a"))
    begun = transitions.go_on(memory, memory["open"][0])

    assert transitions.next_attempt(begun) is None
    assert (begun["open"][0]["due"], begun["open"][0]["attempt"]) == (60, 2)
    assert transitions.due(begun, 30) == 1_000


def test_a_run_that_ends_waits_for_nothing_but_work() -> None:
    """Neither for people nor for attempts that have not begun."""
    memory = transitions.wait(transitions.ask(started("a", "b", "c"), asked("a")), waits("b"))
    ending = transitions.end(memory, "cancelled")

    assert (names(ending), ending["ending"], ending["tasks"]) == (["c"], "cancelled", 2)


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


def test_what_is_news_of_attempts() -> None:
    """That a run waits for one, for which, that it goes on, and that it is about to end."""
    work, first = started("a"), transitions.wait(started("a"), waits("a"))
    begun = transitions.go_on(first, first["open"][0])
    second = transitions.wait(begun, waits("a", due=70, tried=2))
    ending = transitions.end(started("a", "b"), "expired")

    assert transitions.news(work, first) == "retrying"
    assert transitions.news(first, first) is None
    assert transitions.news(first, begun) == "running"
    assert transitions.news(first, second) == "retrying"
    assert transitions.news(work, ending) == "ending"
    assert transitions.news(ending, transitions.close(ending, {"b"})) is None
    assert transitions.state(transitions.wait(transitions.ask(started("a", "b"), asked("a")), waits("b"))) == "retrying"


def test_when_a_run_must_be_looked_at() -> None:
    """At the deadline of work, and when its grace is over; people until their reviews expire, whatever the deadline."""
    wait = transitions.ask(started("a"), asked("a", due=90_000))

    assert transitions.due(started("a"), 30) == 1_000
    assert transitions.due(transitions.end(started("a"), "expired"), 30) == 1_030
    assert transitions.due(transitions.wait(started("a"), waits("a")), 30) == 60
    assert transitions.due(wait, 30) == 90_000
    assert transitions.due(transitions.ask(started("a", "b"), asked("a", due=90_000)), 30) == 1_030
    assert transitions.due(transitions.ask(started("a", "b"), asked("a", due=50)), 30) == 50


def test_a_status_counts_what_was_used() -> None:
    """Fallbacks and reviews by the rungs taken, and the question that waits."""
    memory = transitions.ask(started("a"), asked("a"))
    for rung in ("fallback:x", "review:y", "review:z", "rerun:a", "rerun:a", "retry:a"):
        memory = transitions.take(memory, rung)
    waits, ended = transitions.status(memory, "waiting", 7), transitions.status(memory, "rejected", 8)

    assert (waits["fallbacks"], waits["reviews"], waits["review"], waits["at"]) == (1, 2, "v-a", 7)
    assert waits["reruns"] == 3
    assert (waits["terminal"], ended["terminal"]) == (False, True)


def test_a_status_says_which_attempt_is_awaited() -> None:
    """Of the task that goes on first: its step, which of how many, and when."""
    memory = transitions.wait(transitions.wait(started("a", "b"), waits("a", due=90)), waits("b", due=70, tried=2))
    told, final = transitions.status(memory, "retrying", 7, 5), transitions.status(memory, "failed", 8, 5)

    assert (told["step"], told["attempt"], told["attempts_allowed"], told["due"]) == ("s", 3, 5, 70)
    assert (final["step"], final["attempt"], final["attempts_allowed"], final["due"]) == ("", 0, 0, 0)

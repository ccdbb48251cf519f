"""How a run's memory changes with each event, and when it has ended; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

from penstock.contracts.answers import MOST_REASONS
from penstock.contracts.records import OpenTask, ReasonRecord, RunEvent, RunMemory, RunStatus, Spawned, State, Terminal
from penstock.supervisor.ladder import times

PRECEDENCE: tuple[Terminal, ...] = (
    "cancelled",
    "expired",
    "failed",
    "rejected",
    "resolved_by_human",
    "succeeded_by_fallback",
    "succeeded",
)


def begin(event: RunEvent) -> RunMemory:
    """The memory of a run that has just started."""
    return {
        "run": event["run"],
        "event": event["event"],
        "started": event["at"],
        "deadline": event["deadline"],
        "plan": event["plan"],
        "round": 0,
        "open": [opened(spawned) for spawned in event["spawned"]],
        "tasks": 0,
        "attempts": 0,
        "cost_usd": 0.0,
        "used": [],
        "marks": [],
        "in_doubt": [],
        "reasons": [],
        "ending": "",
    }


def opened(spawned: Spawned) -> OpenTask:
    """A task that a step waits to do."""
    return {"task": spawned["task"], "step": spawned["step"], "review": "", "due": 0, "gate": "", "sha256": "",
            "item": spawned["item"], "origin": "", "address": "", "attempt": 0, "round": 0, "deadline": 0}  # fmt: skip


def account(memory: RunMemory, event: RunEvent) -> RunMemory:
    """The tasks an event ended and began, and what it took. A repeat changes nothing but the effort."""
    after = close(memory, event["ended"])
    known = {task["task"] for task in after["open"]}
    repeat = after["tasks"] == memory["tasks"]  # what it ended had ended before, and so perhaps what it began
    fresh = [opened(spawned) for spawned in event["spawned"] if not repeat and spawned["task"] not in known]
    after["open"] = [*after["open"], *fresh]
    after["attempts"] += max(event["attempt"], 0)
    after["cost_usd"] += max(event["cost_usd"], 0.0)
    return after


def close(memory: RunMemory, tasks: Collection[str]) -> RunMemory:
    """These tasks have ended and are not waited for any more."""
    left = [task for task in memory["open"] if task["task"] not in tasks]
    return {**memory, "open": left, "tasks": memory["tasks"] + len(memory["open"]) - len(left)}


def miss(memory: RunMemory, dead: str, tokens: Iterable[Spawned]) -> RunMemory:
    """A dead task's part of the run is cut off: the joins behind it are told."""
    after = close(memory, {dead})
    known = {task["task"] for task in after["open"]}
    fresh = [opened(token) for token in tokens if token["task"] not in known]
    return {**after, "open": [*after["open"], *fresh]}


def command(memory: RunMemory, ended: str, task: Spawned, deadline: int) -> RunMemory:
    """A command takes the place of a task and opens the next round, with a deadline of its own."""
    after = close(memory, {ended})
    after["open"] = [*after["open"], opened(task)]
    after["round"] += 1
    after["deadline"] = max(after["deadline"], deadline)
    return after


def ask(memory: RunMemory, asked: OpenTask) -> RunMemory:
    """A task waits for a person."""
    return {**memory, "open": [*(t for t in memory["open"] if t["task"] != asked["task"]), asked]}


def wait(memory: RunMemory, event: RunEvent) -> RunMemory:
    """A task's next attempt is due later. What was told before, or of a task that is not open, changes nothing."""
    dead = event["dead"]
    waits: OpenTask = {
        **opened({"task": event["task"], "step": event["step"], "item": event["item"]}), "due": event["due"],
        "origin": dead["origin"] if dead else "", "address": event["input"], "attempt": event["tried"] + 1,
        "round": event["round"], "deadline": event["deadline"],
    }  # fmt: skip
    left = [waits if _earlier(task, waits) else task for task in memory["open"]]
    return {**memory, "open": left}


def _earlier(task: OpenTask, later: OpenTask) -> bool:
    """Whether a wait follows on what is known of a task; an attempt that does not count may be waited for again."""
    follows = task["attempt"] <= later["attempt"] and task["due"] < later["due"]
    return task["task"] == later["task"] and not task["review"] and follows


def go_on(memory: RunMemory, due: OpenTask) -> RunMemory:
    """The next attempt of a task that had to wait begins; which wait it was stays known."""
    left = [OpenTask(**{**task, "address": ""}) if task["task"] == due["task"] else task for task in memory["open"]]
    return {**memory, "open": left}


def end(memory: RunMemory, why: Literal["cancelled", "expired"]) -> RunMemory:
    """Nothing new is begun any more; whoever waits for a person or for an attempt is not waited for."""
    idle = {task["task"] for task in memory["open"] if task["review"] or task["address"]}
    return {**close(memory, idle), "ending": why}


def take(memory: RunMemory, rung: str) -> RunMemory:
    """A rung of the ladder is used up."""
    return {**memory, "used": [*memory["used"], rung]}


def mark(memory: RunMemory, status: Terminal) -> RunMemory:
    """A part of the run has ended like this."""
    return {**memory, "marks": [*(known for known in memory["marks"] if known != status), status]}


def doubt(memory: RunMemory, effects: Iterable[str]) -> RunMemory:
    """Nobody knows whether these effects were sent."""
    fresh = [effect for effect in effects if effect not in memory["in_doubt"]]
    return {**memory, "in_doubt": [*memory["in_doubt"], *fresh]}


def explain(memory: RunMemory, reasons: Iterable[ReasonRecord]) -> RunMemory:
    """Why the run did not simply succeed; the first reasons are kept, each once."""
    fresh = [reason for reason in reasons if reason not in memory["reasons"]]
    return {**memory, "reasons": [*memory["reasons"], *fresh][:MOST_REASONS]}


def news(before: RunMemory | None, after: RunMemory) -> State | None:
    """The state to be told of an open run, where it is another one, or waits for another question or attempt."""
    if _busy(after) and (before is None or _busy(before)):
        return None  # as nearly always
    told = state(after)
    known = None if before is None else (state(before), _shown(before))
    return None if (told, _shown(after)) == known else told


def state(memory: RunMemory) -> State:
    """Where an open run stands."""
    if memory["ending"]:
        return "ending"
    if waiting(memory):
        return "waiting"
    return "retrying" if next_attempt(memory) is not None else "running"


def waiting(memory: RunMemory) -> bool:
    """Whether nothing goes on but the wait for people."""
    return bool(memory["open"]) and all(task["review"] for task in memory["open"])


def review(memory: RunMemory) -> str:
    """The question that waits longest for an answer."""
    return next((task["review"] for task in memory["open"] if task["review"]), "")


def next_attempt(memory: RunMemory) -> OpenTask | None:
    """The task whose next attempt is due first, of those that had to wait."""
    waits = [task for task in memory["open"] if task["address"]]
    return min(waits, key=lambda task: task["due"], default=None)


def _busy(memory: RunMemory) -> bool:
    """Whether a run goes on, and waits neither for people nor for time."""
    return not memory["ending"] and not any(task["review"] or task["address"] for task in memory["open"])


def _shown(memory: RunMemory) -> tuple[str, int]:
    """What is told of a wait: which question, or which task and attempt."""
    if waiting(memory):
        return review(memory), 0
    awaited = None if memory["ending"] else next_attempt(memory)
    return ("", 0) if awaited is None else (awaited["task"], awaited["attempt"])


def terminal(memory: RunMemory) -> Terminal:
    """The status of a run without open tasks: the first in the order of precedence that a part of it earned."""
    return next((status for status in PRECEDENCE if status in memory["marks"]), "succeeded")


def due(memory: RunMemory, grace_ms: int) -> int:
    """When something must be done about the run.

    A review expires, an attempt may begin, the deadline is over, or it and `grace_ms` are. Waiting for people stops
    the clock.
    """
    own = [task["due"] for task in memory["open"] if task["review"] or task["address"]]
    asked = any(task["review"] for task in memory["open"])
    if waiting(memory):
        return min(own)
    last = memory["deadline"] if not asked and not memory["ending"] else memory["deadline"] + grace_ms
    return min([*own, last])


def status(memory: RunMemory, state: State, now: int, allowed: int = 0) -> RunStatus:
    """The record of where the run stands; `allowed` are the attempts of the step that is told to wait for one."""
    awaited = next_attempt(memory) if state == "retrying" else None
    return {
        "run": memory["run"],
        "event": memory["event"],
        "state": state,
        "terminal": state in PRECEDENCE,
        "started": memory["started"],
        "at": now,
        "plan": memory["plan"],
        "tasks": memory["tasks"],
        "attempts": memory["attempts"],
        "cost_usd": memory["cost_usd"],
        "fallbacks": times("fallback", memory["used"]),
        "reviews": times("review", memory["used"]),
        "review": review(memory),
        "in_doubt": memory["in_doubt"],
        "reasons": memory["reasons"],
        "reruns": times("rerun", memory["used"]) + times("retry", memory["used"]),
        "step": awaited["step"] if awaited else "",
        "attempt": awaited["attempt"] if awaited else 0,
        "attempts_allowed": allowed if awaited else 0,
        "due": awaited["due"] if awaited else 0,
    }

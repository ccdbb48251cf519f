"""How a run's memory changes with each event, and when it has ended; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from penstock.contracts.answers import MOST_REASONS
from penstock.contracts.records import OpenTask, ReasonRecord, RunEvent, RunMemory, RunStatus, Spawned, State, Terminal

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
    }


def opened(spawned: Spawned) -> OpenTask:
    """A task that a step waits to do."""
    return {"task": spawned["task"], "step": spawned["step"], "review": "", "due": 0, "gate": "", "sha256": "",
            "item": spawned["item"], "origin": ""}  # fmt: skip


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
    """The state to be told of an open run: that it waits, for which review, and that work goes on after a wait."""
    if waiting(after):
        asked = before is not None and waiting(before) and review(before) == review(after)
        return None if asked else "waiting"
    return "running" if before is not None and waiting(before) else None


def waiting(memory: RunMemory) -> bool:
    """Whether nothing goes on but the wait for people."""
    return bool(memory["open"]) and all(task["review"] for task in memory["open"])


def review(memory: RunMemory) -> str:
    """The question that waits longest for an answer."""
    return next((task["review"] for task in memory["open"] if task["review"]), "")


def terminal(memory: RunMemory) -> Terminal:
    """The status of a run without open tasks: the first in the order of precedence that a part of it earned."""
    return next((status for status in PRECEDENCE if status in memory["marks"]), "succeeded")


def due(memory: RunMemory, grace_ms: int) -> int:
    """When something must be done about the run: a review expires, or its deadline and `grace_ms` are over."""
    reviews = [task["due"] for task in memory["open"] if task["review"]]
    working = len(reviews) < len(memory["open"])
    return min([*reviews, memory["deadline"] + grace_ms] if working or not reviews else reviews)


def status(memory: RunMemory, state: State, now: int) -> RunStatus:
    """The record of where the run stands."""
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
        "fallbacks": sum(rung.startswith("fallback:") for rung in memory["used"]),
        "reviews": sum(rung.startswith("review:") for rung in memory["used"]),
        "review": review(memory),
        "in_doubt": memory["in_doubt"],
        "reasons": memory["reasons"],
    }

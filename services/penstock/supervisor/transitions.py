"""How a run's memory changes with each event, and when it has ended; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

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
_MOST_REASONS = 20


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
            "item": "", "origin": ""}  # fmt: skip


def account(memory: RunMemory, event: RunEvent) -> RunMemory:
    """The tasks an event ended and began, and what it took. A repeat changes nothing but the effort."""
    after = close(memory, event["ended"])
    known = {task["task"] for task in after["open"]}
    fresh = [opened(spawned) for spawned in event["spawned"] if spawned["task"] not in known]
    after["open"] = after["open"] + fresh
    after["tasks"] += len(memory["open"]) + len(fresh) - len(after["open"])
    after["attempts"] += event["attempt"]
    after["cost_usd"] += event["cost_usd"]
    return after


def close(memory: RunMemory, tasks: Collection[str]) -> RunMemory:
    """These tasks are not waited for any more."""
    return {**memory, "open": [task for task in memory["open"] if task["task"] not in tasks]}


def mark(memory: RunMemory, status: Terminal, reasons: Iterable[ReasonRecord] = ()) -> RunMemory:
    """A part of the run has ended like this."""
    marks = memory["marks"] if status in memory["marks"] else [*memory["marks"], status]
    return {**memory, "marks": marks, "reasons": [*memory["reasons"], *reasons][:_MOST_REASONS]}


def waiting(memory: RunMemory) -> bool:
    """Whether nothing goes on but the wait for people."""
    return bool(memory["open"]) and all(task["review"] for task in memory["open"])


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
        "review": next((task["review"] for task in memory["open"] if task["review"]), ""),
        "in_doubt": memory["in_doubt"],
        "reasons": memory["reasons"],
    }

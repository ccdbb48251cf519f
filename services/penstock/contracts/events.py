"""Run events, made from the envelope of the record they are about."""

from __future__ import annotations

from typing import NamedTuple

from penstock.contracts.answers import Reason
from penstock.contracts.envelope import Envelope
from penstock.contracts.records import Dead, EventKind, Ruling, RunEvent, Spawned, reason_records


class Effort(NamedTuple):
    """What a task took: attempts, and US dollars."""

    attempts: int = 1
    cost_usd: float = 0.0


ONE = Effort()


def task_done(  # noqa: PLR0913 - an event is what it is
    around: Envelope,
    step: str,
    address: str,
    now: int,
    spawned: list[Spawned],
    *,
    ended: list[str] | None = None,
    effort: Effort = ONE,
    outcome: str = "",
    sha256: str = "",
    version: str = "",
) -> RunEvent:
    """A task ended well; `ended` defaults to the task of the envelope."""
    return {
        "kind": "task_done",
        "run": around.run,
        "event": around.event,
        "step": step,
        "task": around.task,
        "item": around.item,
        "round": around.round,
        "attempt": effort.attempts,
        "at": now,
        "deadline": around.deadline,
        "plan": around.digest,
        "input": address,
        "ended": [around.task] if ended is None else ended,
        "spawned": spawned,
        "cost_usd": effort.cost_usd,
        "outcome": outcome,
        "sha256": sha256,
        "version": version,
        "dead": None,
        "ruling": None,
    }


def task_waiting(  # noqa: PLR0913 - an event is what it is
    around: Envelope,
    step: str,
    address: str,
    now: int,
    *,
    wait: float,
    effort: Effort,
    reasons: tuple[Reason, ...],
    origin: str,
    version: str = "",
) -> RunEvent:
    """A task's next attempt may begin in `wait` s, with the record at `address`; the task stays open."""
    event = task_done(around, step, address, now, [], ended=[], effort=effort, outcome="waiting", version=version)
    event["kind"] = "task_waiting"
    event["dead"] = dead_part(reasons, origin=origin)
    event["due"], event["tried"] = now + int(wait * 1000), around.attempt - 1 + effort.attempts
    return event


def dead_part(
    reasons: tuple[Reason, ...], *, origin: str = "", judged: bool = False, suggestion: bytes | None = None
) -> Dead:
    """Why a task is dead; the letter's address is filled in once it is written."""
    return {
        "reasons": reason_records(reasons),
        "letter": "",
        "origin": origin,
        "suggestion": suggestion,
        "judged": judged,
    }


def of_run(  # noqa: PLR0913 - an event is what it is
    kind: EventKind,
    run: str,
    event: str,
    now: int,
    *,
    step: str,
    deadline: int = 0,
    plan: str = "",
    address: str = "",
    spawned: list[Spawned] | None = None,
    outcome: str = "",
    dead: Dead | None = None,
    ruling: Ruling | None = None,
) -> RunEvent:
    """An event about the run itself."""
    return {
        "kind": kind,
        "run": run,
        "event": event,
        "step": step,
        "task": "",
        "item": "",
        "round": 0,
        "attempt": 0,
        "at": now,
        "deadline": deadline,
        "plan": plan,
        "input": address,
        "ended": [],
        "spawned": spawned or [],
        "cost_usd": 0.0,
        "outcome": outcome,
        "sha256": "",
        "version": "",
        "dead": dead,
        "ruling": ruling,
    }

"""Whether an upstream event starts a run: same id and body is the same event, same id and other body is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from penstock.contracts.records import EventMemory
from penstock.errors import Poison

_LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Start:
    """A new event."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The event came before and started `run`."""

    run: str


@dataclass(frozen=True, slots=True)
class Clash:
    """The id came before with another body."""

    run: str


Admission: TypeAlias = Start | Repeat | Clash


def event_id(value: Mapping[str, Any], field: str) -> str:
    """The event's own id; Poison `bad_event_id` when it is not 1 to 200 printable characters."""
    found = value.get(field)
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST_ID or not found.isprintable():
        raise Poison("bad_event_id", f"an event id is 1 to {_LONGEST_ID} printable characters", path=f"/{field}")
    return found


def admit(sha256: bytes, known: EventMemory | None, now: int, remember_ms: int) -> Admission:
    """Decide about an event with this body; `known` is what is remembered of its id, `now` in ms."""
    if known is None or known["at"] + remember_ms <= now:
        return Start()
    return Repeat(known["run"]) if known["sha256"] == sha256 else Clash(known["run"])

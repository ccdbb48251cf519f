"""Whether an effect may be sent: claim before the call, record after it, never again with another payload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from penstock.contracts.records import LedgerEntry, Receipt


@dataclass(frozen=True, slots=True)
class Claim:
    """Nobody has sent it: claim it, then call."""

    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class Repeat:
    """It was claimed and nobody knows what came of it: call again with the same key and payload."""


@dataclass(frozen=True, slots=True)
class Kept:
    """It was sent before; nothing is sent now, whatever the payload is."""

    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class TooLate:
    """The run's deadline is over: nothing is claimed any more."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The supervisor has stopped the run: nothing is claimed any more."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """It was claimed, nobody knows what came of it, and it may not be repeated: `why` says so."""

    why: str


Move: TypeAlias = Claim | Repeat | Kept | TooLate | Stopped | Doubt


def move(entry: LedgerEntry | None, run: str, sha256: str, now: int, deadline: int, *, stopped: bool = False) -> Move:
    """What to do about an effect that came through the gate; `entry` is what the ledger knows under its key.

    A `stopped` run claims nothing new; what it has claimed is finished.
    """
    if entry is None:
        claim = Claim({"state": "claimed", "run": run, "sha256": sha256, "at": now, "receipt": None})
        return Stopped() if stopped else TooLate() if now >= deadline else claim
    if entry["state"] == "recorded":
        return Kept(entry["receipt"])
    if entry["sha256"] != sha256:
        return Doubt(f"run {entry['run']} claimed it with another payload, and nobody knows whether it was sent")
    if now >= deadline:
        return Doubt("it was claimed, and the run's deadline was over before the sink's answer was known")
    return Repeat()


def recorded(entry: LedgerEntry, receipt: Receipt) -> LedgerEntry:
    """The entry once the sink has answered."""
    return {**entry, "state": "recorded", "receipt": receipt}

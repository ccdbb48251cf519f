"""Identifiers, all derived: the same cause always has the same name, so a repeat is recognised as one."""

from __future__ import annotations

from hashlib import blake2b, sha256
from uuid import UUID, uuid5

_NAMESPACE = UUID("8f0e7a52-5c0e-5d0a-9d53-70656e73746f")  # fixed for ever: changing it renames every run
_SEPARATOR = "\x1f"  # cannot stand in a name, so ("a", "bc") and ("ab", "c") differ


def run_id(pipeline: str, cause: str) -> str:
    """Name the run that `cause` (a record address or a request id) started: UUIDv5 (RFC 9562), 36 characters."""
    return str(uuid5(_NAMESPACE, f"{pipeline}{_SEPARATOR}{cause}"))


def task_id(run: str, step: str, item: str = "", round_: int = 0, branch: str = "") -> str:
    """Name one task: 16 hex digits. A join's inputs differ by `branch` and ignore the round."""
    text = f"{run}\x1f{step}\x1f{item}\x1f{round_}\x1f{branch}"
    return blake2b(text.encode(), digest_size=8).hexdigest()


def effect_key(pipeline: str, event: str, step: str, item: str = "") -> str:
    """Idempotency key of an effect: the same for every attempt, round and later run of the event; 32 hex digits."""
    text = _SEPARATOR.join((pipeline, event, step, item))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def digest(payload: bytes) -> str:
    """SHA-256 of a payload, in hex."""
    return sha256(payload).hexdigest()

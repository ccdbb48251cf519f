"""What the type checker must accept: workers, checks, merges and sinks as their authors write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock import ArtifactRef, Conflict, Context, Escalate, Merged, Reason, Reject, Retry, Vote, inline
from penstock.effects.sinks import Sent


@inline
def double(value: dict[str, Any], _ctx: Context) -> dict[str, Any]:
    """A trivial worker keeps its own type under the mark."""
    return {"number": value["number"] * 2}


doubled: dict[str, Any] = double({"number": 1}, Context())


class Ask:
    """A worker with settings, that spends money and may answer anything there is."""

    version = "1"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.price = float(settings["price"])

    async def __call__(self, value: dict[str, Any], ctx: Context) -> dict[str, Any] | Retry | Reject | Escalate:
        """Answer one value."""
        ctx.reserve(self.price)
        ctx.spend(self.price, model="local")
        key: str = ctx.idempotency_key
        if ctx.attempt > 1:
            return Retry("busy", after=2.5)
        if ctx.feedback:
            return Reject((Reason("no_use", path="/text", severity="warning", retryable=True),))
        return {"key": key} if value else Escalate((Reason("empty"),), suggestion={"key": ""})


def shrink(value: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """A worker that reads one artifact, by a record or a value, and stores another."""
    whole: bytes = ctx.artifacts.get(value["file"])
    half: ArtifactRef = ctx.artifacts.put(whole[: len(whole) // 2], "text/plain")
    return {"file": half, "size": len(ctx.artifacts.get(half))}


def check(value: dict[str, Any], ctx: Context) -> Iterable[Reason]:
    """A check of a gate."""
    if value.get("id") != ctx.key:
        yield Reason("other_id", "not the id it came with", "/id", expected=ctx.key, actual=str(value.get("id")))


def merge(votes: Sequence[Vote], concluded: Merged | Conflict) -> Merged | Conflict:
    """A merge of an aggregator."""
    missing = [vote.branch for vote in votes if vote.value is None]
    return Conflict((Reason("missing", ", ".join(missing)),)) if missing else concluded


class Sink:
    """A sink."""

    def send(self, effect: dict[str, Any], key: str) -> Sent:
        """Do it."""
        return Sent(duplicate=not effect, reference=key)

"""What the steps of the shop do: each answers from what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock import Conflict, Merged, Vote

Value = dict[str, Any]


def read(order: Value) -> Value:
    """Take an order as it comes."""
    return order


def risk(order: Value) -> Value:
    """The dearer, the riskier."""
    return {"id": order["id"], "risk": min(order["total"] / 1_000, 1.0)}


def safe(order: Value) -> Value:
    """Nobody cheats for so little."""
    return {"id": order["id"], "risk": 0.0}


def price(line: Value) -> Value:
    """What a line costs."""
    return {"id": line["id"], "sku": line["sku"], "amount": line["price"] * line["count"]}


def where(order: Value) -> str:
    """At home, or abroad."""
    return "home" if order["country"] == "DE" else "abroad"


def whom(order: Value) -> list[str]:
    """Everybody who has to look at it."""
    return ["home", *(["abroad"] if order["country"] != "DE" else [])]


def weigh(part: Value) -> Value:
    """A part, weighed."""
    return part


def highest(votes: Sequence[Vote], _concluded: Merged | Conflict) -> Value:
    """The highest risk that anybody sees."""
    said = [vote.value for vote in votes if vote.value is not None]
    return {"id": said[0]["id"], "risk": max(value["risk"] for value in said)}


def together(votes: Sequence[Vote], _concluded: Merged | Conflict) -> Value:
    """How many of those who were asked have said something, and the highest risk that they see."""
    said = [vote.value for vote in votes if vote.value is not None]
    return {"id": said[0]["id"], "risk": max(value.get("risk", 0.0) for value in said)}


def billed(votes: Sequence[Vote], concluded: Merged | Conflict) -> Merged | Conflict:
    """The bill, and how many lines it has for a risk."""
    if isinstance(concluded, Conflict):
        return concluded
    lines = [vote.value for vote in votes if vote.branch.startswith("check[") and vote.value is not None]
    return Merged({**concluded.value, "risk": float(len(lines))})

"""The oracle of the kill test: its topology's names, and what its trivial workers compute, worked out anew.

ingress ─▶ a ─┬─▶ check ─┬─▶ decide ─▶ gate ─┬─▶ record
              └─▶ b ─────┘                   └─▶ results
"""

from __future__ import annotations

from faults.checker import Expected, Shape
from faults.wire import Value

SHAPE = Shape("kill", ("a", "check", "b", "decide", "gate", "record"), gate="gate", effect="record", event_id="id")
CONTRACTS = {
    "a": "diagram.Job", "check": "diagram.Scored", "b": "diagram.Scored", "gate": "diagram.Result",
    "record": "diagram.Result", "out.results": "diagram.Result",
}  # fmt: skip
BRANCHES = {"check": "diagram.Scored", "b": "diagram.Second"}  # what each writes to the join
_LARGE = 0.5


def expected(event: str, body: Value) -> Expected:
    """What an event leads to: the gate lets only those through on which both workers agree."""
    number = body["number"]
    first = _judged(event, number, number / (1.0 + abs(number)))
    second = _judged(event, number, number / (2.0 + abs(number)))
    agreed = first["label"] == second["label"]
    result: Value = {"id": event, "score": first["score"], "second": second["score"], "agreed": agreed}
    outputs = {
        ("ingress", "a"): body, ("a", "check"): first, ("a", "b"): first, ("check", "decide"): first,
        ("b", "decide"): second, ("decide", "gate"): result,
    }  # fmt: skip
    if not agreed:
        return Expected("rejected", outputs, dead=("gate",), effect=None)
    passed = {("gate", "record"): result, ("gate", "out.results"): result}
    return Expected("succeeded", outputs | passed, dead=(), effect=result)


def _judged(event: str, number: float, score: float) -> Value:
    return {"id": event, "number": number, "score": score, "label": "large" if score >= _LARGE else "small"}

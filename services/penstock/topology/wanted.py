"""What the file format asks for: the keys of each part, why the needed ones are needed, and what comes later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.topology.plan import MergePolicy

TOP: Final = ("pipeline", "description", "limits", "reviews", "ingress", "steps", "deploy")
LIMITS: Final = ("deadline", "tasks", "cost")
REVIEWS: Final = ("expires", "times")
INGRESS: Final = ("contract", "event_id", "remember", "to")
REMEMBER: Final = ("for", "ids")
EDGE: Final = ("step", "when", "otherwise", "each", "most")
ATTEMPTS: Final = ("max", "timeout", "backoff")
HALT: Final = ("in_a_row", "share", "of")
BREAKER: Final = ("failures", "open")
ON_REJECT: Final = ("reruns", "fallback", "review")
CHECK: Final = ("rule", "run", "code", "path", "hint", "waivable", "retryable", "severity", "settings")
POLICIES: Final[Mapping[MergePolicy, tuple[str, ...]]] = {
    "all": (),
    "any": (),
    "first": (),
    "quorum": ("field", "min_agree", "tolerance"),
    "vote": ("field", "min_agree", "tolerance", "missing", "tie"),
    "weighted": ("field", "weights", "weight", "threshold", "tolerance", "missing", "tie"),
    "mean": ("field", "spread", "tolerance", "missing"),
    "prefer": ("order", "field", "tolerance", "missing"),
    "judge": ("judge", "field", "tolerance", "missing"),
}
MERGE: Final = ("policy", *dict.fromkeys(key for keys in POLICIES.values() for key in keys), "run")
STEP: Final = {
    "worker": ("kind", "run", "reads", "writes", "attempts", "cost", "concurrency", "halt", "breaker", "fallback",
               "review", "settings", "to"),
    "router": ("kind", "run", "many", "reads", "attempts", "cost", "concurrency", "halt", "breaker", "settings", "to"),
    "validator": ("kind", "of", "checks", "on_reject", "attempts", "concurrency", "halt", "breaker", "to"),
    "aggregator": ("kind", "of", "gather", "merge", "wait", "writes", "halt", "review", "to"),
    "effect": ("kind", "run", "settings", "attempts", "concurrency", "halt", "breaker", "to"),
    "output": ("kind", "contract", "key", "into", "to"),
}  # fmt: skip

NESTED: Final = {
    key: part
    for part, keys in (
        ("attempts", ATTEMPTS),
        ("on_reject", ON_REJECT),
        ("merge", MERGE),
        ("breaker", BREAKER),
        ("halt", HALT[:2]),
    )
    for key in keys
}

WANTED: Final = {
    "pipeline": ("its name stands in front of every topic", "orders"),
    "limits": ("a graph that may use more is refused", "{deadline: 2m, tasks: 40, cost: 0.05 USD}"),
    "deadline": ("every run must end", "2m"),
    "tasks": ("a graph that may use more is refused", "40"),
    "ingress": ("a pipeline begins with what comes in", "{contract: orders.Order, event_id: id, to: [read]}"),
    "contract": ("what comes in must obey a contract", "orders.Order"),
    "event_id": ("the same event must be known again when it is sent twice", "id"),
    "to": ("what comes in must go somewhere", "[read]"),
    "step": ("an edge leads somewhere", "read"),
    "most": ("every run has a bound, and so has what a list may begin", "20"),
    "kind": ("a step is a worker, router, validator, aggregator, effect or output", "worker"),
    "run": ("something has to do the work", "orders.workers:Read"),
    "writes": ("the next step needs to know what it gets", "orders.Reading"),
    "of": ("it needs to know whose values these are", "read"),
    "checks": ("a gate without checks would pass everything", '[{rule: "value.total >= 0.0", code: negative}]'),
    "code": ("a verdict is acted on by its code", "too-low"),
    "merge": ("how branches become one value must be said", "{policy: all}"),
    "policy": ("how branches become one value must be said", "all"),
    "field": ("this policy compares what the branches say", "label"),
    "tie": ("two answers can be equally strong", "review"),
    "spread": ("a mean hides how far apart its branches are", "0.2"),
    "order": ("somebody must be preferred", "[read]"),
    "prefer": ("somebody must be preferred", "[read]"),
    "at_least": ("it says how many must be there", "2"),
    "judge": ("somebody must be asked", "arbiter"),
    "key": ("readers of the topic need a key", "id"),
}

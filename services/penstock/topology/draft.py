"""What a file says, typed and with places, before anything was checked across steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from penstock.topology.plan import Attempts, Breaker, Halting, MergePolicy, Reviews, Tie, Tolerance
from penstock.topology.report import At, Spot

Kind: TypeAlias = Literal["worker", "validator", "aggregator", "effect", "output"]
_HALTING = Halting()
KINDS: tuple[Kind, ...] = ("worker", "validator", "aggregator", "effect", "output")


@dataclass(frozen=True, slots=True)
class CheckDraft:
    """One entry of `checks:`; exactly one of `rule` and `run` is given in a sound one."""

    spot: Spot
    code: str
    rule: At[str] | None = None
    run: At[str] | None = None
    path: At[str] | None = None
    hint: str = ""
    waivable: bool = False
    retryable: bool = False
    severity: Literal["warning", "error"] = "error"
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MergeDraft:
    """The `merge:` of an aggregator; `at_least` is None where every branch is needed, `order` goes with `prefer`."""

    spot: Spot
    policy: MergePolicy | None = None
    fields: tuple[At[str], ...] = ()
    min_agree: At[int] | None = None
    tolerance: At[Tolerance] | None = None
    spread: At[Tolerance] | None = None
    at_least: At[int] | None = None
    tie: At[Tie] | None = None
    order: tuple[At[str], ...] = ()
    weights: tuple[tuple[At[str], float], ...] = ()
    weights_spot: Spot | None = None
    weight: At[str] | None = None
    threshold: float | None = None
    judge: At[str] | None = None
    run: At[str] | None = None


@dataclass(frozen=True, slots=True)
class StepDraft:
    """One step as written. What its kind does not have is None; `broken` means its mistakes are reported already.

    `review` and `ask_fallback` stand for `review:` and for what a validator's `on_reject:` asks; `keys` are the places
    of all keys that were given.
    """

    name: str
    spot: Spot
    kind: Kind | None
    keys: Mapping[str, Spot]
    broken: bool = False
    to: tuple[At[str], ...] = ()
    to_spot: Spot | None = None
    of: tuple[At[str], ...] = ()
    of_spot: Spot | None = None
    run: At[str] | None = None
    reads: At[str] | None = None
    writes: At[str] | None = None
    fallback: At[str] | None = None
    review: At[bool] | None = None
    ask_fallback: At[bool] | None = None
    attempts: Attempts | None = None
    cost_usd: float = 0.0
    concurrency: int = 16
    halt: Halting = _HALTING
    breaker: Breaker | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[CheckDraft, ...] = ()
    merge: MergeDraft | None = None
    wait_ms: At[int] | None = None
    key: At[str] | None = None


@dataclass(frozen=True, slots=True)
class IngressDraft:
    """The `ingress:` as written."""

    spot: Spot
    contract: At[str] | None
    event_id: At[str] | None
    remember_ms: int
    remember_ids: int
    to: tuple[At[str], ...]


@dataclass(frozen=True, slots=True)
class LimitsDraft:
    """The `limits:` as written."""

    deadline_ms: At[int]
    tasks: At[int]
    cost_usd: At[float]


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole file; `limits` and `ingress` are None where they could not be read."""

    pipeline: str
    description: str
    limits: LimitsDraft | None
    reviews: Reviews
    ingress: IngressDraft | None
    steps: Mapping[str, StepDraft]

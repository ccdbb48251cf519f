"""What a file says, typed and with places, before anything was checked across steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from penstock.topology.plan import Attempts, MergePolicy, Reviews, Tie, Tolerance
from penstock.topology.report import At, Spot

Kind: TypeAlias = Literal["worker", "router", "validator", "aggregator", "effect", "output"]
KINDS: tuple[Kind, ...] = ("worker", "router", "validator", "aggregator", "effect", "output")


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
    retryable: bool | None = None
    severity: Literal["warning", "error"] = "error"
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MergeDraft:
    """The `merge:` of an aggregator; `at_least` is None where every branch is needed, `order` goes with `prefer`.

    Where items are gathered `at_least`, or this `share`, of them have to be there.
    """

    spot: Spot
    policy: MergePolicy | None = None
    fields: tuple[At[str], ...] = ()
    min_agree: At[int] | None = None
    tolerance: At[Tolerance] | None = None
    spread: At[Tolerance] | None = None
    at_least: At[int] | None = None
    share: float = 0.0
    tie: At[Tie] | None = None
    order: tuple[At[str], ...] = ()
    weights: tuple[tuple[At[str], float], ...] = ()
    weights_spot: Spot | None = None
    weight: At[str] | None = None
    threshold: float | None = None
    judge: At[str] | None = None
    run: At[str] | None = None


@dataclass(frozen=True, slots=True)
class Lead:
    """One entry of a `to:`: a step's name, and on what the edge depends; at most one of the three is given."""

    step: At[str]
    when: At[str] | None = None
    otherwise: bool = False
    each: At[str] | None = None
    most: int = 0

    @property
    def value(self) -> str:
        """The name of the step it leads to."""
        return self.step.value

    @property
    def spot(self) -> Spot:
        """Where that name stands."""
        return self.step.spot

    @property
    def plain(self) -> bool:
        """Whether every value takes the edge as it is."""
        return self.when is None and not self.otherwise and self.each is None


@dataclass(frozen=True, slots=True)
class StepDraft:
    """One step as written. What its kind does not have is None; `broken` means its mistakes are reported already.

    `review`, `ask_fallback` and `reruns` stand for `review:` and for what a validator's `on_reject:` asks;
    `keys` are the places of all keys that were given.
    """

    name: str
    spot: Spot
    kind: Kind | None
    keys: Mapping[str, Spot]
    broken: bool = False
    to: tuple[Lead, ...] = ()
    to_spot: Spot | None = None
    of: tuple[At[str], ...] = ()
    of_spot: Spot | None = None
    run: At[str] | None = None
    reads: At[str] | None = None
    writes: At[str] | None = None
    fallback: At[str] | None = None
    review: At[bool] | None = None
    ask_fallback: At[bool] | None = None
    reruns: At[int] | None = None
    attempts: Attempts | None = None
    cost_usd: float = 0.0
    concurrency: int = 16
    many: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[CheckDraft, ...] = ()
    merge: MergeDraft | None = None
    gather: At[str] | None = None
    wait_ms: At[int] | None = None
    key: At[str] | None = None
    into: At[str] | None = None


@dataclass(frozen=True, slots=True)
class IngressDraft:
    """The `ingress:` as written."""

    spot: Spot
    contract: At[str] | None
    event_id: At[str] | None
    remember_ms: int
    remember_ids: int
    to: tuple[Lead, ...]


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

"""The compiled plan: frozen, digested, and the only thing that topics, services and diagrams are read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from penstock.contracts.routes import Way

MergePolicy: TypeAlias = Literal["all", "any", "first", "quorum", "vote", "weighted", "mean", "prefer", "judge"]
MOST_ITEMS = 1_000  # of a fan-out; every task of a run is remembered until it ends
Tie: TypeAlias = Literal["review", "reject", "first", "prefer"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use at the most; the compiler refuses a graph that could use more."""

    deadline_ms: int
    tasks: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Reviews:
    """How long a question to a person stays open, and how many one run may ask."""

    expires_ms: int = 24 * 3_600_000
    times: int = 1


@dataclass(frozen=True, slots=True)
class Ingress:
    """The door: the contract of `p.in`, where its event id stands, and how long and how many are remembered."""

    contract: str
    event_id: str
    remember_ms: int
    remember_ids: int
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often, how long and with which pauses one task is tried; the last pause repeats."""

    max: int = 3
    timeout_ms: int = 30_000
    backoff_ms: tuple[int, ...] = (200, 2_000)


@dataclass(frozen=True, slots=True)
class Ladder:
    """What follows when a task of this step is dead, in this order: re-run, fallback, missing, review, the end.

    `rerun` is the worker that can be asked again: `reruns` times with the verdict, until its fallback `replaced_by` has
    acted, and as often as people want. `fallback` is the step that is run on the same input. `missing` are the (join,
    branch) pairs that will never get a value now, where the join can still conclude. `gate` is the validator through
    which a decision re-enters.
    """

    rerun: str | None = None
    reruns: int = 0
    replaced_by: str | None = None
    fallback: str | None = None
    missing: tuple[tuple[str, str], ...] = ()
    review: bool = False
    gate: str | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """A branch of a join that stays empty where no edge to `by` is taken; see `contracts.routes.Skip`."""

    join: str
    branch: str
    by: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Branching:
    """Where a step's value goes by what it says: `ways` holds the edges that not every value takes as it is.

    `cuts` are the branches that have to be told when they get nothing. `counts` are the (join, branch) pairs that
    gather the items of an edge, by the step that it leads to.
    """

    ways: Mapping[str, Way] = field(default_factory=lambda: MappingProxyType({}))
    cuts: tuple[Cut, ...] = ()
    counts: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Worker:
    """Runs a callable on one message. A fallback `acts_for` the step it replaces, under whose name it speaks."""

    name: str
    run: str
    reads: str
    writes: str
    to: tuple[str, ...]
    attempts: Attempts = Attempts()
    cost_usd: float = 0.0
    concurrency: int = 16
    acts_for: str | None = None
    ladder: Ladder = Ladder()
    branching: Branching = Branching()
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    kind: Literal["worker"] = "worker"


@dataclass(frozen=True, slots=True)
class Router:
    """Passes on what it read, byte for byte, to the one successor that its callable names, or to `many` of them."""

    name: str
    run: str
    reads: str
    to: tuple[str, ...]
    many: bool = False
    attempts: Attempts = Attempts()
    cost_usd: float = 0.0
    concurrency: int = 16
    ladder: Ladder = Ladder()
    branching: Branching = Branching()
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    kind: Literal["router"] = "router"

    @property
    def writes(self) -> str:
        """A router passes on what it read, byte for byte."""
        return self.reads


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a gate: a CEL rule over `value`, or a Python callable, never both."""

    code: str
    rule: str | None = None
    run: str | None = None
    path: str = ""
    severity: Literal["warning", "error"] = "error"
    hint: str = ""
    waivable: bool = False
    retryable: bool = False
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Validator:
    """Passes or rejects the output of the step it judges; the only kind that may write to an effect."""

    name: str
    of: str
    reads: str
    checks: tuple[Check, ...]
    to: tuple[str, ...]
    attempts: Attempts = Attempts()
    concurrency: int = 16
    ladder: Ladder = Ladder()
    branching: Branching = Branching()

    kind: Literal["validator"] = "validator"

    @property
    def writes(self) -> str:
        """A gate passes on what it read, byte for byte."""
        return self.reads


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far apart two numbers may lie: so much, or this share of the larger one, whichever is more."""

    absolute: float = 0.0
    relative: float = 0.0


@dataclass(frozen=True, slots=True)
class Merge:
    """How branches become one value. What a policy does not ask for stands at its default.

    `fields` are compared. `min_agree` is a plain `majority` where it was not written. `at_least` branches must be
    there. `order` ranks all branches: where a tie or the policy prefers one, the first of them is preferred. `weights`
    are per branch, `weight` is a field of each branch's value.
    """

    policy: MergePolicy
    fields: tuple[str, ...] = ()
    min_agree: int = 0
    majority: bool = False
    tolerance: Tolerance = Tolerance()
    spread: Tolerance = Tolerance()
    at_least: int = 1
    tie: Tie = "first"
    order: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    weight: str = ""
    threshold: float = 0.0
    judge: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Gather:
    """How a join outside a fan-out takes the items of `branch`: their values stand under a list field, in item order.

    `at_least` of them, or this `share`, must be there, None for all. `depth` is the number of fan-outs around the join.
    """

    field: str
    branch: str
    at_least: int | None = None
    share: float = 0.0
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Aggregator:
    """Waits for its branches, `reads` names the contract of each, and merges them under a policy."""

    name: str
    of: tuple[str, ...]
    reads: Mapping[str, str]
    merge: Merge
    wait_ms: int | None
    writes: str
    to: tuple[str, ...]
    gather: Gather | None = None
    ladder: Ladder = Ladder()
    branching: Branching = Branching()

    kind: Literal["aggregator"] = "aggregator"


@dataclass(frozen=True, slots=True)
class Effect:
    """Acts on the world through a sink, once per key."""

    name: str
    run: str
    reads: str
    attempts: Attempts = Attempts()
    concurrency: int = 16
    ladder: Ladder = Ladder()
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    kind: Literal["effect"] = "effect"


@dataclass(frozen=True, slots=True)
class Output:
    """A topic for downstream systems, keyed by a field of the value; the step before it writes it.

    With `into` it is the door of another pipeline, where each record is an event.
    """

    name: str
    reads: str
    key: str
    into: str = ""

    kind: Literal["output"] = "output"


Step: TypeAlias = Worker | Router | Validator | Aggregator | Effect | Output


@dataclass(frozen=True, slots=True)
class Bound:
    """The worst case of one run: never more than this, by construction; `dominated_by` names the largest term.

    `wall_ms` counts deadlines and what people may take; `work_ms` only attempts and pauses along the longest path.
    """

    tasks: int
    messages: int
    cost_usd: float
    wall_ms: int
    dominated_by: str
    work_ms: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A pipeline, compiled. `digest` is 16 hex digits of the topology's own content, not of deployment settings."""

    pipeline: str
    description: str
    digest: str
    limits: Limits
    reviews: Reviews
    ingress: Ingress
    steps: Mapping[str, Step]
    bound: Bound

    @property
    def longest_call_ms(self) -> int:
        """The longest single attempt any step may take."""
        return max(
            (s.attempts.timeout_ms for s in self.steps.values() if isinstance(s, Worker | Router | Validator | Effect)),
            default=0,
        )

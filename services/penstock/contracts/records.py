"""The system's own records as typed dictionaries, field for field the Avro contracts in schemas/avro/penstock.

Typed dictionaries, not models: these are written for every record that moves, and a dictionary costs nothing to make.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from penstock.contracts.answers import MOST_REASONS, Reason, Severity

EventKind: TypeAlias = Literal[
    "run_started", "refused", "duplicate", "task_done", "task_dead", "task_waiting",
    "review_requested", "decided", "requested", "late", "run_ended",
]  # fmt: skip
Terminal: TypeAlias = Literal[
    "succeeded", "succeeded_by_fallback", "resolved_by_human", "rejected", "expired", "cancelled", "failed"
]
State: TypeAlias = Literal["running", "retrying", "waiting", "ending"] | Terminal
Offer: TypeAlias = Literal["approve", "edit", "reject", "retry"]

RUN_EVENT = "penstock.RunEvent"
RUN_STATUS = "penstock.RunStatus"
RUN_MEMORY = "penstock.RunMemory"
REVIEW = "penstock.Review"
DECISION = "penstock.Decision"
CLAIM = "penstock.Claim"
MERGE_CONFLICT = "penstock.MergeConflict"
LEDGER_ENTRY = "penstock.LedgerEntry"
JOIN_STATE = "penstock.JoinState"
EVENT_MEMORY = "penstock.EventMemory"
COMMAND = "penstock.Command"
CONTROL = "penstock.Control"


class ReasonRecord(TypedDict):
    """`penstock.Reason`."""

    code: str
    message: str
    path: str
    expected: str
    actual: str
    severity: Severity
    retryable: bool
    hint: str


class Spawned(TypedDict):
    """`penstock.Spawned`."""

    task: str
    step: str
    item: str


class Dead(TypedDict):
    """`penstock.Dead`."""

    reasons: list[ReasonRecord]
    letter: str
    origin: str
    suggestion: bytes | None
    judged: bool


class Ruling(TypedDict):
    """`penstock.Ruling`."""

    review: str
    decision: str
    verdict: str
    by: str
    note: str


class Request(TypedDict):
    """`penstock.Request`."""

    kind: Literal["cancel"]
    by: str
    note: str


class Ballot(TypedDict):
    """`penstock.Vote`."""

    branch: str
    value: str | None
    reasons: list[ReasonRecord]


class RunEvent(TypedDict):
    """`penstock.RunEvent`; what a join, a waiting task or a person alone has to tell, others leave to the default."""

    kind: EventKind
    run: str
    event: str
    step: str
    task: str
    item: str
    round: int
    attempt: int
    at: int
    deadline: int
    plan: str
    input: str
    ended: list[str]
    spawned: list[Spawned]
    cost_usd: float
    outcome: str
    sha256: str
    version: str
    dead: Dead | None
    ruling: Ruling | None
    votes: NotRequired[list[Ballot]]
    due: NotRequired[int]
    tried: NotRequired[int]
    request: NotRequired[Request | None]


class RunStatus(TypedDict):
    """`penstock.RunStatus`."""

    run: str
    event: str
    state: State
    terminal: bool
    started: int
    at: int
    plan: str
    tasks: int
    attempts: int
    cost_usd: float
    fallbacks: int
    reviews: int
    review: str
    in_doubt: list[str]
    reasons: list[ReasonRecord]
    reruns: int
    step: str
    attempt: int
    attempts_allowed: int
    due: int


class MergeConflict(TypedDict):
    """`penstock.MergeConflict`."""

    run: str
    step: str
    policy: str
    field: str
    votes: list[Ballot]
    reasons: list[ReasonRecord]
    suggestion: bytes | None


class Review(TypedDict):
    """`penstock.Review`."""

    review: str
    run: str
    event: str
    state: Literal["open", "decided", "expired", "withdrawn"]
    step: str
    gate: str
    task: str
    item: str
    round: int
    letter: str
    contract: str
    value: bytes | None
    sha256: str
    reasons: list[ReasonRecord]
    votes: list[Ballot]
    offers: list[Offer]
    opened: int
    expires: int
    plan: str
    decided_by: str
    decision: str
    origin: str


class Decision(TypedDict):
    """`penstock.Decision`."""

    review: str
    run: str
    step: str
    gate: str
    verdict: Offer
    sha256: str
    contract: str
    payload: bytes | None
    by: str
    at: int
    note: str


class Claim(TypedDict):
    """`penstock.Claim`."""

    review: str
    run: str
    kind: Literal["claim", "release"]
    by: str
    at: int
    until: int


class Receipt(TypedDict):
    """`penstock.Receipt`."""

    key: str
    run: str
    step: str
    sha256: str
    at: int
    outcome: Literal["sent", "duplicate"]
    reference: str


class LedgerEntry(TypedDict):
    """`penstock.LedgerEntry`."""

    state: Literal["claimed", "recorded"]
    run: str
    sha256: str
    at: int
    receipt: Receipt | None


class Branch(TypedDict):
    """`penstock.Branch`."""

    branch: str
    task: str
    contract: str
    value: bytes | None
    reasons: list[ReasonRecord]
    skipped: bool
    count: int


class JoinState(TypedDict):
    """`penstock.JoinState`."""

    run: str
    event: str
    item: str
    round: int
    deadline: int
    plan: str
    due: int
    closed: bool
    origin: str
    branches: list[Branch]
    heard: int
    seen: int


class OpenTask(TypedDict):
    """`penstock.OpenTask`."""

    task: str
    step: str
    review: str
    due: int
    gate: str
    sha256: str
    item: str
    origin: str
    address: str
    attempt: int
    round: int
    deadline: int


class RunMemory(TypedDict):
    """`penstock.RunMemory`."""

    run: str
    event: str
    started: int
    deadline: int
    plan: str
    round: int
    open: list[OpenTask]
    tasks: int
    attempts: int
    cost_usd: float
    used: list[str]
    marks: list[Terminal]
    in_doubt: list[str]
    reasons: list[ReasonRecord]
    ending: Literal["", "cancelled", "expired"]


class EventMemory(TypedDict):
    """`penstock.EventMemory`."""

    sha256: bytes
    run: str
    at: int


class Command(TypedDict):
    """`penstock.Command`."""

    kind: Literal["run", "missing", "decided", "skip", "count"]
    address: str
    branch: str
    review: str
    sha256: str
    reasons: list[ReasonRecord]
    count: int


class Control(TypedDict):
    """`penstock.Control`."""

    run: str
    kind: Literal["stop"]
    at: int
    reason: str


def reason_of(record: ReasonRecord) -> Reason:
    """The reason a record stands for."""
    fields: dict[str, Any] = dict(record)
    return Reason(**fields)


def reason_records(reasons: tuple[Reason, ...]) -> list[ReasonRecord]:
    """Reasons as Avro records, the first so many."""
    return [ReasonRecord(**reason.record()) for reason in reasons[:MOST_REASONS]]  # type: ignore[typeddict-item]  # same fields, checked by a test

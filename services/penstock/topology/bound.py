"""The worst case of one run: every attempt, re-run, fallback, review, gate and join that could happen, added up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from penstock.topology import timing
from penstock.topology.plan import Aggregator, Bound, Effect, Output, Validator, Worker
from penstock.topology.scalars import spell

if TYPE_CHECKING:
    from penstock.topology.draft import Draft, LimitsDraft
    from penstock.topology.graph import Graph
    from penstock.topology.plan import Plan
    from penstock.topology.report import Report

SKEW_MS = 2_000  # the default of the setting by which clocks may differ
_RUN_MESSAGES = 5  # run.started, run.ended, the status; a person's request to cancel, and that the run is about to end
_STOP_MESSAGES = 2  # to the executors of effects, and its tombstone
_REVIEW_MESSAGES = 10  # request, question, its end, decision, decided, two statuses; to the gate, its event, its letter
_RETRY_MESSAGES = 3  # the command to the worker, its event, and its output or dead letter
_WAIT_MESSAGES = 4  # that it waits and until when, the command that ends it, and the status before and after
_IN_MEMORY_MS = 10_000  # what is longer is waited for by the supervisor
_SHOWN = 6

Asking: TypeAlias = Worker | Validator | Aggregator
Tried: TypeAlias = Worker | Validator


@dataclass(frozen=True, slots=True)
class Term:
    """What one step, with all its rounds and attempts, may add to a run; `how` says it in words."""

    step: str
    tasks: int
    messages: int
    cost_usd: float
    how: str


def terms(plan: Plan) -> tuple[Term, ...]:
    """Every step's share of the worst case, and what reviews add. Outputs run nothing."""
    again = {s.ladder.rerun: s.ladder.reruns for s in plan.steps.values() if isinstance(s, Validator)}
    shares = [_share(step, again.get(step.name, 0)) for step in plan.steps.values() if not isinstance(step, Output)]
    decisions = [_decision(plan, step) for step in _asking(plan) if step.ladder.review]
    if (times := plan.reviews.times) and decisions:
        tries, messages = max(one.tasks for one in decisions), max(one.messages for one in decisions)
        how = f"{_many(times, 'decision')} x {_many(tries, 'attempt')}"
        cost = times * max(one.cost_usd for one in decisions)
        shares.append(Term("reviews", times * tries, times * messages, cost, how))
    return tuple(shares)


def fold(plan: Plan, graph: Graph) -> Bound:
    """The bound of a plan whose steps are complete.

    Messages are records to steps, outputs, dead letters, and the system's own topics; changelogs are not counted, nor
    who claims a review.

    Wall time is rounds x deadline, what people may take, and the last call: every round has a deadline of its own.
    """
    shares = terms(plan)
    tasks = sum(share.tasks for share in shares)
    largest = max(shares, key=lambda share: share.tasks)
    tokens = {pair for step in _asking(plan) for pair in step.ladder.missing}
    decisions = plan.reviews.times if _review_gates(plan) else 0
    rounds = 1 + _commands_in_a_row(plan, graph) + decisions
    stops = _STOP_MESSAGES if any(isinstance(step, Effect) for step in plan.steps.values()) else 0
    waits = decisions * plan.reviews.expires_ms
    return Bound(
        tasks=tasks,
        messages=len(plan.ingress.to) + _RUN_MESSAGES + stops + len(tokens) + sum(share.messages for share in shares),
        cost_usd=round(sum(share.cost_usd for share in shares), 9),
        wall_ms=rounds * plan.limits.deadline_ms + waits + plan.longest_call_ms + SKEW_MS,
        dominated_by=f"{largest.step}: {largest.tasks} of {tasks} tasks ({largest.how})",
        work_ms=timing.longest(plan.steps, graph).ms,
    )


def hold(plan: Plan, graph: Graph, draft: Draft, report: Report) -> None:
    """Refuse a plan whose work cannot end in time, or that may use more than its limits."""
    if (limits := draft.limits) is None:
        return
    _hold_time(plan, graph, limits, report)
    for step in draft.steps.values():
        if step.wait_ms is not None and step.wait_ms.value > limits.deadline_ms.value:
            report.add("E091", step.wait_ms.spot, name=step.name, wait=spell(step.wait_ms.value),
                       deadline=spell(limits.deadline_ms.value))  # fmt: skip
    bound = plan.bound
    if bound.tasks > limits.tasks.value:
        report.add("E092", limits.tasks.spot, needed=bound.tasks, limit=limits.tasks.value, largest=bound.dominated_by)
    if bound.cost_usd > limits.cost_usd.value:
        dearest = max(terms(plan), key=lambda share: share.cost_usd)
        report.add("E093", limits.cost_usd.spot, needed=dollars(bound.cost_usd), limit=dollars(limits.cost_usd.value),
                   largest=f"{dearest.step}: {dollars(dearest.cost_usd)} ({dearest.how})")  # fmt: skip


def dollars(amount: float) -> str:
    """An amount of money as the file writes it."""
    return f"{amount:.9f}".rstrip("0").rstrip(".") + " USD"


def _hold_time(plan: Plan, graph: Graph, limits: LimitsDraft, report: Report) -> None:
    paths = (timing.longest(plan.steps, graph), timing.longest_after_fallback(plan.steps, graph))
    slowest = max(paths, key=lambda path: path.ms)
    if slowest.ms > limits.deadline_ms.value:
        shown = " > ".join(slowest.steps if len(slowest.steps) <= _SHOWN else (*slowest.steps[:_SHOWN], "..."))
        needed = spell(-(-slowest.ms // 1_000) * 1_000)  # whole seconds, which the file can say
        report.add("E090", limits.deadline_ms.spot, deadline=spell(limits.deadline_ms.value), path=shown, needed=needed)


def _share(step: Worker | Validator | Aggregator | Effect, reruns: int) -> Term:
    """What a step may add; a worker is asked again `reruns` times by its gate."""
    match step:
        case Worker():
            runs, tries = 1 + reruns, step.attempts.max
            asked = reruns if step.acts_for is None else 1
            how = _rounds(runs, "run", tries) + (f" for {step.acts_for}" if step.acts_for else "")
            each = 1 + max(1, len(step.to)) + _waits(step)
            return Term(step.name, runs * tries, asked + runs * each, runs * tries * step.cost_usd, how)
        case Validator():
            rounds, tries = 1 + step.ladder.reruns + (step.ladder.fallback is not None), step.attempts.max
            messages = rounds * (1 + _waits(step)) + (rounds - 1) + max(1, len(step.to))
            return Term(step.name, rounds * tries, messages, 0.0, _rounds(rounds, "round", tries))
        case Aggregator():
            late = len(step.of) - 1  # a join may conclude without them, and each is told of when it comes
            return Term(step.name, 1, 1 + max(1, len(step.to)) + late, 0.0, "one merge")
        case Effect():
            return Term(step.name, step.attempts.max, 2, 0.0, _many(step.attempts.max, "attempt"))


def _decision(plan: Plan, step: Asking) -> Term:
    """What one decision about a dead step may add: its gate asks again, and a worker before it where one can retry."""
    gate = plan.steps[step.ladder.gate or ""]
    worker = plan.steps[step.ladder.rerun] if step.ladder.rerun else None
    if not isinstance(gate, Validator):
        raise AssertionError("a review without a gate was reported")  # noqa: TRY004 - no type of a caller's is wrong
    tasks, messages = gate.attempts.max, _REVIEW_MESSAGES + _waits(gate)
    if not isinstance(worker, Worker):
        return Term(step.name, tasks, messages, 0.0, "")
    tries = worker.attempts.max
    more = _RETRY_MESSAGES + _waits(worker)
    return Term(step.name, tasks + tries, messages + more, tries * worker.cost_usd, "")


def _waits(step: Tried) -> int:
    """Messages of pauses that are too long for memory: a worker may ask for one after each attempt but the last."""
    tries, pauses = step.attempts, step.attempts.backoff_ms
    if isinstance(step, Worker):
        return _WAIT_MESSAGES * (tries.max - 1)
    last = len(pauses) - 1
    long = sum(pauses[min(at, last)] > _IN_MEMORY_MS for at in range(tries.max - 1)) if pauses else 0
    return _WAIT_MESSAGES * long


def _rounds(rounds: int, thing: str, tries: int) -> str:
    return f"{_many(rounds, thing)} x {_many(tries, 'attempt')}" if rounds > 1 else _many(tries, "attempt")


def _asking(plan: Plan) -> list[Asking]:
    return [step for step in plan.steps.values() if isinstance(step, Asking)]


def _review_gates(plan: Plan) -> list[Validator]:
    """The gates through which decisions may re-enter."""
    names = {step.ladder.gate for step in _asking(plan) if step.ladder.review}
    return [step for step in plan.steps.values() if isinstance(step, Validator) and step.name in names]


def _commands_in_a_row(plan: Plan, graph: Graph) -> int:
    """How many fallbacks and re-runs one path can have, each opening a round."""
    most: dict[str, int] = {}
    for name in graph.order:
        step = plan.steps[name]
        own = step.ladder.reruns if isinstance(step, Validator) else 0
        own += isinstance(step, Worker | Aggregator) and step.ladder.fallback is not None
        most[name] = own + max((most[edge.source] for edge in graph.into[name] if edge.source in most), default=0)
    return max(most.values(), default=0)


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"

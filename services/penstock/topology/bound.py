"""The worst case of one run: every attempt, re-run, fallback, review, gate and join that could happen, added up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from penstock.contracts.routes import ALWAYS
from penstock.topology import timing
from penstock.topology.plan import Aggregator, Bound, Effect, Output, Router, Validator, Worker
from penstock.topology.scalars import spell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.topology.branching import Branches
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

Asking: TypeAlias = Worker | Router | Validator | Aggregator
Tried: TypeAlias = Worker | Router | Validator


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
    often = runs(plan)
    again = {s.ladder.rerun: s.ladder.reruns for s in plan.steps.values() if isinstance(s, Validator)}
    working = [step for step in plan.steps.values() if not isinstance(step, Output)]
    shares = [_times(_share(step, again.get(step.name, 0)), often[step.name]) for step in working]
    decisions = [_decision(plan, step) for step in _asking(plan) if step.ladder.review]
    if (times := plan.reviews.times) and decisions:
        tries, messages = max(one.tasks for one in decisions), max(one.messages for one in decisions)
        how = f"{_many(times, 'decision')} x {_many(tries, 'attempt')}"
        cost = times * max(one.cost_usd for one in decisions)
        shares.append(Term("reviews", times * tries, times * messages, cost, how))
    return tuple(shares)


def runs(plan: Plan) -> Mapping[str, int]:
    """How often each step may run in one round of a run: once for each item of the fan-outs that it stands in."""
    found = dict.fromkeys(plan.ingress.to, 1)
    ahead = list(found)
    while ahead:
        step = plan.steps[ahead.pop()]
        if isinstance(step, Effect | Output):
            continue
        for target in step.to:
            way = step.branching.ways.get(target, ALWAYS)
            often = found[step.name] * (way.most or 1)
            joined = plan.steps[target]
            if isinstance(joined, Aggregator) and joined.gather is not None and joined.gather.branch == step.name:
                continue  # it is reached by the count, too
            if target not in found:
                found[target] = often
                ahead.append(target)
        gathering = {join for pairs in step.branching.counts.values() for join, _ in pairs} - found.keys()
        found |= dict.fromkeys(gathering, found[step.name])
        ahead += gathering
    acting = {step.name: found[step.acts_for] for step in plan.steps.values()
              if isinstance(step, Worker) and step.acts_for is not None}  # fmt: skip
    return found | acting


def fold(plan: Plan, branches: Branches) -> Bound:
    """The bound of a plan whose steps are complete.

    Messages are records to steps, outputs, dead letters, and the system's own topics; changelogs are not counted, nor
    who claims a review.

    Wall time is rounds x deadline, what people may take, and the last call: every round has a deadline of its own.
    """
    shares, graph = terms(plan), branches.graph
    tasks = sum(share.tasks for share in shares)
    largest = max(shares, key=lambda share: share.tasks)
    decisions = plan.reviews.times if _review_gates(plan) else 0
    rounds = 1 + _commands_in_a_row(plan, graph) + decisions
    stops = _STOP_MESSAGES if any(isinstance(step, Effect) for step in plan.steps.values()) else 0
    waits = decisions * plan.reviews.expires_ms
    return Bound(
        tasks=tasks,
        messages=len(plan.ingress.to) + _RUN_MESSAGES + stops + _tokens(plan) + sum(share.messages for share in shares),
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


def _tokens(plan: Plan) -> int:
    """What joins may be told beside values: one word of each branch of each item, and how many items there are."""
    often = runs(plan)
    asking = _asking(plan)
    told = {pair for step in asking for pair in step.ladder.missing}
    told |= {(cut.join, cut.branch) for step in asking for cut in step.branching.cuts}
    counts = [join for step in asking for pairs in step.branching.counts.values() for join, _ in pairs]
    late = [step.gather.branch for step in asking if isinstance(step, Aggregator) and step.gather is not None]
    return sum(often[name] for name in (*(branch for _, branch in told), *counts, *late))


def _times(share: Term, often: int) -> Term:
    """The share of a step that runs so often."""
    if often == 1:
        return share
    how = f"{_many(often, 'item')} x {share.how}"
    return Term(share.step, often * share.tasks, often * share.messages, often * share.cost_usd, how)


def _sent(step: Asking) -> int:
    """Records to the steps and outputs that come next, or one dead letter."""
    return max(1, sum(step.branching.ways.get(target, ALWAYS).most or 1 for target in step.to))


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


def _share(step: Asking | Effect, reruns: int) -> Term:
    """What a step may add; a worker is asked again `reruns` times by its gate."""
    match step:
        case Worker():
            runs, tries = 1 + reruns, step.attempts.max
            asked = reruns if step.acts_for is None else 1
            how = _rounds(runs, "run", tries) + (f" for {step.acts_for}" if step.acts_for else "")
            each = 1 + _sent(step) + _waits(step)
            return Term(step.name, runs * tries, asked + runs * each, runs * tries * step.cost_usd, how)
        case Router():
            tries = step.attempts.max
            return Term(
                step.name, tries, 1 + _sent(step) + _waits(step), tries * step.cost_usd, _many(tries, "attempt")
            )
        case Validator():
            rounds, tries = 1 + step.ladder.reruns + (step.ladder.fallback is not None), step.attempts.max
            messages = rounds * (1 + _waits(step)) + (rounds - 1) + _sent(step)
            return Term(step.name, rounds * tries, messages, 0.0, _rounds(rounds, "round", tries))
        case Aggregator():
            late = len(step.of) - 1  # a join may conclude without them, and each is told of when it comes
            return Term(step.name, 1, 1 + _sent(step) + late, 0.0, "one merge")
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
    if isinstance(step, Worker | Router):
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

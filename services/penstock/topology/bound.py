"""The worst case of one run: every attempt, fallback, review, gate and join that could happen, added up."""

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
_RUN_MESSAGES = 3  # run.started, run.ended, the status
_REVIEW_MESSAGES = 8  # request, question, its end, decision, decided; command to the gate, its event, its dead letter
_SHOWN = 6

Asking: TypeAlias = Worker | Router | Validator | Aggregator


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
    shares = [_times(_share(step), often[step.name]) for step in plan.steps.values() if not isinstance(step, Output)]
    tries = [gate.attempts.max for gate in _review_gates(plan)]
    if (times := plan.reviews.times) and tries:
        how = f"{_many(times, 'decision')} x {_many(max(tries), 'attempt')}"
        shares.append(Term("reviews", times * max(tries), times * _REVIEW_MESSAGES, 0.0, how))
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

    Messages are records to steps, outputs, dead letters, and the system's own topics; changelogs are not counted.
    Wall time is rounds x deadline, what people may take, and the last call: every round has a deadline of its own.
    """
    shares, graph = terms(plan), branches.graph
    tasks = sum(share.tasks for share in shares)
    largest = max(shares, key=lambda share: share.tasks)
    decisions = plan.reviews.times if _review_gates(plan) else 0
    rounds = 1 + _fallbacks_in_a_row(plan, graph) + decisions
    waits = decisions * plan.reviews.expires_ms
    return Bound(
        tasks=tasks,
        messages=len(plan.ingress.to) + _RUN_MESSAGES + _tokens(plan) + sum(share.messages for share in shares),
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


def _share(step: Asking | Effect) -> Term:
    match step:
        case Worker():
            tries, asked = step.attempts.max, 0 if step.acts_for is None else 1
            how = _many(tries, "attempt") + (f" for {step.acts_for}" if step.acts_for else "")
            return Term(step.name, tries, asked + 1 + _sent(step), tries * step.cost_usd, how)
        case Router():
            tries = step.attempts.max
            return Term(step.name, tries, 1 + _sent(step), tries * step.cost_usd, _many(tries, "attempt"))
        case Validator():
            rounds, tries = 1 if step.ladder.fallback is None else 2, step.attempts.max
            how = f"{_many(rounds, 'round')} x {_many(tries, 'attempt')}" if rounds > 1 else _many(tries, "attempt")
            return Term(step.name, rounds * tries, rounds + (rounds - 1) + _sent(step), 0.0, how)
        case Aggregator():
            late = len(step.of) - 1  # a join may conclude without them, and each is told of when it comes
            return Term(step.name, 1, 1 + _sent(step) + late, 0.0, "one merge")
        case Effect():
            return Term(step.name, step.attempts.max, 2, 0.0, _many(step.attempts.max, "attempt"))


def _asking(plan: Plan) -> list[Asking]:
    return [step for step in plan.steps.values() if isinstance(step, Asking)]


def _review_gates(plan: Plan) -> list[Validator]:
    """The gates through which decisions may re-enter."""
    names = {step.ladder.gate for step in _asking(plan) if step.ladder.review}
    return [step for step in plan.steps.values() if isinstance(step, Validator) and step.name in names]


def _fallbacks_in_a_row(plan: Plan, graph: Graph) -> int:
    """How many fallbacks one path can have, each opening a round."""
    most: dict[str, int] = {}
    for name in graph.order:
        step = plan.steps[name]
        own = isinstance(step, Worker | Aggregator) and step.ladder.fallback is not None
        most[name] = own + max((most[edge.source] for edge in graph.into[name] if edge.source in most), default=0)
    return max(most.values(), default=0)


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"

"""From a sound draft to the steps of a plan, defaults filled in and ladders computed."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from penstock.contracts.routes import ALWAYS
from penstock.topology import gates
from penstock.topology.plan import (
    Aggregator,
    Attempts,
    Bound,
    Branching,
    Check,
    Effect,
    Gather,
    Ingress,
    Ladder,
    Limits,
    Merge,
    Output,
    Plan,
    Router,
    Step,
    Tolerance,
    Validator,
    Worker,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from penstock.topology.branching import Branches
    from penstock.topology.draft import CheckDraft, Draft, MergeDraft, StepDraft
    from penstock.topology.fit import Speech

BY_RULES = Attempts(max=1, timeout_ms=1_000, backoff_ms=())  # a rule takes microseconds and cannot fail for a while
BY_CHECKS = Attempts(max=2, timeout_ms=5_000, backoff_ms=(200,))  # a check in Python may ask a model
BY_SINK = Attempts(max=3, timeout_ms=10_000, backoff_ms=(200, 2_000))
HALF = 0.5  # of the weight, where a weighted vote names no threshold
UNBOUND = Bound(tasks=0, messages=0, cost_usd=0.0, wall_ms=0, dominated_by="")


def plan(draft: Draft, branches: Branches, said: Speech) -> Plan:
    """The plan of a draft in which nothing is wrong; its bound and digest are still to come."""
    ingress, limits = draft.ingress, draft.limits
    if ingress is None or limits is None or ingress.contract is None or ingress.event_id is None:
        raise AssertionError("a draft without ingress or limits was reported")
    room = _Room(draft, branches, said)
    return Plan(
        pipeline=draft.pipeline,
        description=draft.description,
        digest="",
        limits=Limits(limits.deadline_ms.value, limits.tasks.value, limits.cost_usd.value),
        reviews=draft.reviews,
        ingress=Ingress(
            contract=ingress.contract.value,
            event_id=ingress.event_id.value,
            remember_ms=ingress.remember_ms,
            remember_ids=ingress.remember_ids,
            to=tuple(target.value for target in ingress.to),
        ),
        steps=MappingProxyType({name: room.step(step) for name, step in draft.steps.items()}),
        bound=UNBOUND,
    )


class _Room:
    """Everything a step's parts are computed from."""

    def __init__(self, draft: Draft, branches: Branches, said: Speech) -> None:
        self.draft, self.branches, self.graph, self.said = draft, branches, branches.graph, said

    def step(self, step: StepDraft) -> Step:
        """One step of the plan."""
        match step.kind:
            case "worker":
                return self._worker(step)
            case "router":
                return self._router(step)
            case "validator":
                return self._validator(step)
            case "aggregator":
                return self._aggregator(step)
            case "effect":
                return self._effect(step)
            case _:
                key, into = step.key.value if step.key else "", step.into.value if step.into else ""
                return Output(step.name, self.said.reads[step.name], key, into)

    def _worker(self, step: StepDraft) -> Worker:
        main = self.graph.acts_for.get(step.name)
        return Worker(
            name=step.name,
            run=step.run.value if step.run else "",
            reads=self.said.reads[step.name],
            writes=self.said.writes[step.name],
            to=_names(self.draft.steps[main or step.name]),
            attempts=step.attempts or Attempts(),
            cost_usd=step.cost_usd,
            concurrency=step.concurrency,
            acts_for=main,
            ladder=self._ladder(step),
            branching=self._branching(self.draft.steps[main or step.name]),
            settings=_settings(step.settings),
        )

    def _router(self, step: StepDraft) -> Router:
        return Router(
            name=step.name,
            run=step.run.value if step.run else "",
            reads=self.said.reads[step.name],
            to=_names(step),
            many=step.many,
            attempts=step.attempts or Attempts(),
            cost_usd=step.cost_usd,
            concurrency=step.concurrency,
            ladder=self._ladder(step),
            branching=self._branching(step),
            settings=_settings(step.settings),
        )

    def _validator(self, step: StepDraft) -> Validator:
        only_rules = all(check.rule is not None for check in step.checks)
        return Validator(
            name=step.name,
            of=step.of[0].value,
            reads=self.said.reads[step.name],
            checks=tuple(_check(one, again=_reruns(step) > 0) for one in step.checks),
            to=_names(step),
            attempts=step.attempts or (BY_RULES if only_rules else BY_CHECKS),
            concurrency=step.concurrency,
            ladder=self._ladder(step),
            branching=self._branching(step),
        )

    def _aggregator(self, step: StepDraft) -> Aggregator:
        return Aggregator(
            name=step.name,
            of=tuple(of.value for of in step.of),
            reads=MappingProxyType(self.said.branches[step.name]),
            merge=_merge(step.merge, tuple(of.value for of in step.of)),
            wait_ms=step.wait_ms.value if step.wait_ms else None,
            writes=self.said.writes[step.name],
            to=_names(step),
            gather=self._gather(step),
            ladder=self._ladder(step),
            branching=self._branching(step),
        )

    def _gather(self, step: StepDraft) -> Gather | None:
        if step.gather is None or step.merge is None:
            return None
        (edge,) = self.branches.inside(step.name)
        at_least = step.merge.at_least
        return Gather(
            field=step.gather.value,
            branch=edge.source,
            at_least=at_least.value if at_least else None,
            share=step.merge.share,
            depth=len(self.branches.scopes[step.name]),
        )

    def _branching(self, step: StepDraft) -> Branching:
        ways = {
            edge.target: replace(edge.way, contract=self.said.items.get((step.name, edge.target), ""))
            for edge in self.graph.out_of[step.name]
            if edge.way != ALWAYS
        }
        counts = self.branches.counts(step.name)
        return Branching(MappingProxyType(ways), self.branches.cuts(step.name), MappingProxyType(counts))

    def _effect(self, step: StepDraft) -> Effect:
        return Effect(
            name=step.name,
            run=step.run.value if step.run else "",
            reads=self.said.reads[step.name],
            attempts=step.attempts or BY_SINK,
            concurrency=step.concurrency,
            settings=_settings(step.settings),
        )

    def _ladder(self, step: StepDraft) -> Ladder:
        main = self.draft.steps[self.graph.acts_for.get(step.name, step.name)]
        fallback = step.fallback.value if step.fallback else None
        if step.ask_fallback is not None and step.ask_fallback.value:  # never of a join, whose judge is not asked twice
            judged = self.draft.steps[step.of[0].value].fallback
            fallback = judged.value if judged else None
        again = gates.asked_again(self.draft, self.graph, step.name)
        stand_in = self.draft.steps[again].fallback if again else None
        return Ladder(
            rerun=again,
            reruns=_reruns(step) if again else 0,
            replaced_by=stand_in.value if stand_in else None,
            fallback=fallback,
            missing=self.branches.missing.get(main.name, ()),
            review=gates.asks_people(main) is not None or gates.asks_people(step) is not None,
            gate=gates.gate_of(self.draft, self.graph, step.name),
        )


def _names(step: StepDraft) -> tuple[str, ...]:
    return tuple(target.value for target in step.to)


def _settings(given: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(given))


def _reruns(step: StepDraft) -> int:
    return step.reruns.value if step.reruns else 0


def _check(one: CheckDraft, *, again: bool) -> Check:
    """A check; where the judged worker is asked `again`, what it finds can be mended unless it says otherwise."""
    return Check(
        code=one.code,
        rule=one.rule.value if one.rule else None,
        run=one.run.value if one.run else None,
        path=one.path.value if one.path else "",
        severity=one.severity,
        hint=one.hint,
        waivable=one.waivable,
        retryable=again if one.retryable is None else one.retryable,
        settings=_settings(one.settings),
    )


def _merge(given: MergeDraft | None, of: tuple[str, ...]) -> Merge:
    if given is None or given.policy is None:
        raise AssertionError("an aggregator without a policy was reported")
    majority = len(of) // 2 + 1 if given.policy in {"quorum", "vote"} else 0
    preferred = dict.fromkeys((*(name.value for name in given.order), *of))  # who is not named comes after
    return Merge(
        policy=given.policy,
        fields=tuple(name.value for name in given.fields),
        min_agree=given.min_agree.value if given.min_agree else majority,
        majority=bool(majority) and given.min_agree is None,
        tolerance=given.tolerance.value if given.tolerance else Tolerance(),
        spread=given.spread.value if given.spread else Tolerance(),
        at_least=given.at_least.value if given.at_least else len(of),
        tie=given.tie.value if given.tie else "first",
        order=tuple(preferred),
        weights=MappingProxyType({name.value: weight for name, weight in given.weights}),
        weight=given.weight.value if given.weight else "",
        threshold=HALF if given.threshold is None and given.policy == "weighted" else given.threshold or 0.0,
        judge=given.judge.value if given.judge else None,
        run=given.run.value if given.run else None,
    )

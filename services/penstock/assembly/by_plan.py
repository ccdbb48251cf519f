"""A step under every plan that has messages left: its room serves each as that plan has it, with today's handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from penstock.assembly.published import Plans
from penstock.contracts.envelope import Envelope
from penstock.contracts.records import RunEvent, RunMemory
from penstock.errors import Poison
from penstock.runtime.kit import Kit
from penstock.runtime.ports import Record
from penstock.runtime.service import Answer, Done, Later, Message, Service, View
from penstock.topology.plan import Plan, Step

Build = Callable[[Plan, str, Kit], Service]
PATIENCE = 30.0  # s that a record waits for its plan: whoever applies and starts processes may do both at once
_PLAN = "plan"  # the field of a run's events, and of what a step keeps of it


def by_plan(plans: Plans, step: str, kit: Kit, build: Build) -> Service:
    """The step's service as today's plan has it, save that each record is answered by the service of its own plan."""
    today = build(plans.own, step, kit)
    shift = _Shift(plans, step, kit, build, today)
    keeps = today.keeps
    if keeps is not None and _PLAN in kit.codec.fields(keeps.contract):
        keeps = replace(keeps, due=shift.due if keeps.due else None, expire=shift.expire if keeps.expire else None)
    return replace(
        today,
        contracts=kit.codec.contracts,  # those of each plan are looked at when it is known which
        answer=shift.answer if today.enveloped else shift.account,
        bury=shift.bury,
        keeps=keeps,
        follows=(plans.follows, *today.follows),
    )


class _Shift:
    """One step's services by digest, each made when its first record comes."""

    def __init__(self, plans: Plans, step: str, kit: Kit, build: Build, today: Service) -> None:
        self._plans = plans
        self._step = step
        self._kit = kit
        self._build = build
        self._today = today
        self._services = {plans.own.digest: today}
        self._impossible: dict[str, str] = {}

    def answer(self, message: Message, view: View) -> Answer:
        """Of a step: by the digest in the envelope."""
        assert message.envelope is not None  # noqa: S101 - the loop buries a message without one
        digest = message.envelope.digest
        service = self._services.get(digest) or self._served(digest)
        if service is None:
            return self._later(digest)
        if message.contract not in service.contracts:
            raise Poison("wrong_contract", f"{message.contract} is not what {self._step} takes")
        return service.answer(message, view)

    def account(self, message: Message, view: View) -> Answer:
        """Of the supervisor: by the run's plan. A run begins, and so ends in time, whatever its plan is."""
        event: RunEvent = message.value  # type: ignore[assignment]  # the supervisor reads nothing else
        if message.contract not in self._today.contracts:
            raise Poison("wrong_contract", f"{message.contract} is not what {self._step} takes")
        digest = event["plan"] or self._kept(event["run"], view)
        service = self._services.get(digest) or self._served(digest)
        if service is None:
            if event["kind"] != "run_started":
                return self._later(digest)
            service = self._today
        return service.answer(message, view)

    def bury(self, record: Record, around: Envelope | None, poison: Poison, now: int) -> Done:
        """Under the record's plan, or today's where nobody knows it."""
        return self._of(around.digest if around is not None else "").bury(record, around, poison, now)

    def due(self, value: Mapping[str, Any]) -> int | None:
        """Under the plan of what is kept."""
        keeps = self._of(value[_PLAN]).keeps
        assert keeps is not None  # noqa: S101 - it is the same room
        assert keeps.due is not None  # noqa: S101 - the same
        return keeps.due(value)

    def expire(self, key: str, view: View) -> Done:
        """Under the plan of what is kept."""
        keeps = self._of(view.state.get(key)[_PLAN]).keeps
        assert keeps is not None  # noqa: S101 - it is the same room
        assert keeps.expire is not None  # noqa: S101 - the same
        return keeps.expire(key, view)

    def _kept(self, run: str, view: View) -> str:
        """The plan of an open run, for an event that does not name it: a decision, for one; today's for any other."""
        memory: RunMemory | None = view.state.get(run)
        return memory["plan"] if memory is not None else self._plans.own.digest

    def _of(self, digest: str) -> Service:
        try:
            return self._services.get(digest) or self._served(digest) or self._today
        except Poison:
            return self._today

    def _served(self, digest: str) -> Service | None:
        """The service under a plan that had no record yet; None where there is no such plan, Poison if none can be."""
        plan = self._plans.get(digest)
        if plan is None:
            return None
        if digest in self._impossible:
            raise Poison("unknown_plan", self._impossible[digest])
        own = self._plans.own.steps.get(self._step)
        if own is not None and not isinstance(plan.steps.get(self._step), type(own)):
            raise Poison("unknown_plan", f"plan {digest} has no {own.kind} {self._step}")
        try:
            service = self._build(with_code_of(self._plans.own, plan, self._step), self._step, self._kit)
            if service.prepare is not None:
                service.prepare()
        except Exception as error:  # a handler's border: it is another plan's, and today's work goes on
            said = f"{self._step} cannot do what plan {digest} asks of it: {type(error).__name__}: {error}"
            self._impossible[digest] = said[:300]
            raise Poison("unknown_plan", said[:300]) from error
        self._services[digest] = service
        return service

    def _later(self, digest: str) -> Later:
        return Later(Poison("unknown_plan", self._plans.lack(digest)), PATIENCE)


def with_code_of(today: Plan, then: Plan, step: str) -> Plan:
    """An older plan, with today's handler at a step that reads and writes what it did; else with the one it names."""
    old, new = then.steps.get(step), today.steps.get(step)
    if old is None or new is None or type(old) is not type(new) or _speaks(old) != _speaks(new):
        return then
    code: dict[str, Any] = {n: getattr(new, n) for n in ("run", "settings", "concurrency") if hasattr(new, n)}
    return replace(then, steps={**then.steps, step: replace(old, **code)})


def _speaks(step: Step) -> tuple[Any, Any]:
    return step.reads, getattr(step, "writes", None)

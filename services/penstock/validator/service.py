"""The service around a gate: judges, passes on byte for byte, or buries with the verdict."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from penstock.contracts.address import Address, parse
from penstock.contracts.context import Context
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import Effort, task_done, task_waiting
from penstock.contracts.identity import digest
from penstock.contracts.records import COMMAND, DECISION, Command, Decision
from penstock.contracts.topics import Topics
from penstock.errors import Poison
from penstock.runtime.attempts import Tried, Tries, at_once
from penstock.runtime.exits import Exits
from penstock.runtime.kit import Kit
from penstock.runtime.letters import DeadLetters
from penstock.runtime.ports import Record
from penstock.runtime.service import Answer, Call, Done, Message, Service, View
from penstock.topology.plan import Plan, Validator
from penstock.topology.routes import routes_of
from penstock.validator.checks import Checks
from penstock.validator.gate import Finding, released, verdict


def build(plan: Plan, step: str, kit: Kit) -> Service:
    """Reads the gate's input topic, keeps nothing, answers by passing the very bytes on or by a dead letter."""
    gate = plan.steps[step]
    assert isinstance(gate, Validator)  # noqa: S101 - the host picks the room by the kind
    topics = Topics(plan.pipeline)
    post = _Post(plan, gate, kit)
    return Service(
        pipeline=plan.pipeline,
        step=step,
        source=topics.step(step),
        group=topics.group(step),
        runs=topics.runs,
        contracts=frozenset({gate.reads, COMMAND}),
        answer=post.answer,
        bury=post.bury,
        concurrency=gate.concurrency,
        prompt=post.checks.inline,
        prepare=post.checks.prepare,
    )


class _Case(NamedTuple):
    """A payload to be judged; `approved` when a person's decision released it.

    After a long wait it begins `again` with the record there: the message, or the command that names the decision.
    """

    record: Record
    around: Envelope
    payload: bytes
    value: dict[str, Any]
    again: str
    approved: bool = False


class _Post:
    """Where one gate stands."""

    def __init__(self, plan: Plan, gate: Validator, kit: Kit) -> None:
        topics = Topics(plan.pipeline)
        self.checks = Checks(gate, kit)
        self._plan = plan
        self._decisions, self._topic = topics.decisions, topics.step(gate.name)
        self._gate = gate
        self._kit = kit
        self._exits = Exits(routes_of(plan, gate.name), kit.codec)
        self._tries = Tries(gate.name, gate.attempts, kit)
        self._letters = DeadLetters(plan.pipeline, gate.name, topics.dead(gate.name), plan.digest)
        self._quick = kit.metrics.attempts(gate.name, "ok")

    def answer(self, message: Message, view: View) -> Answer:
        around = message.envelope
        assert around is not None  # noqa: S101 - the loop buries a message without one
        if message.contract == COMMAND:
            command: Command = message.value  # type: ignore[assignment]  # decoded under that very contract
            return Call(lambda: self._commanded(message.record, around, command))
        again = str(message.record.address)
        case = _Case(message.record, around, message.record.value or b"", message.value, again)
        if self.checks.inline and around.deadline > view.now:
            return self._at_once(case, view.now)
        return Call(lambda: self._ask(case, self._context(around)))

    def bury(self, record: Record, around: Envelope | None, poison: Poison, now: int) -> Done:
        """A fallback reads what the judged step read."""
        self._kit.metrics.dead(self._gate.name, poison.code)
        return self._letters.bury(record, around, poison, now, origin=around.address if around else "")

    def _at_once(self, case: _Case, now: int) -> Answer:
        """The first attempt of trivial checks; where one fails the others go the long way."""
        ctx = self._context(case.around)
        tried = at_once(self.checks.now, case.value, ctx)
        if tried.error is not None:
            return Call(lambda: self._ask(case, ctx, tried))
        self._quick.count += 1
        return self._judge(case, tried.answer, Effort(), now)

    async def _commanded(self, record: Record, around: Envelope, command: Command) -> Done:
        """A decision is to be carried out, or after a long wait what lies among the gate's own messages."""
        if command["kind"] == "decided":
            return await self._decided(record, around, command, str(record.address))
        if command["kind"] != "run":
            raise Poison("wrong_command", f"a gate cannot do {command['kind']!r}")
        found = await self._kit.record(self._address(command["address"], self._topic, "wrong_command"))
        if found is None:
            raise Poison("input_gone", f"there is no record at {command['address']} any more")
        contract, value = self._kit.codec.decode(found.value)
        if contract == COMMAND:
            inner: Command = value  # type: ignore[assignment]  # decoded under that very contract
            return await self._decided(record, around, inner, command["address"])
        if contract != self._gate.reads:
            raise Poison("wrong_contract", f"{command['address']} holds {contract}, not {self._gate.reads}")
        case = _Case(record, around, found.value or b"", value, command["address"])
        return await self._ask(case, self._context(around))

    async def _decided(self, record: Record, around: Envelope, command: Command, again: str) -> Done:
        """A person's decision is read where it lies: an approval in the message would be anybody's to forge."""
        found = await self._kit.record(self._address(command["address"], self._decisions, "wrong_decision"))
        if found is None:
            raise Poison("decision_gone", f"there is no record at {command['address']} any more")
        contract, value = self._kit.codec.decode(found.value)
        if contract != DECISION:
            raise Poison("wrong_decision", f"{command['address']} holds {contract}, not a decision")
        decision: Decision = value  # type: ignore[assignment]  # decoded under that very contract
        payload = released(command, decision, around.run, self._gate.name)
        contract, value = self._kit.codec.decode(payload)
        if contract != self._gate.reads:
            raise Poison("wrong_contract", f"the decision releases a {contract}, not a {self._gate.reads}")
        return await self._ask(_Case(record, around, payload, value, again, approved=True), self._context(around))

    async def _ask(self, case: _Case, ctx: Context, first: Tried | None = None) -> Done:
        outcome = await self._tries.run(ctx, self._attempt(case.value), first)
        self._kit.metrics.hung(self._gate.name, self.checks.hung)
        now = self._kit.now()
        if outcome.failed is None:
            return self._judge(case, outcome.answer, outcome.effort, now)
        if outcome.wait is not None:
            return Done((), task_waiting(
                case.around, self._gate.name, case.again, now, wait=outcome.wait, effort=outcome.effort,
                reasons=outcome.failed, origin=case.around.address,
            ))  # fmt: skip
        self._kit.metrics.dead(self._gate.name, outcome.failed[0].code)
        return self._letters.dead(
            case.record, case.around, outcome.failed, now, effort=outcome.effort, origin=case.around.address,
            outcome=outcome.code, value=case.payload,
        )  # fmt: skip

    def _attempt(self, value: dict[str, Any]) -> Callable[[Context, float], Awaitable[list[Finding]]]:
        return lambda ctx, seconds: self.checks.ask(value, ctx, seconds)

    def _judge(self, case: _Case, findings: list[Finding], effort: Effort, now: int) -> Done:
        around, record = case.around, case.record
        judged = verdict(findings, approved=case.approved)
        if not judged.passed:
            self._kit.metrics.dead(self._gate.name, judged.reasons[0].code)
            return self._letters.dead(
                record, around, judged.reasons, now, effort=effort, origin=around.address, judged=True,
                outcome="rejected", value=case.payload,
            )  # fmt: skip
        address = str(record.address)
        sends, spawned = self._exits.forward(around, address, case.payload, case.value)
        event = task_done(
            around, self._gate.name, address, now, spawned, effort=effort,
            outcome="approved" if case.approved else "passed", sha256=digest(case.payload),
        )  # fmt: skip
        return Done(sends, event)

    def _context(self, around: Envelope) -> Context:
        """A gate declares no cost, so its checks may spend nothing."""
        return Context(
            self._plan.pipeline, self._gate.name, around.run, around.event, around.item, around.attempt,
            around.deadline, budget_usd=0.0,
        )  # fmt: skip

    def _address(self, text: str, topic: str, code: str) -> Address:
        """Where something lies in the one topic where it may: only the desk writes decisions."""
        try:
            address = parse(text)
        except ValueError as error:
            raise Poison("wrong_command", str(error)) from error
        if address.topic != topic:
            raise Poison(code, f"it has to lie in {topic}, not in {address.topic}")
        return address

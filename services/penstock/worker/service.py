"""The service around a worker or a router: attempts, output, dead letters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from pydantic import BaseModel

from penstock.contracts.address import Address
from penstock.contracts.answers import Reason
from penstock.contracts.context import Context
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import Effort, task_done, task_waiting
from penstock.contracts.records import COMMAND, MERGE_CONFLICT, reason_of
from penstock.contracts.topics import SUPERVISOR, Topics
from penstock.errors import Poison
from penstock.runtime.attempts import Outcome, Tried, Tries, at_once
from penstock.runtime.exits import Exits
from penstock.runtime.handlers import Handler, payload_of
from penstock.runtime.kit import Kit
from penstock.runtime.letters import DeadLetters, suggested
from penstock.runtime.ports import Record
from penstock.runtime.service import Answer, Call, Done, Message, Service, View
from penstock.topology.plan import Plan, Router, Worker
from penstock.topology.routes import routes_of
from penstock.worker.attempt import Fetch, commanded, context, order
from penstock.worker.choice import NAMES, chosen


def build(plan: Plan, step: str, kit: Kit) -> Service:
    """Reads the step's input topic, keeps nothing, answers with the handler's output under the step's contract.

    A router answers with what it read, for the successors that its handler names.
    """
    worker = plan.steps[step]
    assert isinstance(worker, Worker | Router)  # noqa: S101 - the host picks the room by the kind
    topics = Topics(plan.pipeline)
    settings = kit.settings_of(step, worker.settings)
    handler = Handler(worker.run, kit.resolve(worker.run), settings, worker.concurrency)
    bench = _Bench(plan, worker, handler, kit)
    return Service(
        pipeline=plan.pipeline,
        step=step,
        source=topics.step(step),
        group=topics.group(step),
        runs=topics.runs,
        contracts=frozenset({worker.reads, COMMAND}),
        answer=bench.answer,
        bury=bench.bury,
        concurrency=worker.concurrency,
        prompt=handler.inline,
        prepare=handler.prepare,
    )


_PLAIN = (dict, BaseModel)  # what a handler's output usually is


class _Job(NamedTuple):
    """One message to work on; it lies at `where`, and its input at `origin`, to which a command only points.

    `value` is the decoded `payload` of that input. After a long wait it begins `again` with the record there: the
    message, or the command that has the feedback.
    """

    record: Record
    around: Envelope
    where: str
    origin: str
    again: str
    payload: bytes
    value: dict[str, Any]
    ctx: Context


class _Bench:
    """Where one worker works."""

    def __init__(self, plan: Plan, worker: Worker | Router, handler: Handler, kit: Kit) -> None:
        topics = Topics(plan.pipeline)
        self._plan = plan
        self._worker = worker
        self._usual = NAMES if isinstance(worker, Router) else _PLAIN
        self._handler = handler
        self._kit = kit
        self._exits = Exits(routes_of(plan, worker.name), kit.codec)
        self._budget = worker.cost_usd
        self._tries = Tries(worker.name, worker.attempts, kit)
        self._letters = DeadLetters(plan.pipeline, worker.name, topics.dead(worker.name), plan.digest, handler.version)
        self._quick = kit.metrics.attempts(worker.name, "ok")

    def answer(self, message: Message, view: View) -> Answer:
        around = message.envelope
        assert around is not None  # noqa: S101 - the loop buries a message without one
        task = order(message.contract, message.value)
        if isinstance(task, Fetch):
            return Call(lambda: self._fetched(message.record, around, task))
        where = str(message.record.address)
        payload = message.record.value or b""
        job = _Job(message.record, around, where, where, where, payload, task.value, self._context(around))
        if self._handler.inline and around.deadline > view.now:
            return self._at_once(job, view.now)
        return Call(lambda: self._work(job))

    def bury(self, record: Record, around: Envelope | None, poison: Poison, now: int) -> Done:
        """A command points to its input; any other message is one."""
        self._kit.metrics.dead(self._worker.name, poison.code)
        commanded = around is not None and around.source == SUPERVISOR
        return self._letters.bury(record, around, poison, now, origin=around.address if around and commanded else "")

    def _at_once(self, job: _Job, now: int) -> Answer:
        """The first attempt of a trivial handler; what is not a plain output goes the long way."""
        tried = at_once(self._handler.now, job.value, job.ctx)
        if tried.error is not None or not isinstance(tried.answer, self._usual):
            return Call(lambda: self._work(job, tried))
        self._quick.count += 1
        return self._answered(job, Outcome(tried.answer, Effort(1, job.ctx.spent_usd)), now)

    async def _fetched(self, record: Record, around: Envelope, task: Fetch) -> Done:
        """The input lies where the command says, or where the one says that it points to after a long wait."""
        contract, value, payload = await self._record(task.address)
        where = again = str(record.address)
        if contract == COMMAND:
            again = str(task.address)
            task = commanded(value)
            contract, value, payload = await self._record(task.address)
        if contract != self._worker.reads:
            raise Poison("wrong_contract", f"{task.address} holds {contract}, not {self._worker.reads}")
        ctx = self._context(around, task.feedback)
        job = _Job(record, around, where, str(task.address), again, payload, value, ctx)
        return await self._work(job)

    async def _record(self, address: Address) -> tuple[str, dict[str, Any], bytes]:
        """What lies at an address; gone by retention is a failure like any other."""
        found = await self._kit.record(address)
        if found is None:
            raise Poison("input_gone", f"there is no record at {address} any more")
        return *self._kit.codec.decode(found.value), found.value or b""

    def _context(self, around: Envelope, feedback: tuple[Reason, ...] = ()) -> Context:
        return context(self._plan.pipeline, self._worker.name, around, self._budget, feedback)

    async def _work(self, job: _Job, first: Tried | None = None) -> Done:
        outcome = await self._tries.run(job.ctx, self._attempt(job.value), first)
        self._kit.metrics.hung(self._worker.name, self._handler.hung)
        return self._answered(job, outcome, self._kit.now())

    def _attempt(self, value: dict[str, Any]) -> Callable[[Context, float], Awaitable[Any]]:
        return lambda ctx, seconds: self._handler.call(value, ctx, seconds)

    def _answered(self, job: _Job, outcome: Outcome, now: int) -> Done:
        if outcome.wait is not None and outcome.failed is not None:
            return Done((), task_waiting(
                job.around, self._worker.name, job.again, now, wait=outcome.wait, effort=outcome.effort,
                reasons=outcome.failed, origin=job.origin, version=self._handler.version,
            ))  # fmt: skip
        if outcome.failed is not None:
            return self._dead(job, outcome, outcome.failed, now)
        try:
            return self._emit(job, outcome, now)
        except Poison as poison:
            return self._dead(job, outcome, (Reason(poison.code, str(poison), poison.path),), now)

    def _emit(self, job: _Job, outcome: Outcome, now: int) -> Done:
        if isinstance(self._worker, Router):
            names = chosen(outcome.answer, self._worker.to, many=self._worker.many)
            sends, spawned = self._exits.forward(job.around, job.origin, job.payload, job.value, names)
        else:
            value, payload = payload_of(self._kit.codec, self._worker.writes, outcome.answer)
            sends, spawned = self._exits.forward(job.around, job.origin, payload, value)
        event = task_done(
            job.around, self._worker.name, job.where, now, spawned, effort=outcome.effort,
            version=self._handler.version,
        )  # fmt: skip
        return Done(sends, event)

    def _dead(self, job: _Job, outcome: Outcome, reasons: tuple[Reason, ...], now: int) -> Done:
        suggestion, dropped = suggested(self._kit.codec, self._worker.writes, outcome.suggestion)
        self._kit.metrics.dead(self._worker.name, reasons[0].code)
        said, value = (*reasons, *dropped), None
        if self._worker.reads == MERGE_CONFLICT:  # a judge: people are asked what it was asked
            said = (*said, *map(reason_of, job.value["reasons"]))
            suggestion = suggestion or job.value["suggestion"]
            value = self._kit.codec.encode(MERGE_CONFLICT, job.value)
        return self._letters.dead(
            job.record, job.around, said, now, effort=outcome.effort, origin=job.origin,
            outcome=outcome.code or "failed", value=value, suggestion=suggestion,
        )  # fmt: skip

"""The service around a worker: attempts, output, dead letters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from penstock.contracts.address import Address
from penstock.contracts.answers import Escalate, Reason, Reject, Retry
from penstock.contracts.context import Context
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import Effort, task_done
from penstock.contracts.records import COMMAND
from penstock.contracts.topics import Topics
from penstock.errors import Poison
from penstock.runtime.attempts import Outcome, Tries
from penstock.runtime.forward import forward
from penstock.runtime.handlers import Handler, plain
from penstock.runtime.kit import Kit
from penstock.runtime.letters import DeadLetters
from penstock.runtime.ports import Record
from penstock.runtime.service import Answer, Call, Done, Message, Service, View
from penstock.topology.plan import Plan, Worker
from penstock.topology.routes import routes_of
from penstock.worker.attempt import Fetch, context, order


def build(plan: Plan, step: str, kit: Kit) -> Service:
    """Reads the step's input topic, keeps nothing, answers with the handler's output under the step's contract."""
    worker = plan.steps[step]
    assert isinstance(worker, Worker)  # noqa: S101 - the host picks the room by the kind
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


class _Job(NamedTuple):
    """One message to work on; `origin` is where the input lies, which a command only points to."""

    record: Record
    around: Envelope
    origin: Address
    value: dict[str, Any]
    ctx: Context


class _Bench:
    """Where one worker works."""

    def __init__(self, plan: Plan, worker: Worker, handler: Handler, kit: Kit) -> None:
        topics = Topics(plan.pipeline)
        self._plan = plan
        self._worker = worker
        self._handler = handler
        self._kit = kit
        self._routes = routes_of(plan, worker.name)
        self._budget = worker.cost_usd
        self._tries = Tries(worker.name, worker.attempts, kit)
        self._letters = DeadLetters(plan.pipeline, worker.name, topics.dead(worker.name), plan.digest, handler.version)
        self._quick = kit.metrics.attempts(worker.name, "ok")

    def answer(self, message: Message, view: View) -> Answer:
        around = message.envelope
        assert around is not None  # noqa: S101 - the loop buries a message without one
        task = order(message.contract, message.value)
        feedback = task.feedback if isinstance(task, Fetch) else ()
        ctx = context(self._plan.pipeline, self._worker.name, around, self._budget, feedback)
        if isinstance(task, Fetch):
            return Call(lambda: self._fetched(message.record, around, task, ctx))
        job = _Job(message.record, around, message.record.address, task.value, ctx)
        if self._handler.inline and around.deadline > view.now:
            return self._at_once(job, view.now)
        return Call(lambda: self._work(job))

    def bury(self, record: Record, around: Envelope | None, poison: Poison, now: int) -> Done:
        self._kit.metrics.dead(self._worker.name, poison.code)
        return self._letters.bury(record, around, poison, now)

    def _at_once(self, job: _Job, now: int) -> Answer:
        """The first attempt of a trivial handler; what is not a plain output goes the long way."""
        try:
            answer = self._handler.now(job.value, job.ctx)
        except Poison:
            raise
        except Exception:  # noqa: BLE001 - a handler's border: the next attempt runs where failures are counted
            return Call(lambda: self._work(job._replace(ctx=job.ctx.again())))
        if isinstance(answer, Retry | Reject | Escalate):
            return Call(lambda: self._work(job))
        self._quick.inc()
        return self._emit(job, Outcome(answer, Effort(1, job.ctx.spent_usd)), now)

    async def _fetched(self, record: Record, around: Envelope, task: Fetch, ctx: Context) -> Done:
        """The input lies where the command says; gone by retention is a failure like any other."""
        found = await self._kit.fetch(task.address)
        if found is None:
            raise Poison("input_gone", f"there is no record at {task.address} any more")
        contract, value = self._kit.codec.decode(found.value)
        if contract != self._worker.reads:
            raise Poison("wrong_contract", f"{task.address} holds {contract}, not {self._worker.reads}")
        return await self._work(_Job(record, around, task.address, value, ctx))

    async def _work(self, job: _Job) -> Done:
        outcome = await self._tries.run(job.ctx, self._attempt(job.value), lambda: False)
        self._kit.metrics.hung(self._worker.name, self._handler.hung)
        now = self._kit.now()
        return self._emit(job, outcome, now) if outcome.failed is None else self._dead(job, outcome, now)

    def _attempt(self, value: dict[str, Any]) -> Callable[[Context, float], Awaitable[Any]]:
        return lambda ctx, seconds: self._handler.call(value, ctx, seconds)

    def _emit(self, job: _Job, outcome: Outcome, now: int) -> Done:
        value = plain(outcome.answer)
        payload = self._kit.codec.encode(self._worker.writes, value)
        sends, spawned = forward(self._routes, job.around, job.origin, payload, value)
        event = task_done(
            job.around, self._worker.name, job.record.address, now, spawned, effort=outcome.effort,
            version=self._handler.version,
        )  # fmt: skip
        return Done(sends, event)

    def _dead(self, job: _Job, outcome: Outcome, now: int) -> Done:
        reasons: tuple[Reason, ...] = outcome.failed or ()
        self._kit.metrics.dead(self._worker.name, reasons[0].code if reasons else outcome.code)
        suggestion = None
        if outcome.suggestion is not None:
            suggestion = self._kit.codec.encode(self._worker.writes, plain(outcome.suggestion))
        return self._letters.dead(
            job.record, job.around, reasons, now, effort=outcome.effort, origin=str(job.origin),
            outcome=outcome.code, suggestion=suggestion,
        )  # fmt: skip

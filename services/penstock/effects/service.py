"""The service around an effect: claims in its ledger, calls the sink, records the receipt."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, Protocol

from penstock.contracts.answers import Escalate, Reason, Reject, Retry, shown
from penstock.contracts.context import Context
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import Effort, task_done
from penstock.contracts.identity import digest, effect_key
from penstock.contracts.records import LEDGER_ENTRY, LedgerEntry, Receipt
from penstock.contracts.topics import Topics
from penstock.effects.ledger import Claim, Doubt, Kept, Repeat, TooLate, move, recorded
from penstock.effects.sinks import Sent
from penstock.errors import Poison
from penstock.runtime.attempts import Outcome, Tries
from penstock.runtime.kit import Kit
from penstock.runtime.letters import DeadLetters
from penstock.runtime.ports import Record
from penstock.runtime.service import Answer, Call, Done, Keeps, Message, Service, Settle, View
from penstock.runtime.threads import Threads, within
from penstock.topology.plan import Effect, Plan

_DAY_MS = 86_400_000
_NEVER = 1 << 52  # ms since the epoch, far away
_NOTHING = Effort(0)


class Sink(Protocol):
    """What a sink class offers; `send` may be async. It raises, or asks for a Retry, when it may not have happened."""

    def send(self, effect: dict[str, Any], key: str) -> Sent | Awaitable[Sent | None] | None:
        """Do it, once per key."""


def build(plan: Plan, step: str, kit: Kit) -> Service:
    """Reads what its gate passed, keeps the ledger, answers with what the sink said."""
    effect = plan.steps[step]
    assert isinstance(effect, Effect)  # noqa: S101 - the host picks the room by the kind
    topics = Topics(plan.pipeline)
    hand = _Hand(plan, effect, kit)
    return Service(
        pipeline=plan.pipeline,
        step=step,
        source=topics.step(step),
        group=topics.group(step),
        runs=topics.runs,
        contracts=frozenset({effect.reads}),
        answer=hand.answer,
        bury=hand.bury,
        keeps=Keeps(topics.state(step), LEDGER_ENTRY, due=hand.due, expire=hand.expire, packed=True),
        concurrency=effect.concurrency,
        prepare=hand.prepare,
    )


class _Order(NamedTuple):
    """An effect to be carried out."""

    record: Record
    around: Envelope
    key: str
    sha256: str
    value: dict[str, Any]


class _Hand:
    """What carries one kind of effect out."""

    def __init__(self, plan: Plan, effect: Effect, kit: Kit) -> None:
        topics = Topics(plan.pipeline)
        self._plan = plan
        self._effect = effect
        self._kit = kit
        self._tries = Tries(effect.name, effect.attempts, kit, in_memory=True)
        self._letters = DeadLetters(plan.pipeline, effect.name, topics.dead(effect.name), plan.digest)
        self._sink: Sink | None = None
        self._threads = Threads(effect.name, effect.concurrency)

    def prepare(self) -> None:
        """Open the sink."""
        self._sink = self._kit.resolve(self._effect.run)(
            self._kit.settings_of(self._effect.name, self._effect.settings)
        )

    def answer(self, message: Message, view: View) -> Answer:
        around = message.envelope
        assert around is not None  # noqa: S101 - the loop buries a message without one
        key = effect_key(self._plan.pipeline, around.event, self._effect.name, around.item)
        order = _Order(message.record, around, key, digest(message.record.value or b""), message.value)
        match move(view.state.get(key), around.run, order.sha256, view.now, around.deadline):
            case Kept():
                return self._done(order, "kept", _NOTHING, view.now)
            case TooLate():
                reason = Reason("expired", "no effect is claimed after the run's deadline")
                return self._dead(order, (reason,), _NOTHING, "expired", view.now)
            case Doubt(why):
                return self._dead(order, (Reason("in_doubt", why),), _NOTHING, "in_doubt", view.now)
            case Claim(entry):
                view.state.put(key, entry)
                return Call(lambda: self._carry_out(order), claim=True)
            case Repeat():
                return Call(lambda: self._carry_out(order))

    def due(self, entry: Mapping[str, Any]) -> int | None:
        """An effect is remembered for as long as its event, or a day; a claim without a receipt for ever."""
        kept = max(_DAY_MS, self._plan.ingress.remember_ms)
        return int(entry["at"]) + kept if entry["state"] == "recorded" else None

    def expire(self, key: str, view: View) -> Done:
        """Forget an effect whose event is forgotten."""
        view.state.drop(key)
        return Done()

    def bury(self, record: Record, around: Envelope | None, poison: Poison, now: int) -> Done:
        self._kit.metrics.dead(self._effect.name, poison.code)
        return self._letters.bury(record, around, poison, now)

    async def _carry_out(self, order: _Order) -> Settle:
        """A claimed effect is finished, deadline or not: its attempts are bounded by the policy alone."""
        around = order.around
        context = Context(self._plan.pipeline, self._effect.name, around.run, around.event, around.item, 1, _NEVER)
        outcome = await self._tries.run(context, self._attempt(order))
        self._kit.metrics.hung(self._effect.name, self._threads.hung)
        return lambda view: self._settle(order, outcome, view)

    def _attempt(self, order: _Order) -> Callable[[Context, float], Awaitable[Sent | Retry | Reject | Escalate]]:
        async def attempt(_: Context, seconds: float) -> Sent | Retry | Reject | Escalate:
            assert self._sink is not None  # noqa: S101 - the host prepares every service before the first record
            send: Callable[..., Any] = self._sink.send
            if inspect.iscoroutinefunction(send):
                return _answer(await within(seconds, send(order.value, order.key)))
            return _answer(await within(seconds, self._threads.call(send, order.value, order.key)))

        return attempt

    def _settle(self, order: _Order, outcome: Outcome, view: View) -> Done:
        if outcome.failed is not None:
            return self._dead(order, outcome.failed, outcome.effort, "in_doubt", view.now)
        sent: Sent = outcome.answer
        receipt = Receipt(
            key=order.key, run=order.around.run, step=self._effect.name, sha256=order.sha256, at=view.now,
            outcome="duplicate" if sent.duplicate else "sent", reference=sent.reference,
        )  # fmt: skip
        claimed = LedgerEntry(
            state="claimed", run=order.around.run, sha256=order.sha256, at=view.now, receipt=None
        )  # fmt: skip
        view.state.put(order.key, recorded(view.state.get(order.key) or claimed, receipt))
        return self._done(order, receipt["outcome"], outcome.effort, view.now)

    def _done(self, order: _Order, outcome: str, effort: Effort, now: int) -> Done:
        event = task_done(
            order.around, self._effect.name, str(order.record.address), now, [], effort=effort, outcome=outcome,
            sha256=order.sha256,
        )  # fmt: skip
        return Done((), event)

    def _dead(self, order: _Order, reasons: tuple[Reason, ...], effort: Effort, outcome: str, now: int) -> Done:
        self._kit.metrics.dead(self._effect.name, reasons[0].code)
        return self._letters.dead(order.record, order.around, reasons, now, effort=effort, outcome=outcome)


def _answer(sent: object) -> Sent | Retry | Reject | Escalate:
    """What a sink answered; Poison when that leaves open whether the effect happened."""
    if isinstance(sent, Retry | Reject | Escalate):
        return sent
    if sent is None:
        return Sent()
    if not isinstance(sent, Sent):
        raise Poison("bad_sink", f"the sink answered a {type(sent).__name__}, neither Sent nor None")
    return Sent(sent.duplicate is True, shown(sent.reference))

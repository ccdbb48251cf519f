"""The service at the door: reads `p.in`, starts runs, recognises repeats."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from penstock.contracts import envelope
from penstock.contracts.answers import Reason
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import dead_part, of_run
from penstock.contracts.identity import run_id
from penstock.contracts.records import EVENT_MEMORY, EventMemory
from penstock.contracts.topics import INGRESS, Topics
from penstock.errors import Poison
from penstock.ingress.admission import Clash, Repeat, Start, admit, event_id
from penstock.runtime.forward import forward
from penstock.runtime.kit import Kit
from penstock.runtime.letters import DeadLetters
from penstock.runtime.service import Done, Keeps, Message, Service, State, View
from penstock.topology.plan import Plan
from penstock.topology.routes import routes_of

if TYPE_CHECKING:
    from penstock.runtime.ports import Record


def build(plan: Plan, step: str, kit: Kit) -> Service:
    """Reads the ingress topic, keeps event ids for as long as declared, answers with the first tasks of a run."""
    topics = Topics(plan.pipeline)
    door = _Door(plan, kit)
    return Service(
        pipeline=plan.pipeline,
        step=step,
        source=topics.intake,
        group=topics.group(INGRESS),
        runs=topics.runs,
        contracts=frozenset({plan.ingress.contract}),
        answer=door.answer,
        bury=door.bury,
        keeps=Keeps(topics.state(INGRESS), EVENT_MEMORY, packed=True),
        enveloped=False,
        prompt=True,
    )


class _Door:
    def __init__(self, plan: Plan, kit: Kit) -> None:
        topics = Topics(plan.pipeline)
        self._plan = plan
        self._kit = kit
        self._routes = routes_of(plan, INGRESS)
        self._letters = DeadLetters(plan.pipeline, INGRESS, topics.dead(INGRESS), plan.digest)

    def answer(self, message: Message, view: View) -> Done:
        record, value = message.record, message.value
        payload = record.value or b""
        if any(name.lower().startswith(envelope.HEADER) for name, _ in record.headers):
            raise Poison("reserved_header", f"headers named {envelope.HEADER}* are not for upstream systems")
        identifier = event_id(value, self._plan.ingress.event_id)
        body = sha256(payload).digest()
        remember = self._plan.ingress.remember_ms
        match admit(body, view.state.get(identifier), view.now, remember):
            case Repeat(run):
                self._kit.metrics.event("duplicate")
                return Done(
                    (), of_run("duplicate", run, identifier, view.now, step=INGRESS, address=str(record.address))
                )
            case Clash(run):
                return self._clash(message, identifier, run, view.now)
            case Start():
                return self._start(message, view, identifier, EventMemory(sha256=body, run="", at=view.now))

    def bury(self, record: Record, around: Envelope | None, poison: Poison, now: int) -> Done:
        self._kit.metrics.event("refused")
        self._kit.metrics.dead(INGRESS, poison.code)
        return self._letters.bury(record, around, poison, now)

    def _start(self, message: Message, view: View, identifier: str, memory: EventMemory) -> Done:
        self._kit.metrics.event("started")
        address = str(message.record.address)
        run = run_id(self._plan.pipeline, address)
        deadline = view.now + self._plan.limits.deadline_ms
        self._forget(view.state, view.now - self._plan.ingress.remember_ms)
        view.state.put(identifier, EventMemory(sha256=memory["sha256"], run=run, at=view.now))
        around = Envelope(run, identifier, "", "", INGRESS, 1, 0, address, self._plan.digest, deadline)
        sends, spawned = forward(self._routes, around, address, message.record.value or b"", message.value)
        event = of_run(
            "run_started", run, identifier, view.now, step=INGRESS, deadline=deadline, plan=self._plan.digest,
            address=address, spawned=spawned,
        )  # fmt: skip
        return Done(sends, event)

    def _clash(self, message: Message, identifier: str, run: str, now: int) -> Done:
        reason = Reason("event_id_reused", f"id reused with a different body; it started run {run}", actual=identifier)
        self._kit.metrics.event("refused")
        self._kit.metrics.dead(INGRESS, reason.code)
        done = self._letters.dead(message.record, None, (reason,), now)
        event = of_run(
            "refused", "", identifier, now, step=INGRESS, address=str(message.record.address),
            dead=dead_part((reason,)),
        )  # fmt: skip
        return done._replace(event=event)

    def _forget(self, state: State, before: int) -> None:
        """Two a record is enough: one comes in, so the memory shrinks to its bounds."""
        for _ in range(2):
            if not len(state):
                return
            key = next(state.oldest())
            known: EventMemory = state.get(key)
            if known["at"] > before and len(state) < self._plan.ingress.remember_ids:
                return
            state.drop(key)
            self._kit.metrics.event("forgotten")

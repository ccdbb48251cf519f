"""The service around a join: keeps branches until they are all there, or until the wait is over."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from penstock.aggregator.join import Concluded, Policy, arrive, complete, conclude, size, without
from penstock.aggregator.patience import rounds
from penstock.contracts.address import parse
from penstock.contracts.answers import MOST_REASONS, Conflict, Merged, Reason, Vote, raised, reasons_of
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import of_run, task_done
from penstock.contracts.identity import digest
from penstock.contracts.records import (
    COMMAND,
    JOIN_STATE,
    MERGE_CONFLICT,
    Ballot,
    Branch,
    Command,
    JoinState,
    MergeConflict,
    reason_of,
    reason_records,
)
from penstock.contracts.topics import Topics
from penstock.errors import Poison
from penstock.runtime.attempts import at_once
from penstock.runtime.codec import LIMIT
from penstock.runtime.forward import forward
from penstock.runtime.handlers import payload_of
from penstock.runtime.kit import Kit
from penstock.runtime.letters import DeadLetters, suggested
from penstock.runtime.ports import Record
from penstock.runtime.service import Done, Keeps, Message, Service, View
from penstock.topology.plan import Aggregator, Plan
from penstock.topology.routes import routes_of

SKEW_MS = 2_000
_MOST_KEPT = 600_000  # bytes of branches; more would not fit into one record of the changelog
_ROOMS = (100_000, 10_000, 0)  # characters for what all branches said, in the record of a conflict


def build(plan: Plan, step: str, kit: Kit) -> Service:
    """Reads the join's input topic, keeps open joins and markers of closed ones, answers with the merged value."""
    aggregator = plan.steps[step]
    assert isinstance(aggregator, Aggregator)  # noqa: S101 - the host picks the room by the kind
    topics = Topics(plan.pipeline)
    table = _Table(plan, aggregator, kit)
    return Service(
        pipeline=plan.pipeline,
        step=step,
        source=topics.step(step),
        group=topics.group(step),
        runs=topics.runs,
        contracts=frozenset({*aggregator.reads.values(), COMMAND}),
        answer=table.answer,
        bury=table.bury,
        keeps=Keeps(topics.state(step), JOIN_STATE, due=lambda state: int(state["due"]), expire=table.expire),
        prompt=True,
    )


class _Table:
    """Where the branches of one aggregator meet."""

    def __init__(self, plan: Plan, aggregator: Aggregator, kit: Kit) -> None:
        topics = Topics(plan.pipeline)
        merge = aggregator.merge
        self._plan = plan
        self._aggregator = aggregator
        self._kit = kit
        self._routes = routes_of(plan, aggregator.name)
        self._letters = DeadLetters(plan.pipeline, aggregator.name, topics.dead(aggregator.name), plan.digest)
        self._fields = kit.codec.fields(aggregator.writes)
        self._policy = Policy(merge.policy, aggregator.of, self._fields, merge.field, merge.min_agree)
        self._merge: Callable[..., Any] | None = kit.resolve(merge.run) if merge.run else None
        self._rounds_ms = rounds(plan, aggregator) * plan.limits.deadline_ms

    def answer(self, message: Message, view: View) -> Done:
        around = message.envelope
        assert around is not None  # noqa: S101 - the loop buries a message without one
        branch = self._branch(message, around)
        key = f"{around.run}/{around.item}"
        state: JoinState = view.state.get(key) or self._open(around, view.now)
        if state["closed"]:
            return self._late(message.record, around, view.now)
        grown = arrive(state, branch)
        if grown is state:
            self._kit.metrics.attempt(self._aggregator.name, "duplicate", 0.0)
            return Done()
        grown["round"] = max(grown["round"], around.round)
        grown["deadline"] = max(grown["deadline"], around.deadline)
        grown["origin"] = str(message.record.address)
        if complete(grown, self._aggregator.of):
            view.state.drop(key)  # no branch can come twice once each has: a marker would only cost
            return self._conclude(grown, message.record, view.now)
        if self._aggregator.wait_ms is None:
            grown["due"] = grown["deadline"] + self._rounds_ms
        if size(grown) > _MOST_KEPT:
            grown = without(grown, branch["branch"], _too_large(branch))
        view.state.put(key, grown)
        return Done()

    def expire(self, key: str, view: View) -> Done:
        """The wait is over: merge what is there and leave a marker; a marker's time ends it."""
        state: JoinState = view.state.get(key)
        if state["closed"]:
            view.state.drop(key)
            return Done()
        marker = JoinState(**{**state, "closed": True, "branches": [], "due": state["deadline"] + SKEW_MS + 1})
        marker["due"] = max(marker["due"], view.now + SKEW_MS)
        view.state.put(key, marker)
        record = Record(*parse(state["origin"]), state["run"].encode(), None, [], view.now)
        return self._conclude(state, record, view.now)

    def bury(self, record: Record, around: Envelope | None, poison: Poison, now: int) -> Done:
        self._kit.metrics.dead(self._aggregator.name, poison.code)
        return self._letters.bury(record, around, poison, now)

    def _open(self, around: Envelope, now: int) -> JoinState:
        wait = self._aggregator.wait_ms
        due = around.deadline + self._rounds_ms if wait is None else min(around.deadline, now + wait)
        return {
            "run": around.run, "event": around.event, "item": around.item, "round": around.round,
            "deadline": around.deadline, "plan": around.digest, "due": due, "closed": False, "origin": "",
            "branches": [],
        }  # fmt: skip

    def _branch(self, message: Message, around: Envelope) -> Branch:
        if message.contract == COMMAND:
            command: Command = message.value  # type: ignore[assignment]  # decoded under that very contract
            if command["kind"] != "missing" or command["branch"] not in self._aggregator.of:
                raise Poison("wrong_command", f"a join cannot do {command['kind']!r} for {command['branch']!r}")
            return {"branch": command["branch"], "task": around.task, "contract": "", "value": None,
                    "reasons": command["reasons"]}  # fmt: skip
        if self._aggregator.reads.get(around.source) != message.contract:
            raise Poison("wrong_contract", f"{around.source or 'nobody'} may not send {message.contract} here")
        return {"branch": around.source, "task": around.task, "contract": message.contract,
                "value": message.record.value, "reasons": []}  # fmt: skip

    def _conclude(self, state: JoinState, record: Record, now: int) -> Done:
        around = Envelope(
            state["run"], state["event"], state["branches"][0]["task"], state["item"], self._aggregator.name, 1,
            state["round"], state["origin"], state["plan"], state["deadline"],
        )  # fmt: skip
        try:
            concluded = self._decide(state)
            if isinstance(concluded, Conflict):
                return self._dead(state, record, around, concluded, "conflict", now)
            return self._emit(state, record, around, concluded, now)
        except Poison as poison:
            broken = Conflict((Reason(poison.code, str(poison), poison.path),))
            return self._dead(state, record, around, broken, "failed", now)

    def _decide(self, state: JoinState) -> Concluded:
        """The policy decides; the user's function, where there is one, makes the value, or the suggestion, of it."""
        votes = self._votes(state)
        concluded = conclude(self._policy, votes)
        if self._merge is None:
            return concluded
        made = at_once(self._merge, votes, concluded)
        if made.error is not None:
            raise Poison("bad_merge", raised(made.error).message) from made.error
        return made.answer if isinstance(made.answer, Merged | Conflict) else Merged(made.answer)

    def _emit(self, state: JoinState, record: Record, around: Envelope, merged: Merged, now: int) -> Done:
        value, payload = payload_of(self._kit.codec, self._aggregator.writes, merged.value)
        address = str(record.address)
        sends, spawned = forward(self._routes, around, address, payload, value)
        self._kit.metrics.attempt(self._aggregator.name, "ok", 0.0)
        event = task_done(
            around, self._aggregator.name, address, now, spawned, ended=_tasks(state),
            outcome="dissent" if merged.dissent is True else "agreed", sha256=digest(payload),
        )  # fmt: skip
        return Done(sends, event)

    def _votes(self, state: JoinState) -> list[Vote]:
        there = {branch["branch"]: branch for branch in state["branches"]}
        votes = []
        for name in self._aggregator.of:
            branch = there.get(name)
            data = branch["value"] if branch else None
            value = self._kit.codec.decode(data)[1] if data is not None else None
            reasons: tuple[Reason, ...] = tuple(map(reason_of, branch["reasons"])) if branch else ()
            votes.append(Vote(name, value, reasons))
        return votes

    def _dead(
        self, state: JoinState, record: Record, around: Envelope, conflict: Conflict, outcome: str, now: int
    ) -> Done:
        """What every branch said becomes the dead letter; the first branch's task stays open for the supervisor."""
        suggestion, dropped = suggested(self._kit.codec, self._aggregator.writes, conflict.suggestion)
        reasons = (*reasons_of(conflict.reasons), *dropped)
        self._kit.metrics.dead(self._aggregator.name, reasons[0].code)
        return self._letters.dead(
            record, around, reasons, now, origin=around.address, judged=True, outcome=outcome,
            value=self._dissent(state, reasons, suggestion), suggestion=suggestion, ended=_tasks(state)[1:],
        )  # fmt: skip

    def _dissent(self, state: JoinState, reasons: tuple[Reason, ...], suggestion: bytes | None) -> bytes:
        """The record of a conflict; what large branches said is cut short until it fits."""
        votes = self._votes(state)
        for room in _ROOMS:
            dissent = MergeConflict(
                run=state["run"], step=self._aggregator.name, policy=self._policy.name, field=self._policy.field,
                votes=[_ballot(vote, room // len(votes)) for vote in votes],
                reasons=reason_records(reasons), suggestion=suggestion,
            )  # fmt: skip
            data = self._kit.codec.encode(MERGE_CONFLICT, dissent)
            if len(data) <= LIMIT:
                break
        return data

    def _late(self, record: Record, around: Envelope, now: int) -> Done:
        """A branch that came after the join was closed, or twice: recorded, and its task ends."""
        event = of_run("late", around.run, around.event, now, step=self._aggregator.name, address=str(record.address))
        event["task"], event["item"], event["round"] = around.task, around.item, around.round
        event["ended"], event["plan"], event["deadline"] = [around.task], around.digest, around.deadline
        return Done((), event)


def _tasks(state: JoinState) -> list[str]:
    return [branch["task"] for branch in state["branches"]]


def _ballot(vote: Vote, room: int) -> Ballot:
    if vote.value is None or not room:
        return {
            "branch": vote.branch,
            "value": None,
            "reasons": reason_records(vote.reasons[: min(room, MOST_REASONS)]),
        }
    said = json.dumps(vote.value, default=str)
    said = said if len(said) <= room else f"{said[:room]}…"
    return {"branch": vote.branch, "value": said, "reasons": reason_records(vote.reasons)}


def _too_large(branch: Branch) -> Reason:
    return Reason("too_large", f"{len(branch['value'] or b'')} bytes are too many to keep beside the other branches")

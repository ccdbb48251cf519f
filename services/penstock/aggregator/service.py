"""The service around a join: keeps branches until they are all there, or until the wait is over."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

from penstock.aggregator.ballots import Concluded, Policy, ballot, told
from penstock.aggregator.gathering import gathered, number, outside
from penstock.aggregator.items import keep, taken
from penstock.aggregator.join import (
    arrive,
    called_off,
    closed,
    complete,
    given_up,
    heard,
    said,
    size,
    tasks,
    without,
)
from penstock.aggregator.patience import rounds
from penstock.aggregator.policies import conclude, concludes_early, settled
from penstock.contracts.address import parse
from penstock.contracts.answers import Conflict, Merged, Reason, Vote, raised, reasons_of
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import of_run, task_done
from penstock.contracts.identity import digest
from penstock.contracts.records import (
    COMMAND,
    JOIN_STATE,
    MERGE_CONFLICT,
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
from penstock.runtime.exits import Exits, skipped_branches
from penstock.runtime.handlers import payload_of
from penstock.runtime.kit import Kit
from penstock.runtime.letters import DeadLetters, suggested
from penstock.runtime.ports import Record
from penstock.runtime.service import Done, Keeps, Message, Service, View
from penstock.topology.plan import MOST_ITEMS, Aggregator, Plan
from penstock.topology.routes import routes_of, skips_of

SKEW_MS = 2_000
_ABOUT_BRANCHES = frozenset({"missing", "skip", "count"})
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
        halting=aggregator.halt,
        keeps=Keeps(topics.state(step), JOIN_STATE, due=lambda state: int(state["due"]) or None, expire=table.expire),
        prompt=True,
    )


class _Case(NamedTuple):
    """A join that concludes: what it kept, what every branch and item said, the tasks that end, and its record."""

    state: JoinState
    votes: list[Vote]
    items: list[Vote]
    tasks: list[str]
    record: Record
    around: Envelope
    now: int


class _Table:
    """Where the branches of one aggregator meet."""

    def __init__(self, plan: Plan, aggregator: Aggregator, kit: Kit) -> None:
        topics = Topics(plan.pipeline)
        merge = aggregator.merge
        self._plan = plan
        self._aggregator = aggregator
        self._gather = aggregator.gather
        self._kit = kit
        self._exits = Exits(routes_of(plan, aggregator.name), kit.codec)
        self._skips = skips_of(plan, aggregator.name)
        self._letters = DeadLetters(plan.pipeline, aggregator.name, topics.dead(aggregator.name), plan.digest)
        self._policy = Policy(merge, aggregator.of, kit.codec.fields(aggregator.writes))
        self._merge: Callable[..., Any] | None = kit.resolve(merge.run) if merge.run else None
        self._rounds_ms = rounds(plan, aggregator) * plan.limits.deadline_ms

    def answer(self, message: Message, view: View) -> Done:
        around = message.envelope
        assert around is not None  # noqa: S101 - the loop buries a message without one
        branch = self._branch(message, around)
        number = self._number(branch, around)
        item = around.item if number is None else outside(around.item)
        key = f"{around.run}/{item}"
        state: JoinState = view.state.get(key) or self._open(around, item, view.now)
        if state["closed"]:
            if number is None:
                self._mark(key, heard(state, branch), view)
            return self._late(message.record, around, view.now)
        grown = arrive(state, branch) if number is None else keep(view.state, key, state, number, branch)
        if grown is state or grown is None:
            self._kit.metrics.attempt(self._aggregator.name, "duplicate", 0.0)
            return Done(failed=None)
        grown["round"] = max(grown["round"], around.round)
        grown["deadline"] = max(grown["deadline"], around.deadline)
        grown["origin"] = str(message.record.address)
        return self._grown(key, grown, branch, message.record, view)

    def _grown(self, key: str, grown: JoinState, branch: Branch, record: Record, view: View) -> Done:
        """Conclude if that was all, or enough; else keep it."""
        if complete(grown, self._aggregator.of):
            view.state.drop(key)  # no branch can come twice once each has: a marker would only cost
            return self._conclude(grown, record, view)
        if concludes_early(self._policy) and self._settled(grown):
            self._mark(key, closed(grown, self._forgotten(grown, view.now)), view)
            return self._conclude(given_up(grown, self._aggregator.of), record, view)
        if self._aggregator.wait_ms is None:
            grown["due"] = grown["deadline"] + self._rounds_ms
        if size(grown) > _MOST_KEPT:
            grown = without(grown, branch["branch"], _too_large(branch))
        view.state.put(key, grown)
        return Done(failed=None)

    def expire(self, key: str, view: View) -> Done:
        """The wait is over: merge what is there and leave a marker; a marker's time ends it."""
        state: JoinState = view.state.get(key)
        if state["closed"]:
            view.state.drop(key)
            return Done(failed=None)
        self._mark(key, closed(state, self._forgotten(state, view.now)), view)
        record = Record(*parse(state["origin"]), state["run"].encode(), None, [], view.now)
        return self._conclude(state, record, view)

    def bury(self, record: Record, around: Envelope | None, poison: Poison, now: int) -> Done:
        self._kit.metrics.dead(self._aggregator.name, poison.code)
        return self._letters.bury(record, around, poison, now)

    def _settled(self, state: JoinState) -> bool:
        """Whether what is there decides it, whatever the others say."""
        awaited = len(self._aggregator.of) - len(state["branches"])
        return settled(self._policy.without(called_off(state)), self._votes(state), awaited)

    def _forgotten(self, state: JoinState, now: int) -> int:
        """When no branch can come any more: its fallbacks open rounds with deadlines of their own."""
        return max(state["deadline"] + self._rounds_ms + 1, now) + SKEW_MS

    def _mark(self, key: str, marker: JoinState, view: View) -> None:
        """Keep the marker of a closed join, so that a late branch is not a new one, until all were heard.

        Who gathers does not know any more which items were, and keeps it until its time is over.
        """
        if self._gather is None and complete(marker, self._aggregator.of):
            view.state.drop(key)
        else:
            view.state.put(key, marker)

    def _number(self, branch: Branch, around: Envelope) -> int | None:
        """Which item says this; None where it is said of a whole branch."""
        gather = self._gather
        if gather is None or branch["branch"] != gather.branch or branch["count"] >= 0:
            return None
        return number(gather, around.item)

    def _open(self, around: Envelope, item: str, now: int) -> JoinState:
        wait = self._aggregator.wait_ms
        due = around.deadline + self._rounds_ms if wait is None else min(around.deadline, now + wait)
        return {
            "run": around.run, "event": around.event, "item": item, "round": around.round,
            "deadline": around.deadline, "plan": around.digest, "due": due, "closed": False, "origin": "",
            "branches": [], "heard": 0, "seen": 0,
        }  # fmt: skip

    def _branch(self, message: Message, around: Envelope) -> Branch:
        if message.contract == COMMAND:
            command: Command = message.value  # type: ignore[assignment]  # decoded under that very contract
            kind = command["kind"]
            if kind not in _ABOUT_BRANCHES or command["branch"] not in self._aggregator.of:
                raise Poison("wrong_command", f"a join cannot do {kind!r} for {command['branch']!r}")
            branch = said(command["branch"], around.task)
            branch["reasons"] = command["reasons"]
            branch["skipped"] = kind == "skip"
            branch["count"] = min(max(command["count"], 0), MOST_ITEMS) if kind == "count" else -1
            return branch
        if self._aggregator.reads.get(around.source) != message.contract:
            raise Poison("wrong_contract", f"{around.source or 'nobody'} may not send {message.contract} here")
        branch = said(around.source, around.task)
        branch["contract"], branch["value"] = message.contract, message.record.value
        return branch

    def _conclude(self, state: JoinState, record: Record, view: View) -> Done:
        case = self._case(state, record, view)
        if called_off(state) >= set(self._aggregator.of):
            return self._skip(case)
        try:
            concluded = self._decide(case)
            if isinstance(concluded, Conflict):
                return self._dead(case, concluded, "conflict")
            return self._emit(case, concluded)
        except Poison as poison:
            return self._dead(case, Conflict((Reason(poison.code, str(poison), poison.path),)), "failed")

    def _case(self, state: JoinState, record: Record, view: View) -> _Case:
        items, ended = list[Vote](), tasks(state)
        if self._gather is not None:
            for at, branch in taken(view.state, f"{state['run']}/{state['item']}", state):
                if branch is None or not branch["skipped"]:
                    items.append(self._vote(f"{self._gather.branch}[{at}]", branch))
                ended += [branch["task"]] if branch is not None else []
        around = Envelope(
            state["run"], state["event"], ended[0], state["item"], self._aggregator.name, 1,
            state["round"], state["origin"], state["plan"], state["deadline"],
        )  # fmt: skip
        return _Case(state, self._votes(state), items, ended, record, around, view.now)

    def _skip(self, case: _Case) -> Done:
        """No branch was taken, so nothing follows, and the joins behind are told."""
        name, address = self._aggregator.name, str(case.record.address)
        sends, spawned = skipped_branches(name, self._skips, case.around, address)
        return Done(sends, task_done(case.around, name, address, case.now, spawned, ended=case.tasks,
                                     outcome="skipped"))  # fmt: skip

    def _decide(self, case: _Case) -> Concluded:
        """The policy decides; the user's function, where there is one, makes the value, or the suggestion, of it."""
        if self._merge is None:
            return self._merged(case)
        own = case._replace(votes=deepcopy(case.votes), items=deepcopy(case.items))  # it may change what it is given
        made = at_once(self._merge, self._in_order(own), self._merged(own))
        if made.error is not None:
            raise Poison("bad_merge", raised(made.error).message) from made.error
        return made.answer if isinstance(made.answer, Merged | Conflict) else Merged(made.answer)

    def _merged(self, case: _Case) -> Concluded:
        off = called_off(case.state)
        concluded = conclude(self._policy.without(off), case.votes)
        if self._gather is None or self._gather.branch in off:
            return concluded
        return gathered(self._gather, concluded, case.items)

    def _in_order(self, case: _Case) -> list[Vote]:
        """All votes in the order of the declared branches, items where their branch stands."""
        place = {name: at for at, name in enumerate(self._aggregator.of)}
        return sorted([*case.votes, *case.items], key=lambda vote: place[vote.branch.partition("[")[0]])

    def _emit(self, case: _Case, merged: Merged) -> Done:
        value, payload = payload_of(self._kit.codec, self._aggregator.writes, merged.value)
        address = str(case.record.address)
        sends, spawned = self._exits.forward(case.around, address, payload, value)
        self._kit.metrics.attempt(self._aggregator.name, "ok", 0.0)
        event = task_done(
            case.around, self._aggregator.name, address, case.now, spawned, ended=case.tasks,
            outcome="dissent" if merged.dissent is True else "agreed", sha256=digest(payload),
        )  # fmt: skip
        if ballots := told(self._policy, case.votes):
            event["votes"] = ballots
        return Done(sends, event)

    def _votes(self, state: JoinState) -> list[Vote]:
        """What each branch said that was not called off; one that was counted speaks by its items."""
        there = {branch["branch"]: branch for branch in state["branches"]}
        silent = {name for name, branch in there.items() if branch["skipped"] or branch["count"] >= 0}
        return [self._vote(name, there.get(name)) for name in self._policy.of if name not in silent]

    def _vote(self, name: str, branch: Branch | None) -> Vote:
        data = branch["value"] if branch else None
        value = self._kit.codec.decode(data)[1] if data is not None else None
        return Vote(name, value, tuple(map(reason_of, branch["reasons"])) if branch else ())

    def _dead(self, case: _Case, conflict: Conflict, outcome: str) -> Done:
        """What every branch said becomes the dead letter; the first branch's task stays open for the supervisor."""
        suggestion, dropped = suggested(self._kit.codec, self._aggregator.writes, conflict.suggestion)
        reasons = (*reasons_of(conflict.reasons), *dropped)
        self._kit.metrics.dead(self._aggregator.name, reasons[0].code)
        return self._letters.dead(
            case.record, case.around, reasons, case.now, origin=case.around.address, judged=True, outcome=outcome,
            value=self._dissent(case, reasons, suggestion), suggestion=suggestion, ended=case.tasks[1:],
            failed=outcome == "failed",
        )  # fmt: skip

    def _dissent(self, case: _Case, reasons: tuple[Reason, ...], suggestion: bytes | None) -> bytes:
        """The record of a conflict; what large branches said is cut short until it fits."""
        votes = [*case.votes, *case.items]
        for room in _ROOMS:
            dissent = MergeConflict(
                run=case.state["run"], step=self._aggregator.name, policy=self._policy.merge.policy,
                field=", ".join(self._policy.compared), votes=[ballot(v, room // len(votes)) for v in votes],
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


def _too_large(branch: Branch) -> Reason:
    return Reason("too_large", f"{len(branch['value'] or b'')} bytes are too many to keep beside the other branches")

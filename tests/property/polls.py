"""One join of three branches under any policy: its room, a store of its own, and what it answered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from penstock import Vote
from penstock.aggregator import service as aggregator
from penstock.aggregator.ballots import Policy
from penstock.contracts.answers import Reason
from penstock.contracts.envelope import Envelope
from penstock.contracts.identity import task_id
from penstock.contracts.records import COMMAND, RunEvent, reason_records
from penstock.runtime.ports import Record
from penstock.runtime.service import Done, Keeps, Message, Service, View
from penstock.runtime.state import Store
from penstock.topology.plan import Aggregator
from pipelines import Pipeline
from strategies import BRANCHES, Voice

TEXT = """
pipeline: p
limits: {deadline: 1m, tasks: 60, cost: 0 USD}
ingress: {contract: diagram.Job, event_id: id, to: [b, c, d]}
steps:
  b: {kind: worker, run: "cast:b", writes: diagram.Second, attempts: {max: 1, timeout: 1s}, to: [join]}
  c: {kind: worker, run: "cast:c", writes: diagram.Second, attempts: {max: 1, timeout: 1s}, to: [join]}
  d: {kind: worker, run: "cast:d", writes: diagram.Second, attempts: {max: 1, timeout: 1s}, to: [join]}
  join:
    kind: aggregator
    of: [b, c, d]
    merge: MERGE
    writes: diagram.Second
    to: [out]
  out: {kind: output, key: id}
"""
JUDGE = """  arbiter: {kind: worker, run: "cast:arbiter", attempts: {max: 1, timeout: 5s}}
"""
NOW, DUE = 1_000, 61_000


@cache
def hosted(merge: str) -> tuple[Pipeline, Service, Keeps]:
    """The room, built once for each policy: it keeps nothing but what its store holds."""
    pipeline = Pipeline(TEXT.replace("MERGE", merge) + (JUDGE if "arbiter" in merge else ""))
    service = aggregator.build(pipeline.plan, "join", pipeline.kit)
    assert service.keeps is not None
    return pipeline, service, service.keeps


@cache
def policy_of(merge: str) -> Policy:
    """What the compiler made of a policy."""
    join = hosted(merge)[0].plan.steps["join"]
    assert isinstance(join, Aggregator)
    return Policy(join.merge, join.of, ("id", "number", "score", "label"))


def votes_of(voices: dict[str, Voice], of: Sequence[str] = BRANCHES) -> list[Vote]:
    """The same voices as a policy sees them, each branch heard."""
    return [Vote(name, voices[name], () if voices[name] else (Reason("dead", name),)) for name in of]


class Poll:
    """One join's state, and every event that came of it."""

    def __init__(self, merge: str) -> None:
        self.pipeline, self.service, self.keeps = hosted(merge)
        self.log: list[Record] = []
        self.store = Store(self.keeps, self.pipeline.codec, 0)
        self.done: list[Done] = []

    def hear(self, branch: str, voice: Voice | str) -> None:
        """A branch says something, is said to be missing, or is called off (`skip`)."""
        around = Envelope("r", "e", task_id("r", "join", "", 0, branch), "", branch, 1, 0, "p.x[0]@1", "d", DUE)
        value: Any = voice
        contract, source = "diagram.Second", branch
        if voice is None or voice == "skip":
            contract, source = COMMAND, "supervisor"
            reasons = [] if voice else reason_records((Reason("dead", branch),))
            value = {"kind": voice or "missing", "address": "", "branch": branch, "review": "", "sha256": "",
                     "reasons": reasons, "count": 0}  # fmt: skip
        data = self.pipeline.codec.encode(contract, value)
        record = Record("p.join", 0, 7, b"r", data, [], NOW)
        done = self.service.answer(Message(record, around._replace(source=source), contract, value), self._view(NOW))
        assert isinstance(done, Done)
        self.done += [done] if done.event is not None else []

    def restore(self) -> None:
        """The process dies; another reads the changelog."""
        for output in self.store.flush():
            self.log.append(Record(output.topic, 0, len(self.log), output.key, output.value, [], NOW))
        self.store = Store(self.keeps, self.pipeline.codec, 0)
        for record in self.log:
            self.store.restore(record)

    def expire(self) -> None:
        """The wait is over, where the join still waits."""
        assert self.keeps.expire is not None
        if not self.done:
            for key in list(self.store.pop_due(DUE)):
                self.done.append(self.keeps.expire(key, self._view(DUE)))

    def answer(self) -> tuple[object, ...]:
        """What it concluded, apart from which message came last."""
        done, event = self.done[0], self._event(0)
        dead = event["dead"]
        ended = {*event["ended"], *([event["task"]] if dead else [])}
        letter = done.letter.value if done.letter else None
        values = [send.value for send in done.sends]
        return values, event["outcome"], ended, dead and dead["reasons"], letter, event.get("votes")

    @property
    def value(self) -> dict[str, Any] | None:
        """What it merged, or None for a conflict."""
        data = next((send.value for send in self.done[0].sends), None)
        return self.pipeline.codec.decode(data)[1] if isinstance(data, bytes) else None

    @property
    def late(self) -> set[str]:
        """The tasks of branches that came after the conclusion."""
        events = [self._event(at) for at in range(1, len(self.done))]
        assert all(event["kind"] == "late" for event in events)
        return {task for event in events for task in event["ended"]}

    def _event(self, at: int) -> RunEvent:
        event = self.done[at].event
        assert event is not None
        return event

    def _view(self, now: int) -> View:
        return View(self.store, now, 0)


def heard(merge: str, voices: dict[str, Voice], order: list[str], restores: frozenset[int] = frozenset()) -> Poll:
    """A join that heard the branches in this order, repeats too, until each was heard and nothing is kept any more."""
    poll, told = Poll(merge), set[str]()
    for at, branch in enumerate(order):
        poll.hear(branch, voices[branch])
        told.add(branch)
        if at in restores:
            poll.restore()
        if told == set(BRANCHES):
            break
    return poll

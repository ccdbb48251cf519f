"""A join is blind to order and to repeats, and the same after a restore in between."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.aggregator import service as aggregator
from penstock.contracts.answers import Reason
from penstock.contracts.envelope import Envelope
from penstock.contracts.identity import task_id
from penstock.contracts.records import COMMAND, reason_records
from penstock.runtime.ports import Record
from penstock.runtime.service import Done, Keeps, Message, Service, View
from penstock.runtime.state import Store
from pipelines import Pipeline
from strategies import BRANCHES, arrivals

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
    merge: {policy: vote, field: label, min_agree: 2, tie: reject}
    writes: diagram.Second
    to: [out]
  out: {kind: output, key: id}
"""
NOW, DUE = 1_000, 61_000
Arrivals = tuple[dict[str, str | None], list[str], list[str]]


@cache
def hosted() -> tuple[Pipeline, Service, Keeps]:
    """The room, built once: it keeps nothing but what its store holds."""
    pipeline = Pipeline(TEXT)
    service = aggregator.build(pipeline.plan, "join", pipeline.kit)
    assert service.keeps is not None
    return pipeline, service, service.keeps


class Table:
    """One join's state in a store of its own, and what it answered."""

    def __init__(self) -> None:
        self.pipeline, self.service, self.keeps = hosted()
        self.log: list[Record] = []
        self.store = Store(self.keeps, self.pipeline.codec, 0)
        self.concluded: list[Done] = []

    def arrive(self, branch: str, voice: str | None) -> None:
        """A branch says something, or is said to be missing."""
        around = Envelope("r", "e", task_id("r", "join", "", 0, branch), "", branch, 1, 0, "p.x[0]@1", "d", DUE)
        value: Any = {"id": "e", "number": 1.0, "score": 1.0, "label": voice}
        contract, source = "diagram.Second", branch
        if voice is None:
            contract, source = COMMAND, "supervisor"
            value = {"kind": "missing", "address": "", "branch": branch, "review": "", "sha256": "",
                     "reasons": reason_records((Reason("dead", branch),))}  # fmt: skip
        data = self.pipeline.codec.encode(contract, value)
        record = Record("p.join", 0, 7, b"r", data, [], NOW)
        done = self.service.answer(Message(record, around._replace(source=source), contract, value), self.view(NOW))
        assert isinstance(done, Done)
        self.concluded += [done] if done.event is not None else []

    def restore(self) -> None:
        """The process dies; another reads the changelog."""
        for output in self.store.flush():
            self.log.append(Record(output.topic, 0, len(self.log), output.key, output.value, [], NOW))
        self.store = Store(self.keeps, self.pipeline.codec, 0)
        for record in self.log:
            self.store.restore(record)

    def expire(self) -> None:
        """The wait is over."""
        assert self.keeps.expire is not None
        for key in list(self.store.pop_due(DUE)):
            self.concluded.append(self.keeps.expire(key, self.view(DUE)))

    def view(self, now: int) -> View:
        """What a decision may look at."""
        return View(self.store, now, 0)

    def answer(self) -> tuple[object, ...]:
        """What came of it, apart from when and where."""
        (done,) = self.concluded[:1]
        assert done.event is not None
        dead = done.event["dead"]
        ended = {*done.event["ended"], *([done.event["task"]] if dead else [])}
        letter = done.letter.value if done.letter else None
        return [send.value for send in done.sends], done.event["outcome"], ended, dead and dead["reasons"], letter


def told(voices: dict[str, str | None], order: list[str], restores: frozenset[int] = frozenset()) -> Table:
    """A join that heard the branches in this order until it concluded; what comes after that is not its own."""
    table = Table()
    for at, branch in enumerate(order):
        if table.concluded:
            break
        table.arrive(branch, voices[branch])
        if at in restores:
            table.restore()
    return table


@given(arrivals=arrivals(), restores=st.frozensets(st.integers(0, 6)))
def test_order_repeats_and_restores_change_nothing(arrivals: Arrivals, restores: frozenset[int]) -> None:
    """The same voices make the same value, the same reasons and the same dead letter."""
    voices, one, other = arrivals
    first, second = told(voices, one), told(voices, other, restores)

    assert len(first.concluded) == len(second.concluded) == 1
    assert first.answer() == second.answer()
    assert len(first.store) == len(second.store) == 0


@given(arrivals=arrivals(), heard=st.frozensets(st.sampled_from(BRANCHES), min_size=1, max_size=2))
def test_a_wait_that_is_over_is_blind_too(arrivals: Arrivals, heard: frozenset[str]) -> None:
    """Whoever came first: what is there is merged, and a marker stays for those who come late."""
    voices, one, other = arrivals
    tables = [told(voices, [branch for branch in order if branch in heard]) for order in (one, other)]
    assert tables[0].store.get("r/") == tables[1].store.get("r/") is not None
    for table in tables:
        table.restore()
        table.expire()

    assert tables[0].answer() == tables[1].answer()
    for table, branch in zip(tables, (one[0], other[0]), strict=True):
        table.restore()
        table.arrive(branch, voices[branch])
        late = table.concluded[-1].event
        assert late is not None
        assert (late["kind"], late["ended"]) == ("late", [task_id("r", "join", "", 0, branch)])

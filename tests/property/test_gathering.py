"""A join that gathers items, and one whose branches are called off: blind to order, repeats and restores."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock import Conflict, Merged
from penstock.aggregator import service as aggregator
from penstock.aggregator.policies import conclude
from penstock.assembly.plans import compile_file, contracts_beside, resolve
from penstock.contracts.answers import Reason
from penstock.contracts.envelope import Envelope
from penstock.contracts.identity import task_id
from penstock.contracts.records import COMMAND, reason_records
from penstock.runtime.codec import Codec
from penstock.runtime.ports import Record
from penstock.runtime.service import Done, Message, View
from penstock.runtime.state import Store
from penstock.testing.stage import Stage
from property.polls import Poll, policy_of, votes_of
from strategies import BRANCHES, PATIENT, Voice, voices

ROOT = Path(__file__).resolve().parents[2]
LINES = ROOT / "tests" / "branches" / "topology" / "lines.yaml"
NOW, DUE = 1_000, 61_000
MOST = 3
Said = tuple[str, Any]  # which item (or "" for the whole), and what: a value, "missing", "skip" or a count

said_of_an_item = st.sampled_from(["missing", "skip"]) | st.floats(0, 9).map(lambda amount: {"amount": amount})


@cache
def stage() -> Stage:
    """The topology of lines, compiled once."""
    return Stage(compile_file(LINES), Codec(contracts_beside(LINES)), resolve)


class Bill:
    """The join of the lines, and what came of it."""

    def __init__(self) -> None:
        self.service = aggregator.build(stage().plan, "bill", stage().kit)
        assert self.service.keeps is not None
        self.keeps = self.service.keeps
        self.log: list[Record] = []
        self.store = Store(self.keeps, stage().codec, 0)
        self.done: list[Done] = []
        self.most_written = 0

    def hear(self, said: Said) -> None:
        """A branch or an item says something."""
        item, what = said
        branch = "check" if item == "check" else "gate"
        item = "" if item == "check" else item
        task = task_id("r", "bill", item, 0, branch)
        contract, value = self._message(branch, what)
        around = Envelope("r", "e", task, item, branch, 1, 0, "p.x[0]@1", "d", DUE)
        record = Record("p.bill", 0, 7, b"r", stage().codec.encode(contract, value), [], NOW)
        done = self.service.answer(Message(record, around, contract, value), View(self.store, NOW, 0))
        assert isinstance(done, Done)
        self.done += [done] if done.event is not None else []

    def restore(self) -> None:
        """The process dies; another reads the changelog."""
        outputs = self.store.flush()
        self.most_written = max([self.most_written, *(len(output.value or b"") for output in outputs)])
        for output in outputs:
            self.log.append(Record(output.topic, 0, len(self.log), output.key, output.value, [], NOW))
        self.store = Store(self.keeps, stage().codec, 0)
        for record in self.log:
            self.store.restore(record)

    def answer(self) -> tuple[object, ...]:
        """What it concluded."""
        (done,) = self.done
        event = done.event
        assert event is not None
        ended = {*event["ended"], *([event["task"]] if event["dead"] else [])}
        return [send.value for send in done.sends], event["outcome"], ended, event["dead"] and event["dead"]["reasons"]

    def _message(self, branch: str, what: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - anything that is said
        if isinstance(what, dict):
            own = {"risk": 0.5} if branch == "check" else {"sku": "s", **what}
            return ("shop.Checked" if branch == "check" else "shop.Priced"), {"id": "o", **own}
        kind, count = ("count", what) if isinstance(what, int) else (what, 0)
        reasons = reason_records((Reason("dead"),)) if kind == "missing" else []
        return COMMAND, {"kind": kind, "address": "", "branch": branch, "review": "", "sha256": "", "reasons": reasons,
                         "count": count}  # fmt: skip


def heard(words: list[Said], restores: frozenset[int] = frozenset()) -> Bill:
    """The join after all these words, repeats too, until each was heard once."""
    bill, told = Bill(), set[str]()
    everything = {item for item, _ in words} | {"count"}
    for at, (item, what) in enumerate(words):
        bill.hear((item, what))
        told.add("count" if isinstance(what, int) else item)
        if at in restores:
            bill.restore()
        if told >= everything - {""}:
            break
    return bill


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[Said], list[Said]]:
    """An order's lines and what each says, in two orders, with repeats."""
    lines = [(str(at), draw(said_of_an_item)) for at in range(draw(st.integers(0, MOST)))]
    words: list[Said] = [("check", {}), ("", len(lines)), *lines]
    shuffled = [[*draw(st.permutations([*words, *draw(st.lists(st.sampled_from(words), max_size=3))]))] for _ in "ab"]
    return shuffled[0], shuffled[1]


@given(orders(), st.frozensets(st.integers(0, 6)))
def test_who_gathers_is_blind(both: tuple[list[Said], list[Said]], restores: frozenset[int]) -> None:
    """Order, repeats and restores change neither the list nor the verdict, and nothing is kept in the end."""
    first, second = heard(both[0]), heard(both[1], restores)

    assert first.answer() == second.answer()
    assert len(first.store) == len(second.store) == 0


@given(orders())
def test_what_is_gathered_is_what_was_said(both: tuple[list[Said], list[Said]]) -> None:
    """The values in the order of their items; half of those that were not called off are enough."""
    words = dict(both[0])
    said = [words[str(at)] for at in range(MOST) if str(at) in words]
    amounts = [one["amount"] for one in said if isinstance(one, dict)]
    wanted = [one for one in said if one != "skip"]
    sends, outcome, ended, _ = heard(both[0]).answer()

    assert ended == {task_id("r", "bill", "" if item == "check" else item, 0, "check" if item == "check" else "gate")
                     for item in words}  # fmt: skip
    if 2 * len(amounts) >= len(wanted):
        assert outcome == "agreed"
        assert isinstance(sends, list)
        assert [line["amount"] for line in stage().codec.decode(sends[0])[1]["lines"]] == amounts
    else:
        assert outcome == "conflict"


def test_no_record_grows_with_the_items() -> None:
    """Each item is written once, under a key of its own; the join's own record stays as small as it was."""
    sizes = []
    for items in (2, MOST):
        bill = Bill()
        for at in range(items):
            bill.hear((str(at), {"amount": 1.0}))
            bill.restore()
        sizes.append(bill.most_written)

    assert sizes[0] == sizes[1]


@given(merge=st.sampled_from(PATIENT), spoken=voices(), off=st.sets(st.sampled_from(BRANCHES)),
       order=st.permutations(BRANCHES), other=st.permutations(BRANCHES))  # fmt: skip
def test_who_is_called_off_has_no_voice(
    merge: str, spoken: dict[str, Voice], off: set[str], order: list[str], other: list[str]
) -> None:
    """The others come to what they would if there were no more of them; without any of them the join is called off."""
    polls = [Poll(merge), Poll(merge)]
    for poll, names in zip(polls, (order, other), strict=True):
        for name in names:
            poll.hear(name, "skip" if name in off else spoken[name])

    assert polls[0].answer() == polls[1].answer()
    left = [name for name in BRANCHES if name not in off]
    if not left:
        assert polls[0].answer()[1] == "skipped"
        return
    expected = conclude(policy_of(merge).without(off), votes_of(spoken, left))
    assert (polls[0].answer()[1] == "conflict") == isinstance(expected, Conflict)
    if isinstance(expected, Merged):
        assert polls[0].value is not None
        assert repr(polls[0].value["label"]) == repr(expected.value["label"])

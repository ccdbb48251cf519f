"""The ladder: what follows when a task is dead, in one order and each rung so many times."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from penstock import Reason
from penstock.contracts.envelope import Envelope
from penstock.contracts.events import dead_part, task_done
from penstock.contracts.records import Terminal
from penstock.supervisor.ladder import (
    ENDS,
    TABLE,
    Ask,
    Cause,
    End,
    Fall,
    Forget,
    Missing,
    Rerun,
    Row,
    Rung,
    concluded,
    entry,
    fate,
    next_rung,
    retryable,
    rung_of_the_unawaited,
    times,
    unawaited,
)
from penstock.topology.plan import Ladder

JOINS = (("join", "branch"),)
ALL = Ladder("read", 2, "simply", "simply", JOINS, review=True, gate="gate")
TAKEN: dict[str, Rung] = {
    "rerun": Rerun("read"), "fallback": Fall("simply"), "missing": Missing(JOINS), "review": Ask("gate"),
}  # fmt: skip
WITHOUT: dict[str, Ladder] = {
    "rerun": Ladder(None, 0, None, "simply", JOINS, review=True, gate="gate"),
    "fallback": Ladder(None, 0, None, None, JOINS, review=True, gate="gate"),
    "missing": Ladder(None, 0, None, None, (), review=True, gate="gate"),
    "review": Ladder(),
}


def follow(ladder: Ladder, outcome: str, used: list[str] | None = None, item: str = "") -> Rung:
    """What follows a death whose reasons could be mended, where two questions may be asked."""
    return next_rung(ladder, Cause(outcome, retryable=True, item=item), used or [], 2)


@pytest.mark.parametrize("row", TABLE[:-1], ids=lambda row: row.name)
def test_the_edge_from_an_outcome_to_a_rung(row: Row) -> None:
    """Each outcome of a row takes its rung where no rung above takes it before."""
    above = frozenset[str]().union(*(other.outcomes for other in itertools.takewhile(lambda o: o is not row, TABLE)))

    assert {follow(ALL, outcome) for outcome in row.outcomes - above} <= {TAKEN[row.name]}
    assert all(follow(ALL, outcome) != TAKEN[row.name] for outcome in ENDS.keys() - row.outcomes)


@pytest.mark.parametrize(("row", "below"), list(itertools.pairwise(TABLE)), ids=lambda row: row.name)
def test_the_edge_from_a_rung_to_the_one_below(row: Row, below: Row) -> None:
    """Where a step does not declare a rung, what may take both takes the next one."""
    for outcome in row.outcomes & below.outcomes:
        expected = End(ENDS[outcome]) if below.name == "end" else TAKEN[below.name]
        assert follow(WITHOUT[row.name], outcome) == expected


def test_every_outcome_ends() -> None:
    """The last row takes what all the others pass over."""
    assert TABLE[-1].outcomes == ENDS.keys() >= frozenset().union(*(row.outcomes for row in TABLE))
    for outcome, status in ENDS.items():
        assert follow(Ladder(), outcome) == End(status)


@pytest.mark.parametrize(
    ("outcome", "rung"),
    [
        ("rejected", Rerun("read")),
        ("failed", Fall("simply")),
        ("conflict", Fall("simply")),
        ("escalated", Missing(JOINS)),
        ("expired", End("expired")),
        ("stopped", End("expired")),
        ("cancelled", End("cancelled")),
        ("in_doubt", End("failed")),
        ("", Fall("simply")),
        ("something new", Fall("simply")),
    ],
)
def test_where_an_outcome_begins(outcome: str, rung: object) -> None:
    """Only a verdict asks again; an escalation wants no fallback; in a run that ends, or in doubt, nothing is tried."""
    assert follow(ALL, outcome) == rung


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("failed", "failed"), ("rejected", "rejected"), ("conflict", "rejected"), ("escalated", "rejected"),
        ("expired", "expired"), ("in_doubt", "failed"), ("", "failed"),
    ],
)  # fmt: skip
def test_how_a_part_ends_without_any_rung(outcome: str, status: Terminal) -> None:
    """By what it died of."""
    assert follow(Ladder(), outcome) == End(status)


def test_a_worker_is_asked_again_so_many_times() -> None:
    """Then the fallback acts, and after it nobody is asked again."""
    again, fell = entry("rerun", "read"), entry("fallback", "simply")

    assert follow(ALL, "rejected", [again]) == Rerun("read")
    assert follow(ALL, "rejected", [again, again]) == Fall("simply")
    assert follow(ALL, "rejected", [again, fell]) == Missing(JOINS)


def test_no_rerun_after_the_workers_own_fallback() -> None:
    """Also where it acted because the worker had died, and the gate asks for none."""
    gate = Ladder("read", 2, "simply", None, (), review=True, gate="gate")

    assert follow(gate, "rejected", [entry("fallback", "simply")]) == Ask("gate")


def test_no_rerun_for_what_cannot_be_mended() -> None:
    """A verdict whose reasons are all not retryable would only come again."""
    assert next_rung(ALL, Cause("rejected"), [], 2) == Fall("simply")


@pytest.mark.parametrize(
    ("reasons", "could_be"),
    [
        ([], False),
        ([Reason("a")], False),
        ([Reason("a"), Reason("b", retryable=True)], True),
        ([Reason("a"), Reason("b", retryable=True, severity="warning")], False),
        ([Reason("b", retryable=True, severity="info")], False),
    ],
)
def test_what_can_be_mended(reasons: list[Reason], could_be: bool) -> None:  # noqa: FBT001 - a table
    """One error that the worker could mend is enough; warnings were no reason to reject."""
    assert retryable(dead_part(tuple(reasons))) is could_be


def test_items_have_ladders_of_their_own() -> None:
    """What was used for one item of a fan-out is fresh for another; questions are counted for the whole run."""
    used = [entry("rerun", "read", "1"), entry("rerun", "read", "1"), entry("fallback", "simply", "1")]

    assert follow(ALL, "rejected", used, item="1") == Missing(JOINS)
    assert follow(ALL, "rejected", used, item="11") == Rerun("read")
    assert follow(ALL, "failed", used, item="") == Fall("simply")
    asked = [entry("review", "check", "1"), entry("review", "check", "2")]
    assert follow(WITHOUT["missing"], "rejected", asked, item="3") == End("rejected")
    assert times("review", asked) == 2


def test_a_person_is_asked_where_no_join_can_do_without() -> None:
    """After the fallback, so many times in a run, whichever step asks."""
    ladder = Ladder(None, 0, None, "simply", (), review=True, gate="gate")
    used = [entry("fallback", "simply")]
    cause = Cause("rejected")

    assert next_rung(ladder, cause, used, 1) == Ask("gate")
    assert next_rung(ladder, cause, [*used, entry("review", "other")], 2) == Ask("gate")
    assert next_rung(ladder, cause, [*used, entry("review", "other")], 1) == End("rejected")
    assert next_rung(ladder, cause, used, 0) == End("rejected")
    assert next_rung(ladder, Cause("escalated"), [], 1) == Ask("gate")


def test_a_person_needs_a_gate() -> None:
    """A decision re-enters through a gate, so without one nobody is asked."""
    assert follow(Ladder(review=True), "failed") == End("failed")


def test_the_ladder_ends() -> None:
    """Whatever dies of whatever, again and again: two re-runs, a fallback, two questions, and then there is an end."""
    ladder = Ladder("read", 2, "simply", "simply", (), review=True, gate="gate")
    for outcomes in itertools.product(["failed", "rejected", "escalated", "conflict"], repeat=6):
        used = list[str]()
        for outcome in outcomes:
            match follow(ladder, outcome, used):
                case Rerun(step):
                    used.append(entry("rerun", step))
                case Fall(step):
                    used.append(entry("fallback", step))
                case Ask():
                    used.append(entry("review", "s"))
        assert len(used) <= 5
        assert (used.count("rerun:read") <= 2, used.count("fallback:simply") <= 1) == (True, True)


@pytest.mark.parametrize(
    ("outcome", "at", "ending", "died_of"),
    [
        ("rejected", 9, "", "rejected"),
        ("rejected", 10, "", "expired"),
        ("conflict", 11, "", "expired"),
        ("expired", 9, "", "expired"),
        ("in_doubt", 11, "", "in_doubt"),
        ("rejected", 9, "cancelled", "cancelled"),
        ("stopped", 11, "cancelled", "cancelled"),
        ("rejected", 9, "expired", "expired"),
        ("in_doubt", 9, "cancelled", "in_doubt"),
    ],
)
def test_in_a_run_that_ends_nothing_is_tried(outcome: str, at: int, ending: str, died_of: str) -> None:
    """After the deadline by the time of the step that says so, or once the run is ending; a doubt stays a doubt."""
    around = Envelope("r", "e", "t", "", "s", 1, 0, "p.s[0]@1", "d", 10)
    event = task_done(around, "s", "p.s[0]@1", at, [], outcome=outcome)

    assert fate(event, 10, ending) == died_of


AFTER = {"a": ("join",), "b": ("inner",), "inner": ("join", "side"), "side": (), "join": ("out",), "out": ()}


@pytest.mark.parametrize(
    ("step", "done", "costs_nothing"),
    [
        ("a", {"join"}, True),
        ("a", set(), False),
        ("b", {"join"}, False),
        ("b", {"inner"}, True),
        ("side", {"join"}, False),
        ("join", {"join"}, False),
    ],
)
def test_what_nothing_waits_for(step: str, done: set[str], costs_nothing: bool) -> None:  # noqa: FBT001 - a table
    """Every way on must lead to a join that has concluded; an end on any way is waited for."""
    assert unawaited(AFTER, step, done) is costs_nothing


def test_the_joins_in_between_are_told() -> None:
    """Where one of them still waits it hears that nothing comes; where none does, the death is forgotten."""
    steps = Ladder(fallback="f", missing=(("inner", "b"), ("join", "inner")), review=True, gate="g")

    assert rung_of_the_unawaited(steps, {"join"}) == Missing((("inner", "b"),))
    assert rung_of_the_unawaited(steps, {"join", "inner"}) == Forget()


@pytest.mark.parametrize(
    ("item", "joins"),
    [("", {"all"}), ("3", {"all", "each"}), ("31", {"all"}), ("3.1", {"all", "each", "inner"}), ("4", {"all"})],
)
def test_joins_conclude_for_an_item_and_its_parts(item: str, joins: set[str]) -> None:
    """A join outside a fan-out has concluded for every item, one inside for its own alone."""
    used: Any = [entry("concluded", "all"), entry("concluded", "each", "3"), entry("concluded", "inner", "3.1"), "x:y"]

    assert concluded(used, item) == joins

"""The ladder: what follows when a task is dead, in one order and each rung so many times."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from penstock.contracts.envelope import Envelope
from penstock.contracts.events import task_done
from penstock.supervisor.ladder import Ask, End, Fall, Missing, ask_name, fall_name, fate, next_rung
from penstock.topology.plan import Ladder

ALL = Ladder("simply", (("join", "branch"),), review=True, gate="gate")


def test_the_order_of_the_rungs() -> None:
    """Fallback, then the missing token, then nothing else: where a join can do without, no person is asked."""
    assert next_rung(ALL, "failed", [], 1) == Fall("simply")
    assert next_rung(ALL, "failed", [fall_name("simply")], 1) == Missing((("join", "branch"),))


def test_a_person_is_asked_where_no_join_can_do_without() -> None:
    """After the fallback, so many times in a run, whichever step asks."""
    ladder = Ladder("simply", (), review=True, gate="gate")
    used = [fall_name("simply")]

    assert next_rung(ladder, "rejected", used, 1) == Ask("gate")
    assert next_rung(ladder, "rejected", [*used, ask_name("other")], 2) == Ask("gate")
    assert next_rung(ladder, "rejected", [*used, ask_name("other")], 1) == End("rejected")
    assert next_rung(ladder, "rejected", used, 0) == End("rejected")
    assert next_rung(ladder, "escalated", [], 1) == Ask("gate")


@pytest.mark.parametrize(
    ("outcome", "rung"),
    [
        ("failed", Fall("simply")),
        ("rejected", Fall("simply")),
        ("conflict", Fall("simply")),
        ("escalated", Missing((("join", "branch"),))),
        ("expired", End("expired")),
        ("in_doubt", End("failed")),
        ("", Fall("simply")),
        ("something new", Fall("simply")),
    ],
)
def test_what_an_outcome_skips(outcome: str, rung: object) -> None:
    """An escalation wants no fallback; after the deadline, or in doubt, nothing is tried."""
    assert next_rung(ALL, outcome, [], 1) == rung


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("failed", "failed"), ("rejected", "rejected"), ("conflict", "rejected"), ("escalated", "rejected"),
        ("expired", "expired"), ("in_doubt", "failed"), ("", "failed"),
    ],
)  # fmt: skip
def test_how_a_part_ends_without_any_rung(outcome: str, status: Any) -> None:  # noqa: ANN401 - a terminal status
    """By what it died of."""
    assert next_rung(Ladder(), outcome, [], 1) == End(status)


def test_a_person_needs_a_gate() -> None:
    """A decision re-enters through a gate, so without one nobody is asked."""
    assert next_rung(Ladder(review=True), "failed", [], 1) == End("failed")


def test_the_ladder_ends() -> None:
    """Whatever dies of whatever, again and again: after every rung was taken there is an end."""
    for outcomes in itertools.product(["failed", "rejected", "escalated", "conflict"], repeat=4):
        ladder, used = Ladder("simply", (), review=True, gate="gate"), list[str]()
        for outcome in outcomes:
            match next_rung(ladder, outcome, used, 2):
                case Fall(step):
                    used.append(fall_name(step))
                case Ask():
                    used.append(ask_name("s"))
        assert len(used) <= 3
        assert len(set(used) & {fall_name("simply")}) == used.count(fall_name("simply"))


@pytest.mark.parametrize(
    ("outcome", "at", "died_of"),
    [
        ("rejected", 9, "rejected"),
        ("rejected", 10, "expired"),
        ("conflict", 11, "expired"),
        ("expired", 9, "expired"),
        ("in_doubt", 11, "in_doubt"),
    ],
)
def test_after_the_deadline_everything_has_expired(outcome: str, at: int, died_of: str) -> None:
    """By the time of the step that says so; a doubt stays a doubt."""
    around = Envelope("r", "e", "t", "", "s", 1, 0, "p.s[0]@1", "d", 10)
    event = task_done(around, "s", "p.s[0]@1", at, [], outcome=outcome)

    assert fate(event, 10) == died_of

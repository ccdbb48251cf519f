"""How many failed tasks are too many, counted one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.contracts.events import Effort
from penstock.runtime.alarm import Alarm
from penstock.runtime.attempts import Outcome
from penstock.topology.plan import Halting


def tripped(alarm: Alarm, tasks: str) -> int:
    """Which task stops the step, the first is 1; 0 when none does. In `tasks` an x failed, a dot went well."""
    for number, task in enumerate(tasks, 1):
        if task == "x":
            if alarm.failed():
                return number
        else:
            alarm.tasks += 1
            if alarm.row:
                alarm.well()
    return 0


def test_so_many_in_a_row() -> None:
    """The fifth in a row stops it; four and a good one do not."""
    limits = Halting(in_a_row=5, share=1.0, of=1_000)

    assert tripped(Alarm(limits), "xxxx.xxxx.xxxxx") == 15
    assert tripped(Alarm(limits), "xxxx." * 100) == 0


def test_too_large_a_share() -> None:
    """A share counts once so many tasks were seen, and then over the last of them alone."""
    limits = Halting(in_a_row=1_000, share=0.5, of=10)

    assert tripped(Alarm(limits), "xxxxx....x") == 10
    assert tripped(Alarm(limits), "xxxxx.....") == 0  # five of ten, but it ends well
    assert tripped(Alarm(limits), "..........xx.x..xx") == 18  # of the last ten: xx.x..xx behind two good ones


def test_the_first_task_after_a_halt_decides() -> None:
    """It fails: halted again, whatever the limit. It does not: everything is counted anew."""
    failing, mended = Alarm(Halting()), Alarm(Halting(in_a_row=3))
    failing.prove()
    mended.prove()

    assert tripped(failing, "x") == 1
    assert tripped(mended, ".xx.xxx") == 7


@given(st.text("x.", max_size=300), st.integers(1, 20), st.integers(1, 40), st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_it_is_what_the_words_say(tasks: str, in_a_row: int, of: int, share: float) -> None:
    """Held against the plain reading of both limits, at every task."""

    def over(seen: str) -> bool:
        last = seen[-of:]
        return seen.endswith("x" * in_a_row) or (
            seen.endswith("x") and len(seen) >= of and last.count("x") >= share * of
        )

    expected = next((n for n in range(1, len(tasks) + 1) if over(tasks[:n])), 0)

    assert tripped(Alarm(Halting(in_a_row, share, of)), tasks) == expected


def test_what_a_dead_task_says_about_its_step() -> None:
    """A verdict is work done; a deadline or an outage says nothing; all else is a failure."""
    said = {code: Outcome(None, Effort(), (), code).failure for code in ("failed", "rejected", "escalated", "expired")}

    assert said == {"failed": True, "rejected": False, "escalated": False, "expired": None}
    assert Outcome(None, Effort(), (), "failed", outage=True).failure is None

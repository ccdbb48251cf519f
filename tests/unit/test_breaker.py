"""The circuit breaker: opens after so many failures in a row, then asks once, and believes what it hears."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.runtime.breaker import Breaker
from penstock.topology import plan


def breaker(failures: int = 3, open_ms: int = 10_000) -> Breaker:
    """One of these limits."""
    return Breaker(plan.Breaker(failures, open_ms))


def tried(one: Breaker, now: float, *, failed: bool) -> None:
    """An attempt, begun and ended."""
    assert one.wait(now) == 0
    one.end(one.begin(), now, failed=failed)


def opened() -> Breaker:
    """One that opened at 100 s, until 110 s."""
    one = breaker()
    for _ in range(3):
        tried(one, 100, failed=True)
    return one


def test_it_opens_after_so_many_in_a_row() -> None:
    """Two failures and a success do not open it, three failures do; then nobody begins for ten seconds."""
    one = breaker()
    for failed in (True, True, False, True, True):
        tried(one, 100, failed=failed)
    before = one.open
    tried(one, 100, failed=True)

    assert (before, one.open) == (False, True)
    assert (one.wait(100), one.wait(109), one.wait(110)) == (10, 1, 0)


def test_exactly_one_probe() -> None:
    """While one attempt is made to see, all others look again a little later."""
    one = opened()
    probe = one.begin()

    assert 0 < one.wait(111) < 1
    assert 0 < one.wait(500) < 1

    one.end(probe, 500, failed=False)

    assert (one.open, one.wait(500)) == (False, 0)


def test_a_probe_that_fails_opens_it_again() -> None:
    """For as long as before."""
    one = opened()
    one.end(one.begin(), 112, failed=True)

    assert (one.open, one.wait(112), one.wait(122)) == (True, 10, 0)


def test_what_began_before_says_nothing() -> None:
    """Slow attempts of the time before it opened neither close it nor prolong it, nor stand for the probe."""
    one = breaker()
    slow = [one.begin() for _ in range(4)]
    for _ in range(3):
        tried(one, 100, failed=True)
    one.end(slow[0], 105, failed=False)
    one.end(slow[1], 106, failed=True)
    assert one.wait(106) == 4

    probe = one.begin()
    one.end(slow[2], 111, failed=False)

    assert one.wait(112) > 0  # the probe still runs
    one.end(probe, 112, failed=False)
    one.end(slow[3], 113, failed=True)
    assert one.wait(113) == 0


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.floats(0, 30)), max_size=80), st.integers(1, 5))
def test_while_open_at_most_one_runs(program: list[tuple[int, bool, float]], failures: int) -> None:
    """Whatever ends when and how: nothing begins while it is open, but for one probe at a time."""
    one, now, running = breaker(failures), 0.0, list[int]()
    probes: list[int] = []
    for which, failed, passing in program:
        now += passing
        if which and one.wait(now) == 0:
            was_open = one.open
            era = one.begin()
            assert not (was_open and probes)
            (probes if was_open else running).append(era)
        elif probes:
            one.end(probes.pop(), now, failed=failed)
            assert one.open == failed
        elif running:
            one.end(running.pop(which % len(running)), now, failed=failed)

"""Whatever befalls the processes, every input has exactly one output, and the state is the fold of the inputs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from property.fleet import Fleet

STEPS = 400


@given(seed=st.integers(min_value=0, max_value=2**32))
def test_exactly_once_whatever_happens(seed: int) -> None:
    """Kills inside any call, lost answers, aborts, zombies, expired members, usurped ids, rebalances, clean stops."""
    fleet = Fleet(seed)

    fleet.run(STEPS)
    fleet.settle()

    assert {name: found for name, found in fleet.verdict().items() if found} == {}

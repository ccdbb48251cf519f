"""Whatever befalls the processes, every input has exactly one output, and the state is the fold of the inputs."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.runtime import processor
from property.fleet import Fleet

STEPS = 400


@given(seed=st.integers(min_value=0, max_value=2**32))
@example(seed=108)  # a partition went while its waiting records were in hand
@example(seed=136)
@example(seed=46)  # … and came back in the same poll
@example(seed=82)
@example(seed=15)  # a lost answer began everything anew while records were in hand
@example(seed=11)
def test_exactly_once_whatever_happens(seed: int) -> None:
    """Kills inside any call, lost answers, aborts, zombies, expired members, usurped ids, rebalances, clean stops."""
    fleet = Fleet(seed)

    fleet.run(STEPS)
    fleet.settle()

    assert {name: found for name, found in fleet.verdict().items() if found} == {}


@given(seed=st.integers(min_value=0, max_value=2**32))
def test_exactly_once_where_the_client_gets_outputs_ahead(seed: int) -> None:
    """The same, with a service alone in its process, whose outputs travel while its next records are worked on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processor, "_AHEAD", 2)
        fleet = Fleet(seed, alone=True)

        fleet.run(STEPS)
        fleet.settle()

        assert {name: found for name, found in fleet.verdict().items() if found} == {}

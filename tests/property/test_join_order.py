"""A join is blind to order and to repeats, and the same after a restore in between, also when its wait is over."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.contracts.identity import task_id
from property.polls import heard
from strategies import BRANCHES, arrivals

VOTE = "{policy: vote, field: label, min_agree: 2, tie: reject}"
Arrivals = tuple[dict[str, str | None], list[str], list[str]]


def voices_of(labels: dict[str, str | None]) -> dict[str, Any]:
    """What the branches say where they agree on everything but the label."""
    said = {name: {"id": "e", "number": 1.0, "score": 1.0, "label": label} for name, label in labels.items()}
    return {name: value if labels[name] is not None else None for name, value in said.items()}


@given(arrivals=arrivals(), restores=st.frozensets(st.integers(0, 6)))
def test_order_repeats_and_restores_change_nothing(arrivals: Arrivals, restores: frozenset[int]) -> None:
    """The same voices make the same value, the same reasons and the same dead letter."""
    labels, one, other = arrivals
    voices = voices_of(labels)
    first, second = heard(VOTE, voices, one), heard(VOTE, voices, other, restores)

    assert len(first.done) == len(second.done) == 1
    assert first.answer() == second.answer()
    assert len(first.store) == len(second.store) == 0


@given(arrivals=arrivals(), there=st.frozensets(st.sampled_from(BRANCHES), min_size=1, max_size=2))
def test_a_wait_that_is_over_is_blind_too(arrivals: Arrivals, there: frozenset[str]) -> None:
    """Whoever came first: what is there is merged, and a marker stays for those who come late."""
    labels, one, other = arrivals
    voices = voices_of(labels)
    polls = [heard(VOTE, voices, [branch for branch in order if branch in there]) for order in (one, other)]
    assert polls[0].store.get("r/") == polls[1].store.get("r/") is not None
    for poll in polls:
        poll.restore()
        poll.expire()

    assert polls[0].answer() == polls[1].answer()
    for poll, branch in zip(polls, (one[0], other[0]), strict=True):
        poll.restore()
        poll.hear(branch, voices[branch])
        assert poll.late == {task_id("r", "join", "", 0, branch)}

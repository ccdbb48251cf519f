"""What every merge policy promises, whatever the branches say and in whatever order they are heard."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from penstock import Conflict, Merged, Vote
from penstock.aggregator.agreement import agree, groups
from penstock.aggregator.policies import conclude, settled
from penstock.contracts.identity import task_id
from penstock.topology.plan import Tolerance
from property.polls import Poll, heard, policy_of, votes_of
from strategies import (
    BRANCHES,
    FIRST,
    PATIENT,
    QUORUMS,
    TOLERANCE,
    Voice,
    hearings,
    labels,
    noises,
    strange,
    voices,
)

Voices = dict[str, Voice]
restores = st.frozensets(st.integers(0, 6))
NEAR = [merge for merge in (*PATIENT, *QUORUMS) if "score, tolerance: 0.25" in merge]
IMPARTIAL = [merge for merge in (*PATIENT, *QUORUMS) if any(word in merge for word in ("reject", "mean", "quorum"))]


def compared(concluded: Merged | Conflict, fields: tuple[str, ...]) -> object:
    """A conflict, or what was agreed on."""
    return "conflict" if isinstance(concluded, Conflict) else [concluded.value[name] for name in fields]


@given(merge=st.sampled_from(PATIENT), voices=voices(), one=hearings(), other=hearings(), restores=restores)
def test_who_waits_for_all_is_blind(
    merge: str, voices: Voices, one: list[str], other: list[str], restores: frozenset[int]
) -> None:
    """Order, repeats and restores change neither the value nor the reasons, the dead letter nor the votes kept."""
    first, second = heard(merge, voices, one), heard(merge, voices, other, restores)

    assert first.answer() == second.answer()
    assert first.late == second.late == set()
    assert len(first.store) == len(second.store) == 0


@given(
    merge=st.sampled_from([*PATIENT, FIRST, *QUORUMS]),
    voices=voices(),
    order=st.permutations(BRANCHES),
    known=st.integers(1, 2),
    restores=restores,
)
def test_a_wait_that_is_over_is_blind_too(
    merge: str, voices: Voices, order: list[str], known: int, restores: frozenset[int]
) -> None:
    """What is there is merged, the others come late, and then nothing is kept; all the same after restores."""
    polls = [Poll(merge), Poll(merge)]
    for poll, forget in zip(polls, (frozenset[int](), restores), strict=True):
        for at, branch in enumerate(order):
            poll.hear(branch, voices[branch])
            if at + 1 == known:
                poll.expire()
            if at in forget:
                poll.restore()

    assert polls[0].answer() == polls[1].answer()
    assert polls[0].late == polls[1].late
    assert len(polls[0].store) == len(polls[1].store) == 0


@given(merge=st.sampled_from([FIRST, *QUORUMS]), voices=voices(), order=hearings(), restores=restores)
def test_an_early_conclusion_is_the_same_after_a_restore(
    merge: str, voices: Voices, order: list[str], restores: frozenset[int]
) -> None:
    """The order of the log decides, and nothing else; every task ends, and then nothing is kept."""
    first, second = heard(merge, voices, order), heard(merge, voices, order, restores)

    assert first.answer() == second.answer()
    assert first.late == second.late
    ended: Any = first.answer()[2]
    assert ended | first.late == {task_id("r", "join", "", 0, name) for name in BRANCHES}
    assert len(first.store) == len(second.store) == 0


@given(voices=voices(), order=hearings())
def test_first_is_the_first_that_has_a_value(voices: Voices, order: list[str]) -> None:
    """In the order of the log; a conflict only where no branch has one."""
    poll = heard(FIRST, voices, order)

    expected = next((voices[name] for name in order if voices[name] is not None), None)
    assert repr(poll.value) == repr(expected)  # a NaN is like itself here


@given(merge=st.sampled_from(QUORUMS[:2]), voices=voices(), order=hearings())
def test_an_early_quorum_is_the_full_one(merge: str, voices: Voices, order: list[str]) -> None:
    """Whether there is one, and on what, is what it would be if every branch had been waited for."""
    poll, policy = heard(merge, voices, order), policy_of(merge)
    full = conclude(policy, votes_of(voices))

    early = "conflict" if poll.value is None else [poll.value[name] for name in policy.merge.fields]
    assert early == compared(full, policy.merge.fields)


@given(voices=voices(), one=hearings(), other=hearings())
def test_two_quorums_lie_within_twice_the_tolerance(voices: Voices, one: list[str], other: list[str]) -> None:
    """Any two majorities share a branch, which both agree with."""
    first, second = (heard(QUORUMS[2], voices, order).value for order in (one, other))

    assert (first is None) == (second is None)
    if first is not None and second is not None and first["score"] != second["score"]:
        assert abs(first["score"] - second["score"]) <= 2 * TOLERANCE + 1e-6


@given(
    merge=st.sampled_from([FIRST, *QUORUMS]), voices=voices(), order=st.permutations(BRANCHES), more=st.integers(0, 2)
)
def test_what_is_certain_stays_certain(merge: str, voices: Voices, order: list[str], more: int) -> None:
    """Once a conclusion is certain, whatever is still awaited leaves it as it is: value or conflict."""
    policy = policy_of(merge)
    there = order[: len(order) - more]
    so_far = [Vote(name, voices[name] if name in there else None) for name in BRANCHES]
    assume(settled(policy, so_far, more))

    full = conclude(policy, votes_of(voices))
    assert isinstance(conclude(policy, so_far), Merged) == isinstance(full, Merged)


@given(merge=st.sampled_from([*PATIENT, FIRST, *QUORUMS]), values=st.lists(strange, min_size=3, max_size=3))
def test_no_value_is_too_strange(merge: str, values: list[dict[str, Any] | None]) -> None:
    """Whatever stands in the fields, even against the contract: a value or a conflict, never an exception."""
    concluded = conclude(policy_of(merge), votes_of(dict(zip(BRANCHES, values, strict=True))))

    if isinstance(concluded, Merged):
        assert set(concluded.value) == {"id", "number", "score", "label"}
    else:
        assert concluded.reasons


@given(
    merge=st.sampled_from(NEAR), steps=st.lists(st.integers(-5, 5) | st.none(), min_size=3, max_size=3), noise=noises
)
def test_noise_within_the_tolerance_changes_nothing(merge: str, steps: list[int | None], noise: list[float]) -> None:
    """Who agrees, who wins and who dissents is the same as without it; the value is off by no more than the noise."""
    policy = policy_of(merge)
    plain: list[Voice] = [
        None if step is None else {"id": name, "score": step * 10.0} for name, step in zip(BRANCHES, steps, strict=True)
    ]
    noisy = [value and {**value, "score": value["score"] + off} for value, off in zip(plain, noise, strict=True)]
    exact, rough = (conclude(policy, votes_of(dict(zip(BRANCHES, said, strict=True)))) for said in (plain, noisy))

    assert type(exact) is type(rough)
    if isinstance(exact, Merged) and isinstance(rough, Merged):
        assert (exact.value["id"], exact.dissent) == (rough.value["id"], rough.dissent)
        assert math.isclose(exact.value["score"], rough.value["score"], abs_tol=TOLERANCE)


@given(merge=st.sampled_from(IMPARTIAL), voices=voices(), order=st.permutations(range(3)))
def test_the_order_of_declaration_decides_no_vote(merge: str, voices: Voices, order: list[int]) -> None:
    """Where no rule prefers a branch, it only picks whose value stands for those who agree."""
    policy = policy_of(merge)
    assume(not policy.merge.tolerance.absolute)  # several values may be the agreed one
    turned = type(policy)(policy.merge, tuple(policy.of[at] for at in order), policy.fields)
    one, other = conclude(policy, votes_of(voices)), conclude(turned, votes_of(voices, turned.of))

    assert compared(one, policy.merge.fields) == compared(other, policy.merge.fields)


@given(scores=st.lists(st.floats(-2, 2) | labels, max_size=7), tolerance=st.floats(0, 1))
def test_groups_are_all_that_agree_and_cannot_grow(scores: list[float | str], tolerance: float) -> None:
    """Each agrees with each, nobody outside agrees with all of them, and everybody is in one."""
    votes = [Vote(str(at), {"score": score}) for at, score in enumerate(scores)]
    near, fields = Tolerance(absolute=tolerance), ("score",)
    found = groups(votes, fields, near)

    assert {vote.branch for group in found for vote in group} == {vote.branch for vote in votes}
    for group in found:
        assert all(agree(one, other, fields, near) for one in group for other in group)
        outside = [vote for vote in votes if vote not in group]
        assert not any(all(agree(vote, other, fields, near) for other in group) for vote in outside)

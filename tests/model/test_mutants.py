"""The laws can be broken: each of these bugs in ladder, join, accounting and ledger is caught by some seed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any

import pytest

from model import laws
from model.drama import play
from model.graphs import production
from penstock.aggregator import join
from penstock.aggregator import service as joins
from penstock.contracts.records import Branch, JoinState, RunEvent, RunMemory
from penstock.effects import service as hands
from penstock.effects.ledger import Claim, Move
from penstock.supervisor import ladder, rungs, transitions
from penstock.supervisor import service as supervisors

_MOST = 200  # seeds that a mutant may survive
Mutate = Callable[[pytest.MonkeyPatch], None]


def _falls_again(patch: pytest.MonkeyPatch) -> None:
    """Ladder: a fallback is taken as if it had never been, again and again."""

    def forgetful(steps: ladder.Steps, cause: ladder.Cause, used: Collection[str], reviews: int) -> ladder.Rung:
        kept = [rung for rung in used if not rung.startswith("fallback:")]
        return next_rung(steps, cause, kept, reviews)

    next_rung = ladder.next_rung
    patch.setattr(rungs, "next_rung", forgetful)


def _counts_twice(patch: pytest.MonkeyPatch) -> None:
    """Join: a branch that is missing counts more than its value."""

    def backwards(state: JoinState, branch: Branch) -> JoinState:
        others = [known for known in state["branches"] if known["branch"] != branch["branch"]]
        return JoinState(**{**state, "branches": [*others, branch, branch]})

    patch.setattr(joins, "arrive", backwards)
    patch.setattr(joins, "complete", lambda state, of: len(state["branches"]) >= len(of))
    patch.setattr(join, "arrive", backwards)


def _loses_a_task(patch: pytest.MonkeyPatch) -> None:
    """Accounting: of several tasks that begin together one is not waited for."""

    def careless(memory: RunMemory, event: RunEvent) -> RunMemory:
        return account(memory, {**event, "spawned": event["spawned"][:1]})

    account = transitions.account
    patch.setattr(transitions, "account", careless)


def _pays_twice(patch: pytest.MonkeyPatch) -> None:
    """Accounting: what an event tells of is added a second time."""

    def generous(memory: RunMemory, event: RunEvent) -> RunMemory:
        after = account(memory, event)
        return {**after, "attempts": after["attempts"] + event["attempt"]}

    account = transitions.account
    patch.setattr(transitions, "account", generous)


def _begins_anew(patch: pytest.MonkeyPatch) -> None:
    """Status: what a step tells of a run that has ended begins it once more."""
    answer = supervisors._Overseer.answer

    def reborn(self: Any, message: Any, view: Any) -> Any:  # noqa: ANN401 - as it is
        event = message.value
        if view.state.get(event["run"]) is None and event["kind"] == "task_done":
            view.state.put(event["run"], {**transitions.begin(event), "open": []})
        return answer(self, message, view)

    patch.setattr(supervisors._Overseer, "answer", reborn)


def _forgets_claims(patch: pytest.MonkeyPatch) -> None:
    """Ledger: what was sent is sent again, whatever the deadline is."""

    def eager(entry: Any, run: str, sha256: str, now: int, *_: Any, **__: Any) -> Move:  # noqa: ANN401 - as it is
        del entry
        return Claim({"state": "claimed", "run": run, "sha256": sha256, "at": now, "receipt": None})

    patch.setattr(hands, "move", eager)


MUTANTS: list[Mutate] = [_falls_again, _counts_twice, _loses_a_task, _pays_twice, _begins_anew, _forgets_claims]


def _complaints() -> Iterator[str]:
    """What the laws say of the first seeds, and how plays end that do not."""
    for seed in range(_MOST):
        try:
            played = play(production(seed), seed)
        except Exception as error:  # noqa: BLE001 - a mutant may do anything
            yield f"seed {seed}: {type(error).__name__}"
            continue
        said = laws.broken(played)
        played.pipeline.close()
        yield from (f"seed {seed}: {law}" for law in said)


@pytest.mark.parametrize("mutate", MUTANTS, ids=lambda mutate: mutate.__name__.strip("_"))
def test_a_mutant_is_caught(mutate: Mutate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some law speaks up within two hundred seeds."""
    mutate(monkeypatch)

    assert list(islice(_complaints(), 1))

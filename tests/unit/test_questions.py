"""The records of a question to a person."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.contracts.events import of_run
from penstock.contracts.identity import digest
from penstock.contracts.records import Dead, RunEvent, RunMemory
from penstock.supervisor import transitions
from penstock.supervisor.questions import asked, closed, question

MEMORY: RunMemory = transitions.begin(of_run("run_started", "r", "e", 1, step="ingress", deadline=10, plan="d"))
EVENT = RunEvent(**{**of_run("task_dead", "r", "e", 5, step="check"), "task": "t", "round": 2, "sha256": "judged"})


def dead(suggestion: bytes | None) -> Dead:
    """A dead task with or without a suggestion."""
    return {"reasons": [], "letter": "p.check.dlq[0]@1", "origin": "p.a[0]@1", "suggestion": suggestion, "judged": True}


@pytest.mark.parametrize(
    ("suggestion", "judged", "sha256"),
    [(None, True, "judged"), (None, False, ""), (b"x", False, digest(b"x")), (b"x", True, digest(b"x"))],
)
def test_what_can_be_approved(suggestion: bytes | None, judged: bool, sha256: str) -> None:  # noqa: FBT001 - a table
    """The suggestion, else the judged value; where there is neither a person may edit, reject or let it retry."""
    task = asked(EVENT, dead(suggestion), "gate", 99, judged=judged)
    review = question(MEMORY, task, EVENT, dead(suggestion), "c", 7, retry=True)

    assert (task["sha256"], review["sha256"], review["value"]) == (sha256, sha256, suggestion)
    assert review["offers"] == [*(["approve"] if sha256 else []), "edit", "reject", "retry"]
    assert "retry" not in question(MEMORY, task, EVENT, dead(suggestion), "c", 7, retry=False)["offers"]
    assert (review["state"], review["letter"], review["expires"]) == ("open", "p.check.dlq[0]@1", 99)


def test_each_dead_task_has_a_question_of_its_own() -> None:
    """The id is derived, so the same death asks the same question."""
    other: Any = {**EVENT, "task": "u"}
    ids = [asked(event, dead(None), "gate", 99, judged=True)["review"] for event in (EVENT, EVENT, other)]

    assert ids[0] == ids[1] != ids[2]


def test_a_closed_question_offers_nothing() -> None:
    """It says who decided, and where the decision lies."""
    task = asked(EVENT, dead(b"x"), "gate", 99, judged=True)
    ruling: Any = {
        "review": task["review"],
        "decision": "p.decisions[0]@1",
        "verdict": "approve",
        "by": "ana",
        "note": "",
    }
    decided, expired = closed(MEMORY, task, "decided", 8, ruling), closed(MEMORY, task, "expired", 9)

    assert (decided["state"], decided["decided_by"], decided["decision"]) == ("decided", "ana", "p.decisions[0]@1")
    assert (expired["state"], expired["decided_by"], expired["offers"]) == ("expired", "", [])

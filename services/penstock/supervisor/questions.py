"""The records of a question to a person: what is asked, what waits for the answer, and how it ended; pure."""

from __future__ import annotations

from typing import Literal

from penstock.contracts.identity import digest, task_id
from penstock.contracts.records import Dead, Offer, OpenTask, Review, Ruling, RunEvent, RunMemory
from penstock.supervisor.transitions import opened


def asked(event: RunEvent, dead: Dead, gate: str, expires: int, *, judged: bool) -> OpenTask:
    """The dead task, waiting for a person; `judged` where its dead letter holds the value in question."""
    suggestion = dead["suggestion"]
    sha256 = digest(suggestion) if suggestion is not None else event["sha256"] if judged else ""
    identifier = task_id(event["run"], event["step"], event["task"], 0, "review")
    return {
        **opened({"task": event["task"], "step": event["step"], "item": event["item"]}), "review": identifier,
        "due": expires, "gate": gate, "sha256": sha256, "origin": dead["origin"],
    }  # fmt: skip


def question(  # noqa: PLR0913 - a review is what it is
    memory: RunMemory, task: OpenTask, event: RunEvent, dead: Dead, contract: str, now: int, *, retry: bool
) -> Review:
    """What the person is shown; only what has a digest can be approved, and with `retry` a worker can try again."""
    offers: list[Offer] = [*(["approve"] if task["sha256"] else []), "edit", "reject", *(["retry"] if retry else [])]  # type: ignore[list-item]  # offers
    return {
        **_frame(memory, task), "state": "open", "round": event["round"], "letter": dead["letter"],
        "contract": contract, "value": dead["suggestion"], "reasons": dead["reasons"],
        "offers": offers, "opened": now,
    }  # fmt: skip


def closed(
    memory: RunMemory,
    task: OpenTask,
    state: Literal["decided", "expired", "withdrawn"],
    now: int,
    ruling: Ruling | None = None,
) -> Review:
    """The question's last record: whoever lists what is open must not see it any more."""
    review: Review = {**_frame(memory, task), "state": state, "opened": now}
    if ruling is not None:
        review["decided_by"], review["decision"] = ruling["by"], ruling["decision"]
    return review


def _frame(memory: RunMemory, task: OpenTask) -> Review:
    return {
        "review": task["review"], "run": memory["run"], "event": memory["event"], "state": "open",
        "step": task["step"], "gate": task["gate"], "task": task["task"], "item": task["item"],
        "round": memory["round"], "letter": "", "contract": "", "value": None, "sha256": task["sha256"],
        "reasons": [], "votes": [], "offers": [], "opened": 0, "expires": task["due"], "plan": memory["plan"],
        "decided_by": "", "decision": "", "origin": task["origin"],
    }  # fmt: skip

"""What the supervisor writes: commands to steps, reviews, statuses, and stops to the executors of effects."""

from __future__ import annotations

from typing import Literal, NamedTuple

from penstock.contracts.envelope import Envelope
from penstock.contracts.identity import task_id
from penstock.contracts.records import (
    COMMAND,
    CONTROL,
    REVIEW,
    RUN_STATUS,
    Command,
    Control,
    OpenTask,
    ReasonRecord,
    Review,
    RunEvent,
    RunMemory,
    RunStatus,
    Spawned,
)
from penstock.contracts.topics import SUPERVISOR, Topics
from penstock.runtime.service import Send
from penstock.supervisor import transitions


class Change(NamedTuple):
    """What follows from an event: the run after it, the records to be written, and what is told about it."""

    after: RunMemory
    sends: tuple[Send, ...] = ()
    told: RunEvent | None = None


class Orders:
    """Makes the records of one pipeline; `deadline_ms` is what each round gets."""

    def __init__(self, topics: Topics, deadline_ms: int) -> None:
        self._topics = topics
        self._deadline_ms = deadline_ms

    def begin(self, memory: RunMemory, ended: OpenTask, step: str, order: Command, now: int) -> Change:
        """A step takes over from a task that has ended, in the next round, which has a deadline of its own."""
        item = ended["item"]
        task: Spawned = {"task": task_id(memory["run"], step, item, memory["round"] + 1), "step": step, "item": item}
        after = transitions.command(memory, ended["task"], task, now + self._deadline_ms)
        return Change(after, (self.command(after, task, order, item, ended["origin"]),))

    def again(self, memory: RunMemory, task: OpenTask) -> Change:
        """The next attempt of a task that had to wait: the same task, in the round it belongs to."""
        around = Envelope(
            memory["run"], memory["event"], task["task"], task["item"], SUPERVISOR, task["attempt"], task["round"],
            task["origin"], memory["plan"], task["deadline"],
        )  # fmt: skip
        send = self._send(memory, task["step"], order("run", [], address=task["address"]), around)
        return Change(transitions.go_on(memory, task), (send,))

    def command(self, memory: RunMemory, task: Spawned, order: Command, item: str, origin: str) -> Send:
        """A command in the run's present round; `origin` is the input that all this is about."""
        around = Envelope(
            memory["run"], memory["event"], task["task"], item, SUPERVISOR, 1, memory["round"], origin,
            memory["plan"], memory["deadline"],
        )  # fmt: skip
        return self._send(memory, task["step"], order, around)

    def status(self, record: RunStatus) -> Send:
        """Where the run stands."""
        return Send(self._topics.status, record["run"].encode(), record, RUN_STATUS)

    def review(self, review: Review) -> Send:
        """A question, or its end."""
        return Send(self._topics.reviews, review["review"].encode(), review, REVIEW)

    def stop(self, run: str, reason: str, now: int) -> Send:
        """No effect of this run is claimed any more."""
        control: Control = {"run": run, "kind": "stop", "at": now, "reason": reason}
        return Send(self._topics.control, run.encode(), control, CONTROL)

    def forget(self, run: str) -> Send:
        """The run has ended: the executors need not know of it any longer."""
        return Send(self._topics.control, run.encode(), None)

    def _send(self, memory: RunMemory, step: str, order: Command, around: Envelope) -> Send:
        return Send(self._topics.step(step), memory["run"].encode(), order, COMMAND, around)


def order(
    kind: Literal["run", "missing", "decided"], reasons: list[ReasonRecord], *, address: str = "", branch: str = "",
    review: str = "", sha256: str = "",
) -> Command:  # fmt: skip
    """A command as a record."""
    return {"kind": kind, "address": address, "branch": branch, "review": review, "sha256": sha256, "reasons": reasons,
            "count": 0}  # fmt: skip

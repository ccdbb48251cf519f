"""What follows when a person has decided about a dead task, or wants the run to end."""

from __future__ import annotations

from penstock.contracts.answers import Reason
from penstock.contracts.records import OpenTask, RunEvent, RunMemory, reason_records
from penstock.runtime.service import Send
from penstock.supervisor import transitions
from penstock.supervisor.ladder import entry
from penstock.supervisor.orders import Change, Orders, order
from penstock.supervisor.questions import closed
from penstock.topology.plan import Output, Plan


class People:
    """The desk's other end; every answer is None where the event came too late to change anything."""

    def __init__(self, plan: Plan, orders: Orders) -> None:
        self._plan = plan
        self._orders = orders

    def decided(self, memory: RunMemory, event: RunEvent, now: int) -> Change | None:
        """The first decision in the order of the log counts; any later one finds no open review."""
        ruling = event["ruling"]
        task = next((t for t in memory["open"] if ruling is not None and t["review"] == ruling["review"]), None)
        if ruling is None or task is None or not task["review"] or task["due"] <= event["at"]:
            return None
        change = self._follows(memory, task, event, now)
        if change is None:
            return None  # nothing of the kind was on offer
        end = self._orders.review(closed(memory, task, "decided", now, ruling))
        return change._replace(sends=(end, *change.sends))

    def requested(self, memory: RunMemory, event: RunEvent, now: int) -> Change | None:
        """The run is cancelled: open reviews are withdrawn, and what waits for an attempt ends at once."""
        request = event.get("request")
        if request is None or memory["ending"] == "cancelled":
            return None
        said = f"by {request['by']}" + (f": {request['note']}" if request["note"] else "")
        after = transitions.explain(memory, reason_records((Reason("cancelled", said),)))
        after = transitions.mark(transitions.end(after, "cancelled"), "cancelled")
        return Change(after, self.withdrawn(memory, now))

    def withdrawn(self, memory: RunMemory, now: int) -> tuple[Send, ...]:
        """The ends of all open reviews."""
        asked = [task for task in memory["open"] if task["review"]]
        return tuple(self._orders.review(closed(memory, task, "withdrawn", now)) for task in asked)

    def _follows(self, memory: RunMemory, task: OpenTask, event: RunEvent, now: int) -> Change | None:
        ruling = event["ruling"]
        assert ruling is not None  # noqa: S101 - the caller looked
        verdict = ruling["verdict"]
        if verdict == "edit" or (verdict == "approve" and task["sha256"]):
            order_ = order("decided", [], address=ruling["decision"], review=task["review"], sha256=task["sha256"])
            return self._orders.begin(transitions.mark(memory, "resolved_by_human"), task, task["gate"], order_, now)
        if verdict == "reject":
            return Change(transitions.mark(transitions.close(memory, {task["task"]}), "rejected"))
        if verdict == "retry" and (worker := self._worker(task)) is not None:
            return self._retry(memory, task, worker, ruling["note"], now)
        return None

    def _worker(self, task: OpenTask) -> str | None:
        """The worker that a person may let try again."""
        step = self._plan.steps.get(task["step"])
        return None if step is None or isinstance(step, Output) else step.ladder.rerun

    def _retry(self, memory: RunMemory, task: OpenTask, worker: str, note: str, now: int) -> Change:
        """The worker is told what the person says; the rungs that were taken stay taken."""
        memory = transitions.take(memory, entry("retry", worker, task["item"]))
        memory = transitions.mark(memory, "resolved_by_human")
        (reason,) = reason_records((Reason("note", note, retryable=True),))
        run = order("run", [{**reason, "message": note}], address=task["origin"])  # not cut short, as a handler's is
        return self._orders.begin(memory, task, worker, run, now)

"""What happened in a pipeline, in the words in which a case says what it expects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from penstock.contracts.records import ReasonRecord, Review, RunEvent, RunStatus
from penstock.contracts.topics import INGRESS
from penstock.testing.pipeline import Pipeline
from penstock.topology.plan import Output
from penstock.topology.routes import topic_of

_STEPS = ("task_done", "task_dead")


class Named(dict[str, Any]):
    """A value for which one word may stand: a reason's code, a review's step."""

    def __init__(self, word: str, fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self.word = word


class Seen(NamedTuple):
    """What a pipeline has written by now, decoded once."""

    events: list[RunEvent]
    statuses: list[RunStatus]
    reviews: list[Review]

    def runs(self) -> dict[str, str]:
        """Every run by the event that began it; a later run of an event `m1` is called `m1#2`."""
        found: dict[str, str] = {}
        begun: Counter[str] = Counter()
        for told in self.events:
            if told["kind"] == "run_started":
                begun[told["event"]] += 1
                later = f"#{begun[told['event']]}" if begun[told["event"]] > 1 else ""
                found[told["event"] + later] = told["run"]
        return found

    def of(self, run: str) -> list[RunEvent]:
        """What happened in one run."""
        return [told for told in self.events if told["run"] == run]

    def at_the_door(self, kind: str) -> list[RunEvent]:
        """Events that came in and began no run."""
        return [told for told in self.events if told["kind"] == kind and told["step"] == INGRESS]


def whole(pipeline: Pipeline) -> dict[str, Any]:
    """Everything: what took place, and every run by its event; of one run alone, its own account beside them."""
    seen = Seen(pipeline.events(), pipeline.statuses(), pipeline.reviews())
    runs = {name: _account(pipeline, seen, run) for name, run in seen.runs().items()}
    everything: dict[str, Any] = {
        "effects": pipeline.effects_by_step(),
        "outputs": {n: pipeline.outputs(n) for n, step in pipeline.plan.steps.items() if isinstance(step, Output)},
        "refused": len(seen.at_the_door("refused")),
        "duplicates": len(seen.at_the_door("duplicate")),
        "halted": list(pipeline.processor.halted),
        "runs": runs,
    }
    if len(runs) == 1:
        everything |= next(iter(runs.values()))
        everything["dead"] = {**everything["dead"], **_refusals(seen)}
    return everything


def _account(pipeline: Pipeline, seen: Seen, run: str) -> dict[str, Any]:
    """One run."""
    events = seen.of(run)
    status = next((s for s in reversed(seen.statuses) if s["run"] == run), None)
    ran = [told for told in events if told["kind"] in _STEPS]
    tried = [told for told in events if told["kind"] in (*_STEPS, "task_waiting")]
    path = [told["step"] for told in ordered(events, tuple(pipeline.plan.steps))]
    return {
        "status": status["state"] if status else "running",
        "path": path + _outputs(pipeline, run),
        "attempts": _attempts(tried),
        "cost": sum(told["cost_usd"] for told in tried),
        "fallbacks": status["fallbacks"] if status else 0,
        "reruns": status["reruns"] if status else 0,
        "reasons": [_reason(reason) for reason in status["reasons"]] if status else [],
        "dead": _dead(ran),
        "in_doubt": _doubts(status),
        "reviews": [_review(review) for review in seen.reviews if review["run"] == run],
    }


def ordered(events: Sequence[RunEvent], steps: tuple[str, ...]) -> list[RunEvent]:
    """The steps that ran, each after what caused it; of those side by side, the one first in the file comes first.

    So a path does not depend on which of two branches happened to be quicker.
    """
    waiting = [(told, _causes(told, events[:at])) for at, told in enumerate(events) if told["kind"] in _STEPS]
    place = {step: at for at, step in enumerate(steps)}
    done: list[RunEvent] = []
    while waiting:
        ready = [told for told, causes in waiting if not any(cause is left for cause in causes for left, _ in waiting)]
        first = min(ready, key=lambda told: place.get(told["step"], -1))
        done.append(first)
        waiting = [(told, causes) for told, causes in waiting if told is not first]
    return done


def _causes(told: RunEvent, before: Sequence[RunEvent]) -> list[RunEvent]:
    """The events that began the tasks which this one ended; a command of the supervisor's follows a death."""
    tasks = {told["task"], *told["ended"]}
    begun = [one for one in before if tasks & {spawned["task"] for spawned in one["spawned"]}]
    known = {spawned["task"] for one in begun for spawned in one["spawned"]}
    commanded = tasks - known
    return [*begun, *([one for one in before if one["kind"] == "task_dead"][-1:] if commanded else [])]


def story(pipeline: Pipeline) -> Iterator[str]:
    """What each run went through, a line each."""
    seen = Seen(pipeline.events(), [], [])
    for name, run in seen.runs().items():
        steps = [_told(told) for told in ordered(seen.of(run), tuple(pipeline.plan.steps))]
        yield f"{name}: {' → '.join([*steps, *_outputs(pipeline, run)]) or 'nothing ran'}"


def _told(told: RunEvent) -> str:
    if told["dead"] is None:
        return told["step"]
    return f"{told['step']} ✗ {', '.join(dict.fromkeys(reason['code'] for reason in told['dead']['reasons']))}"


def _outputs(pipeline: Pipeline, run: str) -> list[str]:
    outputs = [name for name, step in pipeline.plan.steps.items() if isinstance(step, Output)]
    mine = ("ce_correlationid", run.encode())
    return [n for n in outputs for record in pipeline.records(topic_of(pipeline.plan, n)) if mine in record.headers]


def _attempts(ran: Sequence[RunEvent]) -> Counter[str]:
    found: Counter[str] = Counter()
    for told in ran:
        found[told["step"]] += told["attempt"]
    return found


def _dead(ran: Sequence[RunEvent]) -> dict[str, list[str]]:
    """Step -> the first reason of each of its dead letters."""
    found: dict[str, list[str]] = {}
    for told in ran:
        if told["dead"] is not None:
            found.setdefault(told["step"], []).append(told["dead"]["reasons"][0]["code"])
    return found


def _refusals(seen: Seen) -> dict[str, list[str]]:
    codes = [told["dead"]["reasons"][0]["code"] for told in seen.at_the_door("refused") if told["dead"] is not None]
    return {INGRESS: codes} if codes else {}


def _doubts(status: RunStatus | None) -> list[str]:
    return [doubt.partition(":")[0] for doubt in status["in_doubt"]] if status else []


def _reason(reason: ReasonRecord) -> Named:
    return Named(reason["code"], reason)


def _review(review: Review) -> Named:
    return Named(review["step"], {**review, "reasons": [_reason(reason) for reason in review["reasons"]]})

"""Playing cases: each in a pipeline of its own, from its first event to what it expects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from penstock.contracts.records import Review
from penstock.errors import Halt, Mistake, PenstockError
from penstock.testing import observed
from penstock.testing.compare import Difference, differences
from penstock.testing.pipeline import Pipeline
from penstock.testing.production import Production
from penstock.testing.script import Action, Away, Cancel, Case, Decide, Expect, Kill, Script, Send, Wait
from penstock.topology.report import Spot


@dataclass(frozen=True, slots=True)
class Result:
    """How a case went; `story` says what each run went through, where something differs."""

    case: Case
    differences: tuple[Difference, ...]
    story: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.differences


def play(script: Script, production: Production, cases: Iterable[Case]) -> Iterator[Result]:
    """Play cases one after the other; none knows of another, but for what real handlers keep for themselves."""
    for case in cases:
        yield _play(case, production, stub_all=script.stub_all)


def _play(case: Case, production: Production, *, stub_all: bool) -> Result:
    pipeline = Pipeline(production, stub_all=stub_all)
    try:
        for role, turns in case.stubs.items():
            pipeline.stub(role, *(turn(pipeline) for turn in turns))
        found = tuple(_acted(case, pipeline))
        return Result(case, found, tuple(observed.story(pipeline)) if found else ())
    finally:
        pipeline.close()


def _acted(case: Case, pipeline: Pipeline) -> Iterator[Difference]:
    """What differs, up to the first moment at which something does: what follows would only repeat it."""
    foreseen = any(isinstance(action, Expect) and action.table.get("halted") for action in case.actions)
    for action in case.actions:
        found = [*_act(action, case.spot, pipeline), *_unanswered(case.spot, pipeline)]
        if not foreseen:
            found += [Difference(step, "it goes on", str(halt), case.spot)
                      for step, halt in pipeline.processor.halted.items()]  # fmt: skip
        yield from found
        if found:
            return


def _act(action: Action, spot: Spot, pipeline: Pipeline) -> Iterator[Difference]:
    try:
        if isinstance(action, Expect):
            yield from differences(action.table, observed.whole(pipeline))
        elif isinstance(action, Decide):
            yield from _decide(action, pipeline)
        elif isinstance(action, Cancel):
            yield from _cancel(action, pipeline)
        else:
            _happen(action, pipeline)
    except Halt:
        return  # `halted` tells of it
    except Mistake as mistake:
        yield Difference("", "the pipeline goes on", f"{mistake.what}: {mistake.why}", spot)
    except PenstockError as error:
        yield Difference("", "the pipeline goes on", str(error), spot)


def _happen(action: Send | Wait | Kill | Away, pipeline: Pipeline) -> None:
    match action:
        case Send(events):
            pipeline.send(*events)
        case Wait(seconds):
            pipeline.wait(seconds)
        case Kill():
            pipeline.kill()
        case Away(step, back):
            (pipeline.resume if back else pipeline.hold)(step)
            if not back:
                return  # before the first record: nothing has been read yet
    pipeline.settle()


def _decide(action: Decide, pipeline: Pipeline) -> Iterator[Difference]:
    waiting = pipeline.reviews()
    found = [review for review in waiting if _meant(action, review)]
    wanted = f"a review{f' of {action.step}' if action.step else ''} that offers {action.verdict}"
    if not found:
        there = ", ".join(f"{review['step']} ({', '.join(review['offers'])})" for review in waiting)
        yield Difference(action.verdict, wanted, there or "nobody is asked", action.spot)
        return
    pipeline.decide(action.verdict, review=found[0], note=action.note, by=action.by, value=action.value)
    pipeline.settle()


def _cancel(action: Cancel, pipeline: Pipeline) -> Iterator[Difference]:
    begun = [told["event"] for told in pipeline.events("run_started")]
    if not begun or action.event not in {"", *begun}:
        wanted = f"a run{f' of {action.event}' if action.event else ''}"
        yield Difference("cancel", wanted, f"runs of {', '.join(begun)}" if begun else "no run", action.spot)
        return
    pipeline.cancel(action.event, note=action.note, by=action.by)
    pipeline.settle()


def _meant(action: Decide, review: Review) -> bool:
    return (
        action.step in {"", review["step"]}
        and action.event in {"", review["event"]}
        and action.verdict in review["offers"]
    )


def _unanswered(spot: Spot, pipeline: Pipeline) -> Iterator[Difference]:
    for role in dict.fromkeys(pipeline.unanswered):
        yield Difference(f"stubs/{role}", "a stub, since `stub: all` loads nothing", "it was reached without one", spot)

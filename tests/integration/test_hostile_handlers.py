"""Whatever a handler, a check, a merge function or a sink does, the loop goes on and the run has an end."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from penstock import Conflict, Context, Escalate, Merged, Reason, Reject, Retry
from penstock.effects.sinks import Sent
from pipelines import DESK, Cast, Host, Pipeline, check_order, jobs

WAYS = ["", "_blocking", "_inline"]

Act = Callable[..., Any]


class Unsayable(Exception):  # noqa: N818 - what it is
    """An exception that cannot be printed."""

    def __str__(self) -> str:
        raise ValueError("no words")


class Unshowable:
    """A value that cannot be printed, is not equal to anything and has no truth."""

    __hash__ = None  # type: ignore[assignment]  # the point

    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise ValueError("neither")

    def __eq__(self, other: object) -> bool:
        raise ValueError("who knows")


class Dict(dict[str, Any]):
    """A dictionary that breaks when it is read."""

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - the signature of what it stands for
        raise LookupError(key)

    def get(self, key: str, default: object = None) -> Any:  # noqa: ANN401, ARG002 - the same
        """Break."""
        raise LookupError(key)


def scored(value: dict[str, Any], *_: object) -> dict[str, Any]:
    """A good answer."""
    return {"id": value["id"], "number": value["number"], "score": value["number"], "label": "large"}


def throws(kind: type[BaseException], *arguments: Any) -> Act:  # noqa: ANN401 - those of the exception
    """A handler that raises."""

    def act(*_: object) -> None:
        raise kind(*arguments)

    return act


def answers(value: object) -> Act:
    """A handler that answers this."""
    return lambda *_: value


def endless(*_: object) -> Iterator[Reason]:
    """A generator without an end."""
    while True:
        yield Reason("again")


def breaks_off(*_: object) -> Iterator[Reason]:
    """A generator that fails half way."""
    yield Reason("first")
    raise OSError("half way")


async def later(*_: object) -> dict[str, Any]:
    """A coroutine where a value was expected."""
    return {"nonsense": 1}


THROWN: dict[str, Act] = {
    "an error": throws(RuntimeError, "boom"),
    "an unsayable error": throws(Unsayable),
    "a lone surrogate": throws(RuntimeError, "\ud800"),
    "sys.exit": lambda *_: sys.exit(3),
    "a cancellation": throws(asyncio.CancelledError),
    "a timeout of its own": throws(TimeoutError, "mine"),
    "StopIteration": throws(StopIteration, "x"),
    "GeneratorExit": throws(GeneratorExit),
    "MemoryError": throws(MemoryError),
    "a group": throws(ExceptionGroup, "many", [ValueError("a"), KeyError("b")]),
    "overspending": lambda _, ctx: ctx.spend(1_000.0),
    "a Retry of nonsense": answers(Retry(Unshowable(), after=Unshowable())),  # type: ignore[arg-type]  # nonsense
}
GARBAGE: dict[str, Act] = {
    "nothing": answers(None),
    "a number": answers(7),
    "a text": answers("done"),
    "a class": answers(dict),
    "a list": answers([{"id": "e0"}]),
    "another contract's fields": answers({"nonsense": 1}),
    "values of wrong types": answers({"id": 1, "number": "x", "score": [], "label": {}}),
    "a value that cannot be shown": answers({"id": Unshowable(), "number": 1.0, "score": 1.0, "label": "a"}),
    "a number too large": answers({"id": "e0", "number": 10**400, "score": 1.0, "label": "a"}),
    "a lone surrogate": answers({"id": "\ud800", "number": 1.0, "score": 1.0, "label": "a"}),
    "a dictionary that breaks": answers(Dict(id="e0")),
    "a very large output": answers({"id": "e0", "number": 1.0, "score": 1.0, "label": "x" * 300_000}),
    "an unshowable object": answers(Unshowable()),
    "a generator": lambda *_: breaks_off(),
    "a generator without end": lambda *_: endless(),
    "a coroutine": lambda *_: later(),
}  # fmt: skip
REFUSALS: dict[str, Act] = {
    "no reasons": answers(Reject(())),
    "None for reasons": answers(Reject(None)),  # type: ignore[arg-type]  # what a handler may forget
    "a text for reasons": answers(Reject("bad")),  # type: ignore[arg-type]  # the same
    "one reason": answers(Reject(Reason("bad"))),  # type: ignore[arg-type]  # the same
    "a generator of reasons that breaks": lambda *_: Reject(breaks_off()),  # type: ignore[arg-type]  # the same
    "reasons without end": lambda *_: Reject(endless()),  # type: ignore[arg-type]  # the same
    "an unshowable reason": answers(Reject((Unshowable(),))),  # type: ignore[arg-type]  # the same
    "a reason of objects": answers(Reject((Reason(*[Unshowable()] * 8),))),  # type: ignore[arg-type]  # the same
}


@pytest.fixture
def host() -> Iterator[Host]:
    """Makes pipelines, and takes them down."""
    made: list[Pipeline] = []

    def make(text: str = DESK, **replaced: str) -> Pipeline:
        text = text.replace("timeout: 5s", "timeout: 200ms")
        for name, other in replaced.items():
            text = text.replace(f'"cast:{name}"', f'"cast:{other}"')
        cast = Cast()
        for name in ("read", "read_simply"):
            cast.usually(replaced.get(name, name), scored)
        cast.usually(replaced.get("second", "second"), scored)
        cast.usually(replaced.get("check", "check"), lambda *_: [])
        made.append(Pipeline(text, cast, threaded=any(name.endswith("_blocking") for name in replaced.values())))
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.close()


def unharmed(pipeline: Pipeline) -> None:
    """The next event goes through as if nothing had happened."""
    pipeline.send({"id": "next", "number": 0.9})
    pipeline.settle()
    assert pipeline.ends()["next"] == "succeeded"
    check_order(pipeline)


def reasons_for(pipeline: Pipeline, step: str) -> list[str]:
    """The codes in the first dead letter's event of a step."""
    dead = pipeline.events("task_dead", step)[0]["dead"]
    return [reason["code"] for reason in dead["reasons"]] if dead is not None else []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", [*THROWN, *GARBAGE, *REFUSALS])
def test_a_worker_may_do_anything(host: Host, case: str, way: str) -> None:
    """Whatever it raises or answers, the task is dead with a reason and the fallback takes over."""
    name = f"read{way}"
    pipeline = host(read=name)
    pipeline.cast.told(name, "e0", (THROWN | GARBAGE | REFUSALS)[case])
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded_by_fallback"}
    (dead,) = pipeline.events("task_dead", "read")
    assert dead["attempt"] == pipeline.cast.calls[name, "e0"]
    assert reasons_for(pipeline, "read")
    unharmed(pipeline)


@pytest.mark.parametrize("way", WAYS)
def test_no_attempt_goes_uncounted(host: Host, way: str) -> None:
    """What two attempts did and spent is in the event, wherever they ran."""
    name = f"read{way}"
    pipeline = host(read=name)

    def spends(value: dict[str, Any], ctx: Context) -> object:
        ctx.spend(0.004)
        return Retry("again", after=0) if ctx.attempt == 1 else scored(value)

    pipeline.cast.usually(name, spends)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    (done,) = pipeline.events("task_done", "read")
    assert done["attempt"] == 2
    assert done["cost_usd"] == pytest.approx(0.008)
    assert pipeline.cast.calls[name, "e0"] == 2
    check_order(pipeline)


def test_garbage_after_two_attempts_keeps_its_effort(host: Host) -> None:
    """An answer that cannot be encoded is dead with what it took to make it."""
    pipeline = host()

    def spends(_: object, ctx: Context) -> object:
        ctx.spend(0.004)
        return Retry("again", after=0) if ctx.attempt == 1 else {"nonsense": 1}

    pipeline.cast.usually("read", spends)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    (dead,) = pipeline.events("task_dead", "read")
    assert dead["attempt"] == 2
    assert dead["cost_usd"] == pytest.approx(0.008)
    assert reasons_for(pipeline, "read") == ["invalid_output"]


@pytest.mark.parametrize("suggestion", [Unshowable(), {"nonsense": 1}, 7, "x" * 300_000, breaks_off(), Dict(a=1)])
def test_a_useless_suggestion_is_still_an_escalation(host: Host, suggestion: object) -> None:
    """A person is asked, with nothing to approve and a warning that says why."""
    pipeline = host()
    pipeline.cast.told("read", "e0", Escalate((Reason("above_me"),), suggestion))
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert "approve" not in pipeline.reviews()[0]["offers"]
    assert reasons_for(pipeline, "read") == ["above_me", "no_suggestion"]
    unharmed(pipeline)


@pytest.mark.parametrize("way", ["", "_blocking"])
def test_a_worker_that_never_answers(host: Host, way: str) -> None:
    """Its time is over by our clock; the thread hangs on, and nobody waits for it."""
    name = f"read{way}"
    pipeline = host(read=name)
    go = threading.Event()
    pipeline.cast.told(name, "e0", lambda *_: go.wait(30) if way else asyncio.sleep(30))
    pipeline.send(*jobs(0.9))
    try:
        pipeline.settle()
    finally:
        go.set()

    assert pipeline.ends() == {"e0": "succeeded_by_fallback"}
    assert reasons_for(pipeline, "read") == ["timeout"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", [*THROWN, *GARBAGE])
def test_a_check_may_do_anything(host: Host, case: str, way: str) -> None:
    """Nothing passes a gate by accident: whatever a check does short of an empty series, the run does not succeed."""
    name = f"check{way}"
    pipeline = host(check=name)
    pipeline.cast.told(name, "e0", (THROWN | GARBAGE)[case])
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "waiting"}
    assert [name for name, _, _ in pipeline.cast.sent] == ["sink_thank"]
    (dead,) = pipeline.events("task_dead", "check-decision")
    assert dead["attempt"] == pipeline.cast.calls[name, "e0"]
    unharmed(pipeline)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([Reason("bad")], "bad"),
        (Reason("bad"), "bad"),
        (["bad"], "unnamed"),
        ([None], "unnamed"),
        ([Reason("bad", severity="fatal")], "bad"),  # type: ignore[arg-type]  # what a check may think there is
        ([Reason("bad", severity=Unshowable())], "bad"),  # type: ignore[arg-type]  # the same
        ((Reason("bad") for _ in range(3)), "bad"),
        ([Reason("note", severity="info")] * 30 + [Reason("bad")], "bad"),
    ],
)
def test_whatever_a_check_lists_rejects(host: Host, said: object, code: str) -> None:
    """A series with anything in it that is no info or warning is a rejection, however it is spelt."""
    pipeline = host()
    pipeline.cast.told("check", "e0", said)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert reasons_for(pipeline, "check-decision")[0] == code
    assert pipeline.events("task_dead", "check-decision")[0]["outcome"] == "rejected"


@pytest.mark.parametrize("way", ["", "_blocking"])
def test_nobody_presses_control_c_inside_a_handler(host: Host, way: str) -> None:
    """Signals go to the main thread; a KeyboardInterrupt anywhere else is an exception like any other."""
    name = f"read{way}"
    pipeline = host(read=name)
    pipeline.cast.told(name, "e0", throws(KeyboardInterrupt))
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded_by_fallback"}
    unharmed(pipeline)


def test_a_check_may_not_spend(host: Host) -> None:
    """A gate declares no cost, so the compiled bound leaves it none."""
    pipeline = host()
    pipeline.cast.told("check", "e0", lambda _, ctx: ctx.spend(0.000_001))
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert reasons_for(pipeline, "check-decision") == ["over_budget"]


def merging(host: Host) -> Pipeline:
    """The desk with a merge function of its own."""
    pipeline = host(DESK.replace("tie: review}", 'tie: review, run: "cast:merge"}'))
    pipeline.cast.usually("merge", lambda _, concluded: concluded)
    return pipeline


@pytest.mark.parametrize("case", [*THROWN, *GARBAGE])
def test_a_merge_function_may_do_anything(host: Host, case: str) -> None:
    """The join is dead with a reason and all its tasks, what the branches said is kept, and the loop goes on."""
    pipeline = merging(host)
    act = (THROWN | GARBAGE)[case]
    pipeline.cast.told("merge", "e0", act if case != "overspending" else throws(OSError, "x"))
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "waiting"}
    assert reasons_for(pipeline, "decide")[0] in {"bad_merge", "invalid_output", "output_too_large"}
    (conflict,) = pipeline.values(pipeline.topics.dead("decide"))
    assert [vote["branch"] for vote in conflict["votes"]] == ["check-reading", "second"]
    unharmed(pipeline)


@pytest.mark.parametrize(
    "said",
    [
        Conflict(()),
        Conflict(None),  # type: ignore[arg-type]  # what it may forget
        Conflict((Unshowable(),), Unshowable()),  # type: ignore[arg-type]  # the same
        Conflict((Reason("no"),), {"nonsense": 1}),
        Merged(None),
        Merged(Unshowable(), Unshowable()),  # type: ignore[arg-type]  # the same
    ],
)
def test_what_a_merge_function_concludes_may_be_odd(host: Host, said: object) -> None:
    """An odd conclusion is a dead letter, and a person may reject it."""
    pipeline = merging(host)
    pipeline.cast.told("merge", "e0", said)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "waiting"}
    pipeline.decide("reject")
    pipeline.settle()
    assert pipeline.ends() == {"e0": "rejected"}
    unharmed(pipeline)


def test_a_merge_function_cannot_change_what_was_said(host: Host) -> None:
    """What it does to its votes is not what the dead letter keeps."""
    pipeline = merging(host)

    def forges(votes: Any, _: object) -> Conflict:  # noqa: ANN401 - votes it has no right to change
        votes[0].value["label"] = "forged"
        return Conflict((Reason("no"),))

    pipeline.cast.told("merge", "e0", forges)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    (conflict,) = pipeline.values(pipeline.topics.dead("decide"))
    assert '"large"' in conflict["votes"][0]["value"]


def test_a_conflict_of_large_branches_is_cut_short(host: Host) -> None:
    """Two branches of 200 kB that disagree still fit into one dead letter."""
    pipeline = host()
    pipeline.cast.usually("read", lambda value, _: {**scored(value), "label": "a" * 200_000})
    pipeline.cast.usually("second", lambda value, _: {**value, "label": "b" * 200_000})
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    (conflict,) = pipeline.values(pipeline.topics.dead("decide"))
    assert [vote["value"][-1] for vote in conflict["votes"]] == ["…", "…"]
    assert pipeline.ends() == {"e0": "waiting"}
    check_order(pipeline)


@pytest.mark.parametrize("way", ["", "_blocking"])
@pytest.mark.parametrize("case", [case for case in THROWN if "Retry" not in case])
def test_a_sink_may_raise_anything(host: Host, case: str, way: str) -> None:
    """A sink that fails to the end leaves a doubt, which the status names."""
    name = f"sink_file{way}"
    pipeline = host(sink_file=name)
    act = THROWN[case] if case != "overspending" else throws(OSError, "x")
    pipeline.cast.told(name, "e0", act)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "failed"}
    assert [doubt.partition(":")[0] for doubt in pipeline.statuses()[-1]["in_doubt"]] == ["file"]
    assert pipeline.events("task_dead", "file")[0]["attempt"] == pipeline.cast.calls[name, "e0"] == 2
    unharmed(pipeline)


@pytest.mark.parametrize("way", ["", "_blocking"])
@pytest.mark.parametrize("said", [False, True, "ok", {"status": 500}, Unshowable(), (False, ""), Reject(())])
def test_a_sink_answers_sent_or_nothing(host: Host, said: object, way: str) -> None:
    """Any other answer leaves open whether the effect happened: it is in doubt, and not sent again."""
    name = f"sink_file{way}"
    pipeline = host(sink_file=name)
    pipeline.cast.told(name, "e0", said)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "failed"}
    assert pipeline.statuses()[-1]["in_doubt"]
    assert pipeline.cast.calls[name, "e0"] == 1
    unharmed(pipeline)


def test_a_reference_may_be_anything(host: Host) -> None:
    """A sink's own name for an effect is kept as short text, whatever it is."""
    pipeline = host()
    pipeline.cast.told("sink_file", "e0", Sent(duplicate=Unshowable(), reference=Unshowable()))  # type: ignore[arg-type]  # odd
    pipeline.cast.told("sink_file", "e1", Sent(reference="\ud800" * 10_000))
    pipeline.send(*jobs(0.9, 0.8))
    pipeline.settle()

    assert set(pipeline.ends().values()) == {"succeeded"}
    receipts = [entry["receipt"] for entry in pipeline.kept("file").values()]
    assert all(len(receipt["reference"]) <= 2_000 for receipt in receipts)
    assert {receipt["outcome"] for receipt in receipts} == {"sent"}


def test_a_sink_that_never_answers(host: Host) -> None:
    """Its silence is a timeout like a worker's, and in the end a doubt."""
    pipeline = host(sink_file="sink_file_blocking")
    go = threading.Event()
    pipeline.cast.told("sink_file_blocking", "e0", lambda *_: go.wait(30))
    pipeline.send(*jobs(0.9))
    try:
        pipeline.settle()
    finally:
        go.set()

    assert pipeline.ends() == {"e0": "failed"}
    assert reasons_for(pipeline, "file") == ["timeout"]

"""Whole runs through joins of every policy, on the broker in memory: early conclusions, late branches, judges."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock import Context, Reason, Reject
from pipelines import Host, Pipeline, check_order

MINUTE = 60
TEXT = """
pipeline: poll
limits: {deadline: 1m, tasks: 60, cost: 1 USD}
reviews: {expires: 1h, times: 1}
ingress: {contract: diagram.Job, event_id: id, to: [b, c, d]}
steps:
  b: {kind: worker, run: "cast:b", writes: diagram.Second, attempts: {max: 1, timeout: 5s}, to: [join]}
  c: {kind: worker, run: "cast:c", writes: diagram.Second, attempts: {max: 1, timeout: 5s}, to: [join]}
  d: {kind: worker, run: "cast:d", writes: diagram.Second, attempts: {max: 1, timeout: 5s}, to: [join]}
  join:
    kind: aggregator
    of: [b, c, d]
    merge: MERGE
    writes: diagram.Second
    to: [gate]
  gate: {kind: validator, of: join, checks: [{run: "cast:check"}], to: [file, out]}
  file: {kind: effect, run: "cast:sink_file", attempts: {max: 1, timeout: 5s}}
  out: {kind: output, key: id}
"""
JUDGE = """  arbiter: {kind: worker, run: "cast:arbiter", attempts: {max: 1, timeout: 5s}}
"""
FIRST, QUORUM = "{policy: first}", "{policy: quorum, field: label, min_agree: 2}"
VOTE = "{policy: vote, field: label, min_agree: 2, tie: reject}"
WEIGHTED = "{policy: weighted, field: label, tie: reject, weights: {b: 3, c: 1, d: 1}}"
ASKED = "{policy: judge, field: label, judge: arbiter}"


def poll(host: Host, merge: str, **voices: Any) -> Pipeline:  # noqa: ANN401 - any label or number, or an answer
    """Three workers and their join; each says this label, or under `score` this number, or answers this."""
    pipeline = host(TEXT.replace("MERGE", merge) + (JUDGE if "arbiter" in merge else ""))
    pipeline.cast.usually("check", lambda *_: [])
    for name, voice in voices.items():
        pipeline.cast.usually(name, _says(voice))
    return pipeline


def _says(voice: Any) -> Any:  # noqa: ANN401 - the same
    def say(value: dict[str, Any], _: object) -> Any:  # noqa: ANN401 - the same
        if not isinstance(voice, str | float):
            return voice
        score, label = (voice, "") if isinstance(voice, float) else (0.5, voice)
        return {"id": value["id"], "number": value["number"], "score": score, "label": label}

    return say


def run(pipeline: Pipeline) -> None:
    """One event, until nothing moves."""
    pipeline.send({"id": "e0", "number": 1.0})
    pipeline.settle()


@pytest.mark.parametrize(
    ("merge", "voices", "label", "score"),
    [
        ("{policy: all}", {"b": "x", "c": "y", "d": "z"}, "x", 0.5),
        ("{policy: any}", {"b": Reject((Reason("no"),)), "c": "y", "d": "z"}, "y", 0.5),
        (FIRST, {"b": "x", "c": "x", "d": "x"}, "x", 0.5),
        (QUORUM, {"b": "y", "c": "x", "d": "x"}, "x", 0.5),
        (VOTE, {"b": "y", "c": "x", "d": "x"}, "x", 0.5),
        (WEIGHTED, {"b": "y", "c": "x", "d": "x"}, "y", 0.5),
        ("{policy: mean, field: score, spread: 0.5}", {"b": 0.1, "c": 0.2, "d": 0.6}, "", 0.3),
        ("{policy: prefer, order: [d, c]}", {"b": "x", "c": "y", "d": Reject((Reason("no"),))}, "y", 0.5),
        (ASKED, {"b": "x", "c": "x", "d": "x"}, "x", 0.5),
    ],
)  # fmt: skip
def test_every_policy_makes_a_value(host: Host, merge: str, voices: dict[str, Any], label: str, score: float) -> None:
    """It goes through the gate to the sink, and the run has succeeded, though a branch may be missing or dissent."""
    pipeline = poll(host, merge, **voices)
    run(pipeline)

    assert pipeline.ends() == {"e0": "succeeded"}
    (value,) = pipeline.outputs("out")
    assert (value["label"], value["score"]) == (label, pytest.approx(score))
    assert len(pipeline.cast.sent) == 1
    check_order(pipeline)


@pytest.mark.parametrize(
    ("merge", "voices"),
    [
        ("{policy: all}", {"b": "x", "c": "y", "d": Reject((Reason("no"),))}),
        (QUORUM, {"b": "x", "c": "y", "d": "z"}),
        (VOTE, {"b": "x", "c": "y", "d": "z"}),
        ("{policy: mean, field: score, spread: 0.5}", {"b": 0.1, "c": 0.2, "d": 0.7}),
        ("{policy: prefer, order: [d], missing: conflict}", {"b": "x", "c": "y", "d": Reject((Reason("no"),))}),
    ],
)
def test_every_conflict_keeps_the_votes(host: Host, merge: str, voices: dict[str, Any]) -> None:
    """The run is rejected, and the dead letter names the policy and every branch that was heard."""
    pipeline = poll(host, merge, **voices)
    run(pipeline)

    assert pipeline.ends() == {"e0": "rejected"}
    (conflict,) = pipeline.values(pipeline.topics.dead("join"))
    assert conflict["policy"] in merge
    assert [vote["branch"] for vote in conflict["votes"]] == ["b", "c", "d"]
    check_order(pipeline)


@pytest.mark.parametrize(("merge", "held"), [(FIRST, ["c", "d"]), (QUORUM, ["d"])])
def test_an_early_conclusion_does_not_wait(host: Host, merge: str, held: list[str]) -> None:
    """The value goes on while branches are still at work; they come late, their tasks end, the run ends after them."""
    pipeline = poll(host, merge, b="x", c="x", d="x")
    for name in held:
        pipeline.hold(name)
    run(pipeline)
    assert len(pipeline.outputs("out")) == len(pipeline.cast.sent) == 1
    assert pipeline.ends() == {}
    assert [state["closed"] for state in pipeline.kept("join").values()] == [True]

    for name in held:
        pipeline.resume(name)
        pipeline.settle()

    assert [event["step"] for event in pipeline.events("late")] == ["join"] * len(held)
    assert pipeline.ends() == {"e0": "succeeded"}
    assert len(pipeline.outputs("out")) == 1
    assert pipeline.kept("join") == {}
    check_order(pipeline)


@pytest.mark.parametrize(("merge", "held"), [(FIRST, ["c", "d"]), (QUORUM, ["d"])])
def test_a_marker_outlives_a_restart(host: Host, merge: str, held: list[str]) -> None:
    """A process that dies after an early conclusion does not take a late branch for a new join."""
    pipeline = poll(host, merge, b="x", c="x", d="x")
    for name in held:
        pipeline.hold(name)
    run(pipeline)
    pipeline.kill()
    for name in held:
        pipeline.resume(name)
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    assert len(pipeline.outputs("out")) == 1
    check_order(pipeline)


@pytest.mark.parametrize(("merge", "held"), [(FIRST, ["c", "d"]), (QUORUM, ["d"])])
def test_what_nobody_waits_for_may_never_come(host: Host, merge: str, held: list[str]) -> None:
    """A branch that hangs until the deadline is no reason to say that a run has expired whose value has gone out."""
    pipeline = poll(host, merge, b="x", c="x", d="x")
    for name in held:
        pipeline.hold(name)
    run(pipeline)
    pipeline.wait(MINUTE + 10)

    assert pipeline.ends() == {"e0": "succeeded"}
    assert pipeline.kept("supervisor") == {}
    pipeline.wait(MINUTE)
    assert pipeline.kept("join") == {}


def test_what_nobody_waits_for_is_not_tried_again(host: Host) -> None:
    """A late branch that dies has no fallback run for it, and the run has succeeded."""
    text = TEXT.replace('run: "cast:d", ', 'run: "cast:d", fallback: e, ').replace("MERGE", FIRST)
    pipeline = host(text + '  e: {kind: worker, run: "cast:e", attempts: {max: 1, timeout: 5s}}\n')
    pipeline.cast.usually("check", lambda *_: [])
    for name in "bc":
        pipeline.cast.usually(name, _says("x"))
    pipeline.cast.usually("d", _says(Reject((Reason("no"),))))
    pipeline.hold("d")
    run(pipeline)
    pipeline.resume("d")
    pipeline.settle()

    assert pipeline.cast.calls["e", "e0"] == 0
    assert pipeline.ends() == {"e0": "succeeded"}
    check_order(pipeline)


def test_a_branch_that_died_in_time_is_not_waited_for(host: Host) -> None:
    """`first` waits past a missing branch; where all are missing there is a conflict."""
    no = Reject((Reason("no"),))
    pipeline = poll(host, FIRST, b=no, c=no, d="x")
    run(pipeline)
    other = poll(host, FIRST, b=no, c=no, d=no)
    run(other)

    assert pipeline.ends() == {"e0": "succeeded"}
    assert other.ends() == {"e0": "rejected"}
    check_order(pipeline)
    check_order(other)


def test_the_event_keeps_votes_and_dissent(host: Host) -> None:
    """What each branch said under the field that was compared, beside the output that came of it."""
    pipeline = poll(host, VOTE, b="x", c="y", d="x")
    run(pipeline)

    (event,) = pipeline.events("task_done", "join")
    assert event["outcome"] == "dissent"
    votes = {vote["branch"]: json.loads(vote["value"] or "") for vote in event["votes"]}
    assert votes == {"b": {"label": "x"}, "c": {"label": "y"}, "d": {"label": "x"}}


def test_a_judge_is_asked_with_all_votes(host: Host) -> None:
    """Where branches conflict it reads what each said, and its answer goes on through the gate in the join's place."""
    pipeline = poll(host, ASKED, b="x", c="y", d="x")
    asked: list[dict[str, Any]] = []

    def arbiter(conflict: dict[str, Any], _: object) -> dict[str, Any]:
        asked.append(conflict)
        first = json.loads(conflict["votes"][0]["value"])
        return {**first, "label": "judged"}

    pipeline.cast.usually("arbiter", arbiter)
    run(pipeline)

    assert pipeline.ends() == {"e0": "succeeded"}
    assert [value["label"] for value in pipeline.outputs("out")] == ["judged"]
    assert [vote["branch"] for vote in asked[0]["votes"]] == ["b", "c", "d"]
    assert asked[0]["reasons"][0]["code"] == "split_vote"
    check_order(pipeline)


def test_a_dead_judge_is_a_conflict(host: Host) -> None:
    """Nobody is left to decide: rejected, where people are not asked."""
    pipeline = poll(host, ASKED, b="x", c="y", d="x", arbiter=Reject((Reason("cannot_tell"),)))
    run(pipeline)

    assert pipeline.ends() == {"e0": "rejected"}
    check_order(pipeline)


def test_a_dead_judge_leaves_it_to_people(host: Host) -> None:
    """They see the conflict, with what the judge had against it, and may approve what was suggested."""
    pipeline = host(
        TEXT.replace("MERGE", ASKED).replace("of: [b, c, d]\n", "of: [b, c, d]\n    review: true\n") + JUDGE
    )
    pipeline.cast.usually("check", lambda *_: [])
    for name, voice in (("b", "x"), ("c", "y"), ("d", "x"), ("arbiter", Reject((Reason("cannot_tell"),)))):
        pipeline.cast.usually(name, _says(voice))
    run(pipeline)
    (review,) = pipeline.reviews()
    assert {reason["code"] for reason in review["reasons"]} == {"cannot_tell", "split_vote"}
    assert review["offers"] == ["approve", "edit", "reject", "retry"]  # of the judge
    (letter,) = pipeline.values(pipeline.topics.dead("arbiter"))
    assert [vote["branch"] for vote in letter["votes"]] == ["b", "c", "d"]

    pipeline.decide("approve")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "resolved_by_human"}
    assert [value["label"] for value in pipeline.outputs("out")] == ["x"]
    check_order(pipeline)


def test_a_judge_is_asked_again_by_a_person(host: Host) -> None:
    """With the conflict, which lies in the dead letter of its join, and with what the person says."""
    pipeline = host(
        TEXT.replace("MERGE", ASKED).replace("of: [b, c, d]\n", "of: [b, c, d]\n    review: true\n") + JUDGE
    )
    heard: list[Any] = []

    def arbiter(conflict: dict[str, Any], ctx: Context) -> Any:  # noqa: ANN401 - whatever a judge answers
        heard.append((len(conflict["votes"]), [reason.message for reason in ctx.feedback][-1]))
        return Reject((Reason("cannot_tell"),)) if len(heard) == 1 else json.loads(conflict["votes"][1]["value"])

    pipeline.cast.usually("check", lambda *_: [])
    for name, voice in (("b", "x"), ("c", "y"), ("d", "x")):
        pipeline.cast.usually(name, _says(voice))
    pipeline.cast.usually("arbiter", arbiter)
    run(pipeline)
    pipeline.decide("retry", note="believe c")
    pipeline.settle()

    assert heard[1] == (3, "believe c")
    assert pipeline.ends() == {"e0": "resolved_by_human"}
    assert [value["label"] for value in pipeline.outputs("out")] == ["y"]
    check_order(pipeline)


def test_a_users_function_has_the_last_word(host: Host) -> None:
    """It sees the votes and what the policy makes of them, and its value goes on."""
    pipeline = poll(host, '{policy: any, run: "cast:merge"}', b="x", c=Reject((Reason("no"),)), d="x")
    pipeline.cast.usually("merge", lambda votes, concluded: {**concluded.value, "label": f"{len(votes)} asked"})
    run(pipeline)

    assert pipeline.ends() == {"e0": "succeeded"}
    assert [value["label"] for value in pipeline.outputs("out")] == ["3 asked"]
    check_order(pipeline)


def test_a_wait_that_is_over_merges_what_is_there(host: Host) -> None:
    """And whoever comes after it is late, though a fallback brought it."""
    text = TEXT.replace("MERGE", "{policy: any}").replace("of: [b, c, d]\n", "of: [b, c, d]\n    wait: 20s\n")
    pipeline = host(text)
    pipeline.cast.usually("check", lambda *_: [])
    for name in "bcd":
        pipeline.cast.usually(name, _says("x"))
    pipeline.hold("d")
    run(pipeline)
    pipeline.wait(21)
    assert len(pipeline.outputs("out")) == 1
    pipeline.resume("d")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    assert [event["step"] for event in pipeline.events("late")] == ["join"]
    assert len(pipeline.outputs("out")) == 1
    check_order(pipeline)

"""What crosses, comes late, twice or forged: commands, decisions, events and claims that meet a run in a bad moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from penstock import Reason, Reject, Retry
from penstock.contracts.envelope import HEADER
from penstock.contracts.identity import digest, effect_key
from penstock.contracts.records import DECISION, LEDGER_ENTRY, RUN_EVENT, LedgerEntry
from penstock.runtime.ports import Output
from pipelines import DESK, Host, Pipeline, check_order, jobs, scored

BRANCHES = """
pipeline: desk
limits: {deadline: 1m, tasks: 60, cost: 0 USD}
ingress: {contract: diagram.Job, event_id: id, to: [read, second]}
steps:
  read:
    kind: worker
    run: "cast:read"
    writes: diagram.Second
    attempts: {max: 2, timeout: 5s, backoff: [1s]}
    fallback: read-simply
    to: [decide]
  read-simply: {kind: worker, run: "cast:read_simply", attempts: {max: 2, timeout: 5s, backoff: [10s]}}
  second: {kind: worker, run: "cast:second", writes: diagram.Second, attempts: {max: 1, timeout: 5s}, to: [decide]}
  decide:
    kind: aggregator
    of: [read, second]
    merge: {policy: vote, field: label, min_agree: 2, tie: reject}
    writes: diagram.Second
    to: [decisions]
  decisions: {kind: output, key: id}
"""

FOUR = """
pipeline: desk
limits: {deadline: 1m, tasks: 60, cost: 0 USD}
ingress: {contract: diagram.Job, event_id: id, to: [read, second, third, fourth]}
steps:
  read: {kind: worker, run: "cast:read", writes: diagram.Second, attempts: {max: 1, timeout: 5s}, to: [decide]}
  second: {kind: worker, run: "cast:second", writes: diagram.Second, attempts: {max: 1, timeout: 5s}, to: [decide]}
  third: {kind: worker, run: "cast:third", writes: diagram.Second, attempts: {max: 1, timeout: 5s}, to: [decide]}
  fourth: {kind: worker, run: "cast:fourth", writes: diagram.Second, attempts: {max: 1, timeout: 5s}, to: [decide]}
  decide:
    kind: aggregator
    of: [read, second, third, fourth]
    merge: {policy: vote, field: label, min_agree: 4, tie: reject}
    writes: diagram.Second
    to: [decisions]
  decisions: {kind: output, key: id}
"""


def again(pipeline: Pipeline, kind: str, step: str = "", /, **changed: object) -> None:
    """The first such event is written once more, with these fields changed."""
    event: dict[str, Any] = {**pipeline.events(kind, step)[0], **changed}
    data = pipeline.codec.encode(RUN_EVENT, event)
    pipeline.broker.append(Output(pipeline.topics.runs, 0, event["run"].encode(), data))


def after(pipeline: Pipeline, seconds: float, answer: object) -> Callable[..., object]:
    """A handler that takes its time."""

    def act(*_: object) -> object:
        pipeline.clock.sleep(seconds)
        return answer

    return act


def claimed(pipeline: Pipeline, payload: bytes) -> None:
    """Somebody claimed the effect `file` of e0 with this payload, and died before the sink answered."""
    now = int(pipeline.clock() * 1000)
    entry = LedgerEntry(state="claimed", run="r0", sha256=digest(payload), at=now, receipt=None)
    key = effect_key(pipeline.plan.pipeline, "e0", "file").encode()
    data = pipeline.codec.encode(LEDGER_ENTRY, entry)
    pipeline.broker.append(Output(pipeline.topics.state("file"), 0, key, data))
    pipeline.kill()


def decision(pipeline: Pipeline) -> bytes:
    """What the desk decides about e0, encoded: the payload of its effects."""
    return pipeline.codec.encode("diagram.Second", scored({"id": "e0", "number": 0.9}))


@pytest.mark.parametrize("event", ["é", "Überweisung 7", "日本" * 100, "😀" * 200, "100% sure", "a%20b"])
def test_an_event_id_may_be_any_text(host: Host, event: str) -> None:
    """From the door to the end, whatever letters it has."""
    pipeline = host()
    pipeline.send({"id": event, "number": 0.9})
    pipeline.settle()

    assert pipeline.ends() == {event: "succeeded"}
    check_order(pipeline)


def test_a_join_waits_for_a_branch_that_falls_back(host: Host) -> None:
    """The fallback has a deadline of its own, and the other branch is not alone because the first one is over."""
    pipeline = host(BRANCHES)
    pipeline.cast.usually("second", scored)
    pipeline.cast.told("read", "e0", after(pipeline, 50, Reject((Reason("no"),))))
    pipeline.cast.told("read_simply", "e0", after(pipeline, 30, Retry("busy")), scored)
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded_by_fallback"}
    assert [event["outcome"] for event in pipeline.events("task_done", "decide")] == ["agreed"]
    check_order(pipeline)


def test_nothing_is_begun_after_the_deadline(host: Host) -> None:
    """A task that dies when the time is over gets no fallback and no person: the run has expired."""
    pipeline = host()
    pipeline.cast.told("read", "e0", after(pipeline, 61, Reject((Reason("no"),))))
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "expired"}
    assert pipeline.cast.calls["read_simply", "e0"] == 0
    assert "no" in {reason["code"] for reason in pipeline.statuses()[-1]["reasons"]}
    check_order(pipeline)


def test_a_supervisor_that_was_away_expires_nobody(host: Host) -> None:
    """What died in time gets its fallback, however late the supervisor hears of it."""
    pipeline = host()
    pipeline.cast.told("read", "e0", Reject((Reason("no"),)))
    pipeline.hold("supervisor")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.clock.now += 300
    pipeline.resume("supervisor")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded_by_fallback"}
    check_order(pipeline)


@pytest.mark.parametrize("step", ["read", "check-reading", "second", "decide"])
def test_an_event_told_twice_changes_nothing(host: Host, step: str) -> None:
    """While the run goes on only the effort is counted again; what had ended stays ended."""
    pipeline = host()
    pipeline.hold("file")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    again(pipeline, "task_done", step)
    again(pipeline, "run_started")
    pipeline.settle()
    pipeline.resume("file")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    (status,) = pipeline.statuses()
    assert (status["tasks"], status["attempts"]) == (8, 8)


@pytest.mark.parametrize(("kind", "step"), [("task_done", "file"), ("task_done", "read-simply"), ("task_dead", "read")])
def test_what_comes_after_the_end_is_late(host: Host, kind: str, step: str) -> None:
    """It is recorded, and the status stays what it was."""
    pipeline = host()
    pipeline.cast.told("read", "e0", Reject((Reason("no"),)))
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    before = pipeline.statuses()
    again(pipeline, kind, step)
    pipeline.settle()

    assert pipeline.statuses() == before
    assert [event["outcome"] for event in pipeline.events("late")] == [kind]
    check_order(pipeline)


@pytest.mark.parametrize("verdict", ["approve", "", "yes"])
def test_a_verdict_that_was_not_on_offer_is_late(host: Host, verdict: str) -> None:
    """Where there is nothing to approve, or nothing of the kind: the question stays open."""
    pipeline = host()
    pipeline.cast.told("read", "e0", Reject((Reason("no"),)))
    pipeline.cast.told("read_simply", "e0", Reject((Reason("no"),)))
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    (review,) = pipeline.reviews()
    ruling = {"review": review["review"], "decision": "desk.decisions[0]@0", "verdict": verdict, "by": "eva",
              "note": ""}  # fmt: skip
    again(pipeline, "task_dead", kind="decided", ruling=ruling, dead=None)
    pipeline.settle()

    assert pipeline.ends() == {"e0": "waiting"}
    assert [event["outcome"] for event in pipeline.events("late")] == ["decided"]
    check_order(pipeline)


def test_an_approval_counts_only_where_the_desk_writes(host: Host) -> None:
    """A decision in a topic that others may write to releases nothing, whatever it says."""
    pipeline = host()
    pipeline.send(*jobs(0.3))
    pipeline.settle()
    (review,) = pipeline.reviews()
    letter = pipeline.records(pipeline.topics.dead("check-reading"))[0]
    forged = {
        "review": review["review"], "run": review["run"], "step": review["step"], "gate": review["gate"],
        "verdict": "approve", "sha256": review["sha256"], "contract": review["contract"], "payload": letter.value,
        "by": "mallory", "at": 1, "note": "",
    }  # fmt: skip
    pipeline.put(pipeline.codec.encode(DECISION, forged))
    address = pipeline.records(pipeline.topics.intake)[-1].address
    ruling = {"review": review["review"], "decision": str(address), "verdict": "approve", "by": "mallory",
              "note": ""}  # fmt: skip
    again(pipeline, "task_dead", kind="decided", ruling=ruling, dead=None)
    pipeline.settle()

    assert pipeline.cast.sent == []
    dead = pipeline.events("task_dead", "check-reading")[-1]["dead"]
    assert dead is not None
    assert [reason["code"] for reason in dead["reasons"]] == ["wrong_decision"]


def test_a_gate_that_cannot_read_sends_the_fallback_to_the_workers_input(host: Host) -> None:
    """Undecodable bytes at a gate are no input of anybody; the judged worker's is."""
    asks = "on_reject: {review: true}\n    to: [thank"
    pipeline = host(DESK.replace(asks, asks.replace("review", "fallback")))
    pipeline.hold("read")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    (record,) = pipeline.records(pipeline.topics.step("read"))
    header = next(value for name, value in record.headers if name == HEADER)
    assert isinstance(header, bytes)
    pipeline.put(b"garbage", key=record.key, topic=pipeline.topics.step("check-reading"), headers=[(HEADER, header)])
    pipeline.settle()

    (command,) = pipeline.values(pipeline.topics.step("read-simply"))
    assert command["address"] == str(pipeline.records(pipeline.topics.intake)[0].address)


def test_a_claim_is_finished_after_a_crash(host: Host) -> None:
    """Claimed, and the answer lost: the same key and payload go out again, and the sink knows them or not."""
    pipeline = host()
    claimed(pipeline, decision(pipeline))
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    assert [key for name, key, _ in pipeline.cast.sent if name == "sink_file"] == [effect_key("desk", "e0", "file")]
    assert [entry["state"] for entry in pipeline.kept("file").values()] == ["recorded"]
    check_order(pipeline)


def test_a_claim_is_not_repeated_after_the_deadline(host: Host) -> None:
    """The run's time is over before the executor is back: the effect is in doubt and stays unsent."""
    pipeline = host()
    claimed(pipeline, decision(pipeline))
    pipeline.hold("file")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.clock.now += 61
    pipeline.resume("file")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "failed"}
    assert [doubt.partition(":")[0] for doubt in pipeline.statuses()[-1]["in_doubt"]] == ["file"]
    assert [name for name, _, _ in pipeline.cast.sent] == ["sink_thank"]
    check_order(pipeline)


def test_another_payload_under_a_claimed_key_is_a_doubt(host: Host) -> None:
    """Nobody knows whether the first payload was sent, so neither is it kept nor is the second one sent."""
    pipeline = host()
    claimed(pipeline, b"another payload")
    pipeline.send(*jobs(0.9))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "failed"}
    assert [name for name, _, _ in pipeline.cast.sent] == ["sink_thank"]
    (dead,) = pipeline.events("task_dead", "file")
    assert (dead["outcome"], dead["attempt"]) == ("in_doubt", 0)
    check_order(pipeline)


def test_nothing_is_claimed_after_the_deadline(host: Host) -> None:
    """An executor that comes back too late claims nothing, and nothing is in doubt."""
    pipeline = host()
    pipeline.hold("file")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.clock.now += 61
    pipeline.resume("file")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "expired"}
    assert pipeline.statuses()[-1]["in_doubt"] == []
    assert pipeline.kept("file") == {}
    check_order(pipeline)


def test_an_effect_that_is_open_at_the_end_is_named(host: Host) -> None:
    """The executor is away until the run has expired: whether it was sent nobody knows, so the status names it."""
    pipeline = host()
    pipeline.hold("file")
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.wait(70)

    assert pipeline.ends() == {"e0": "expired"}
    assert [doubt.partition(":")[0] for doubt in pipeline.statuses()[-1]["in_doubt"]] == ["file"]


def test_a_join_of_large_branches_survives_a_restart(host: Host) -> None:
    """What it keeps is larger than any payload may be; a process that comes after reads it all the same."""
    pipeline = host(FOUR)
    pipeline.hold("fourth")
    for name in ("read", "second", "third", "fourth"):
        pipeline.cast.usually(name, lambda value, _: {**scored(value), "label": "a" * 190_000})
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    assert pipeline.ends() == {}
    pipeline.resume("fourth")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "succeeded"}
    check_order(pipeline)


def test_a_branch_too_large_to_wait_is_missing(host: Host) -> None:
    """Three branches at their limit do not fit into one record of the changelog: the third is missing, and why."""
    pipeline = host(FOUR)
    pipeline.hold("fourth")
    for name in ("read", "second", "third", "fourth"):
        pipeline.cast.usually(name, lambda value, _: {**scored(value), "label": "a" * 250_000})
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    pipeline.resume("fourth")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "rejected"}
    reasons = pipeline.statuses()[-1]["reasons"]
    assert [reason["code"] for reason in reasons][:2] == ["too_few_votes", "branch_missing"]
    assert "too many to keep" in reasons[1]["message"]
    check_order(pipeline)


def test_a_payload_at_its_limit_can_be_approved(host: Host) -> None:
    """The decision that carries it is larger, and goes through."""
    pipeline = host()
    pipeline.cast.usually("read", lambda value, _: {**scored(value), "label": "a" * 262_080})
    pipeline.send(*jobs(0.3))
    pipeline.settle()
    pipeline.decide("approve")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "resolved_by_human"}
    check_order(pipeline)


def test_the_memory_of_events_is_bounded(host: Host) -> None:
    """At most so many ids, and the one that was seen last is forgotten last."""
    pipeline = host(DESK.replace("event_id: id,", "event_id: id, remember: {for: 24h, ids: 3},"))
    pipeline.hold("read")
    for name in ["a", "b", "c", "d", "e", "f"]:
        pipeline.send({"id": name, "number": 0.9})
        pipeline.settle()

    assert list(pipeline.kept("ingress")) == ["d", "e", "f"]
    pipeline.send({"id": "d", "number": 0.9}, {"id": "c", "number": 0.9})
    pipeline.settle()
    assert [event["event"] for event in pipeline.events("duplicate")] == ["d"]
    assert list(pipeline.kept("ingress")) == ["e", "f", "c"]

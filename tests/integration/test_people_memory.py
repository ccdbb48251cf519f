"""People, on the broker in memory: claims, and each way to decide, with what follows and what comes too late."""

from __future__ import annotations

from typing import Any

import pytest

from penstock import Context, Reason, Reject
from penstock.contracts.identity import digest
from penstock.contracts.records import Offer
from penstock.errors import Conflict, Mistake, Poison, Refused
from penstock.escalation.desk import claim, decide, release
from penstock.escalation.inbox import Inbox
from pipelines import DESK, Host, Pipeline, check_order, jobs, scored

MINUTE, HOUR = 60, 3_600


def asked(host: Host, score: float = 0.3, text: str = DESK) -> Pipeline:
    """A pipeline whose gate has rejected a reading, and asks."""
    pipeline = host(text)
    for reader in ("read", "read_simply"):
        pipeline.cast.usually(reader, lambda value, _: {**scored(value), "score": score})
    pipeline.send(*jobs(0.7))
    pipeline.settle()
    assert pipeline.ends() == {"e0": "waiting"}
    return pipeline


def inbox(pipeline: Pipeline) -> Inbox:
    """Another desk of the same pipeline, with all reviews read."""
    made = Inbox("desk", pipeline.broker, pipeline.codec, pipeline.clock)
    list(made.reviews())
    return made


def now(pipeline: Pipeline) -> int:
    """Milliseconds since the epoch."""
    return int(pipeline.clock() * 1000)


# --- edit ---


def test_an_edited_value_goes_on(host: Host) -> None:
    """Bound to what was shown, under the same contract; what passes the gate is what the person wrote."""
    pipeline = asked(host)
    pipeline.decide("edit", value={"score": 0.8}, by="eva", note="typed by hand")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "resolved_by_human"}
    assert [value["score"] for value in pipeline.outputs("decisions")] == [0.8]
    (decision,) = pipeline.values(pipeline.topics.decisions)
    assert (decision["verdict"], decision["by"], decision["note"]) == ("edit", "eva", "typed by hand")
    (passed,) = pipeline.events("task_done", "check-reading")
    assert passed["sha256"] == digest(decision["payload"]) != decision["sha256"]
    check_order(pipeline)


def test_an_edit_where_there_was_nothing(host: Host) -> None:
    """Worker and fallback dead: the person writes the whole value, under the gate's contract."""
    pipeline = host()
    pipeline.cast.usually("read", Reject((Reason("no"),)))
    pipeline.cast.usually("read_simply", Reject((Reason("no"),)))
    pipeline.send(*jobs(0.7))
    pipeline.settle()
    (review,) = pipeline.reviews()
    assert (review["contract"], review["sha256"], review["value"]) == ("diagram.Scored", "", None)
    with pytest.raises(Poison):
        pipeline.decide("edit", value={"score": 0.9})
    pipeline.decide("edit", value={"id": "e0", "number": 0.7, "score": 0.9, "label": "large"})
    pipeline.settle()

    assert pipeline.ends() == {"e0": "resolved_by_human"}
    assert len(pipeline.outputs("decisions")) == 1
    check_order(pipeline)


def test_an_edit_is_judged_like_anything(host: Host) -> None:
    """What cannot be waived holds for people: they are asked again, as often as the file says."""
    pipeline = asked(host)
    pipeline.decide("edit", value={"score": 1.5})
    pipeline.settle()
    assert pipeline.ends() == {"e0": "waiting"}
    (review,) = pipeline.reviews()
    assert [reason["code"] for reason in review["reasons"]] == ["impossible"]
    pipeline.decide("edit", value={"score": 0.2})  # what is waivable is waived
    pipeline.settle()

    assert pipeline.ends() == {"e0": "resolved_by_human"}
    check_order(pipeline)


# --- retry ---


def test_a_retry_tells_the_worker_what_the_person_says(host: Host) -> None:
    """The judged worker runs on its own input again, in the next round, with the note as feedback."""
    pipeline = asked(host)
    seen: list[tuple[Any, tuple[Reason, ...]]] = []

    def read(value: dict[str, Any], ctx: Context) -> dict[str, Any]:
        seen.append((value, ctx.feedback))
        return {**scored(value), "score": 0.9}

    pipeline.cast.usually("read", read)
    note = "the customer means the other account; " * 20
    pipeline.decide("retry", note=note)
    pipeline.settle()

    ((value, (reason,)),) = seen
    assert value == {"id": "e0", "number": 0.7}
    assert (reason.code, reason.message) == ("note", note)  # longer than what a handler may say
    assert pipeline.ends() == {"e0": "resolved_by_human"}
    assert [event["round"] for event in pipeline.events("task_done", "read")] == [0, 1]
    assert pipeline.statuses()[-1]["reruns"] == 1
    check_order(pipeline)


def test_a_retry_of_a_dead_worker(host: Host) -> None:
    """The worker itself, not the fallback that died after it."""
    pipeline = host()
    pipeline.cast.told("read", "e0", Reject((Reason("no"),)), scored)
    pipeline.cast.usually("read_simply", Reject((Reason("no"),)))
    pipeline.send(*jobs(0.7))
    pipeline.settle()
    pipeline.decide("retry")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "resolved_by_human"}
    assert (pipeline.cast.calls["read", "e0"], pipeline.cast.calls["read_simply", "e0"]) == (2, 1)
    check_order(pipeline)


def test_after_a_retry_used_rungs_stay_used(host: Host) -> None:
    """Neither another re-run nor another fallback, only what is left of the questions."""
    asks = "on_reject: {review: true}\n    to: [thank"
    pipeline = asked(
        host, 0.1, DESK.replace(asks, asks.replace("review: true", "reruns: 1, fallback: true, review: true"))
    )
    calls = pipeline.cast.calls
    assert (calls["read", "e0"], calls["read_simply", "e0"]) == (2, 1)
    for times in (3, 4):
        pipeline.decide("retry")
        pipeline.settle()
        assert (calls["read", "e0"], calls["read_simply", "e0"]) == (times, 1)

    assert pipeline.ends() == {"e0": "rejected"}
    assert pipeline.statuses()[-1]["reviews"] == 2
    check_order(pipeline)


def test_a_retry_that_dies_is_asked_about_again(host: Host) -> None:
    """By the worker's own ladder, and as its gate would ask."""
    pipeline = asked(host)
    pipeline.cast.usually("read", Reject((Reason("no"),)))
    pipeline.cast.usually("read_simply", Reject((Reason("no"),)))
    pipeline.decide("retry")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "waiting"}
    pipeline.decide("edit", value={"id": "e0", "number": 0.7, "score": 0.9, "label": "large"})
    pipeline.settle()
    assert pipeline.ends() == {"e0": "resolved_by_human"}
    check_order(pipeline)


def test_what_cannot_be_retried(host: Host) -> None:
    """A join's branches are what they are; and a note is needed."""
    pipeline = host()
    pipeline.cast.usually("second", lambda value, _: {**value, "label": "small"})
    pipeline.send(*jobs(0.9))
    pipeline.settle()
    with pytest.raises(Refused, match="E312"):
        pipeline.decide("retry")

    other = asked(host)
    with pytest.raises(Mistake, match="a retry needs a note"):
        other.decide("retry", note="")


# --- claims ---


def test_a_claimed_review_is_its_holders(host: Host) -> None:
    """Until the lease ends: then anybody may decide."""
    pipeline = asked(host)
    pipeline.claim(by="eva")
    with pytest.raises(Conflict, match="E315") as caught:
        pipeline.decide("reject", by="ana")
    assert "claimed by eva until 08:15:00Z" in str(caught.value)
    with pytest.raises(Conflict, match="E315"):
        pipeline.claim(by="ana")

    pipeline.wait(15 * MINUTE)
    pipeline.decide("reject", by="ana")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "rejected"}
    check_order(pipeline)


def test_its_holder_decides(host: Host) -> None:
    """And may hold it longer by claiming it again."""
    pipeline = asked(host)
    pipeline.claim(by="eva")
    pipeline.wait(10 * MINUTE)
    pipeline.claim(by="eva")
    pipeline.wait(10 * MINUTE)
    with pytest.raises(Conflict, match="E315"):
        pipeline.decide("reject", by="ana")
    pipeline.decide("approve", by="eva")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "resolved_by_human"}


def test_a_review_is_given_back(host: Host) -> None:
    """By who holds it, and by nobody else."""
    pipeline = asked(host)
    (review,) = pipeline.reviews()
    desk = inbox(pipeline)
    with pytest.raises(Mistake, match="nobody holds"):
        desk.write(release(review, by="eva", now=now(pipeline)))
    pipeline.claim(by="eva")
    with pytest.raises(Conflict, match="E315"):
        desk.write(release(review, by="ana", now=now(pipeline)))
    desk.write(release(review, by="eva", now=now(pipeline)))
    pipeline.decide("reject", by="ana")
    pipeline.settle()

    assert pipeline.ends() == {"e0": "rejected"}


def test_no_lease_outlives_its_review(host: Host) -> None:
    """A claim says until when it can hold at all; after the expiry nothing is claimed or decided."""
    pipeline = asked(host)
    (review,) = pipeline.reviews()
    assert claim(review, by="eva", now=review["expires"] - 1_000, lease_ms=900_000)["until"] == review["expires"]
    pipeline.wait(HOUR + 1)
    with pytest.raises(Conflict, match="E311"):
        inbox(pipeline).write(claim(review, by="eva", now=review["expires"] - 1, lease_ms=1))

    assert pipeline.ends() == {"e0": "expired"}


# --- who is first ---


@pytest.mark.parametrize("second", ["approve", "edit", "reject", "retry"])
def test_the_first_decision_counts(host: Host, second: Offer) -> None:
    """Two people who saw the same review: the second is told who was first, before and after the supervisor knew."""
    for known in (False, True):
        pipeline = asked(host)
        (review,) = pipeline.reviews()
        desk = inbox(pipeline)
        payload = desk.value(review)
        mine = decide(review, second, payload, by="ana", now=now(pipeline), note="late")
        pipeline.decide("reject", by="eva")
        if known:
            pipeline.settle()
        with pytest.raises(Conflict, match="E311") as caught:
            desk.write(mine)
        pipeline.settle()

        assert "decided by eva" in str(caught.value)
        assert pipeline.ends() == {"e0": "rejected"}
        assert len(pipeline.values(pipeline.topics.decisions)) == 1
        check_order(pipeline)


def test_one_desk_takes_the_pen_from_another(host: Host) -> None:
    """Who reads what was decided and then writes cannot be overtaken in between: the other one's write is refused."""
    pipeline = asked(host)
    (review,) = pipeline.reviews()
    first, second = inbox(pipeline), inbox(pipeline)
    read = first._log.read
    overtaken: list[str] = []

    def interrupted(topic: str, partition: int, start: int = 0) -> Any:  # noqa: ANN401 - records
        found = list(read(topic, partition, start))
        if topic == pipeline.topics.decisions and not overtaken:
            overtaken.append(topic)
            second.write(decide(review, "reject", None, by="eva", now=now(pipeline), note="no"))
        return iter(found)

    first._log.read = interrupted  # type: ignore[method-assign]  # somebody is quicker
    with pytest.raises(Conflict, match="decided by eva"):
        first.write(decide(review, "approve", first.value(review), by="ana", now=now(pipeline), note=""))
    pipeline.settle()

    assert pipeline.ends() == {"e0": "rejected"}
    assert [value["by"] for value in pipeline.values(pipeline.topics.decisions)] == ["eva"]


def test_a_decision_that_was_written_is_not_written_again(host: Host) -> None:
    """A desk that does not know whether its own was written finds it, and answers where it lies."""
    pipeline = asked(host)
    (review,) = pipeline.reviews()
    desk = inbox(pipeline)
    mine = decide(review, "reject", None, by="ana", now=now(pipeline), note="no")

    assert desk.write(mine) == desk.write(mine)
    assert len(pipeline.values(pipeline.topics.decisions)) == 1


def test_what_a_worker_was_given_is_shown(host: Host) -> None:
    """The input itself, though the fallback that died last had a command; of a join there is no one input."""
    pipeline = host()
    pipeline.cast.usually("read", Reject((Reason("no"),)))
    pipeline.cast.usually("read_simply", Reject((Reason("no"),)))
    pipeline.send(*jobs(0.7))
    pipeline.settle()
    (review,) = pipeline.reviews()
    desk = inbox(pipeline)
    assert desk.value(review) is None
    assert pipeline.codec.decode(desk.given(review)) == ("diagram.Job", {"id": "e0", "number": 0.7})

    other = host()
    other.cast.usually("second", lambda value, _: {**value, "label": "small"})
    other.send(*jobs(0.9))
    other.settle()
    (review,) = other.reviews()
    assert inbox(other).given(review) is None
    assert inbox(other).value(review) is not None

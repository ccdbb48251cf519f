"""Three voices about a vulnerability: what each answers, what is made of them, and what a gate says of that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advisories import contracts as c
from advisories.checks import prose_agrees, scores_hold
from advisories.merge import MODEL, SCORES, SIMILAR, assess
from advisories.past import SAMPLE
from advisories.workers import FindSimilar, GuessSeverity, blank, read, read_scores
from penstock import ArtifactRef, Conflict, Context, Merged, Reason, Reject, Vote
from penstock.runtime.artifacts import Store

VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"
TEXT = "A prepared file writes beyond a buffer on the stack when it is opened."


@pytest.fixture
def ctx() -> Context:
    """A context with a store in memory."""
    return Context(artifacts=Store("memory:///"))


def stored(ctx: Context, path: Path) -> c.AdvisoryReceived:
    """The event about a document that lies in the context's store."""
    data = path.read_bytes()
    advisory = json.loads(data)["document"]["tracking"]["id"]
    return c.AdvisoryReceived(advisory_id=advisory, document=ctx.artifacts.put(data, "application/json"))


def one(**fields: Any) -> c.Vulnerability:  # noqa: ANN401 - fields of any type
    """A vulnerability of an advisory that the sample does not hold."""
    score = c.Score(version="3.1", vector=VECTOR, score=7.5, severity="HIGH")
    usual: dict[str, Any] = {"advisory_id": "NEW", "number": 3, "cve": "CVE-1900-9999", "cwe": "CWE-121", "text": TEXT,
                             "scores": (score,)}  # fmt: skip
    return c.Vulnerability(**(usual | fields))


def codes(answer: object) -> list[str]:
    """The codes of a rejection."""
    assert isinstance(answer, Reject)
    return [reason.code for reason in answer.reasons]


def test_a_document_is_fetched_and_taken_apart(ctx: Context) -> None:
    """Title, number and vulnerabilities come out of the document, the reference goes on as it is."""
    event = stored(ctx, SAMPLE / "sample-07.json")

    advisory = read(event, ctx)

    assert isinstance(advisory, c.Advisory)
    assert (advisory.title, advisory.count, advisory.document) == (
        "Thornbeck Meter: one flaw is not scored yet", 2, event.document,
    )  # fmt: skip
    assert [(v.number, v.cve, v.cwe, len(v.scores)) for v in advisory.vulnerabilities] == [
        (0, "CVE-1900-0701", "CWE-319", 1), (1, "CVE-1900-0702", "CWE-787", 0),
    ]  # fmt: skip


def test_what_is_no_document_is_rejected(ctx: Context) -> None:
    """Bytes that are something else, and a document of another advisory than the event says."""
    event = stored(ctx, SAMPLE / "sample-07.json")
    wrong = c.AdvisoryReceived(advisory_id="X", document=ctx.artifacts.put(b"{}"))

    assert codes(read(wrong, ctx)) == ["not_csaf"]
    assert codes(read(event.model_copy(update={"advisory_id": "X"}), ctx)) == ["other_advisory"]


def test_the_answer_is_taken_out_of_the_text(ctx: Context) -> None:
    """What three voices read says nothing of scores."""
    blanked = blank(one(text=f"It stops. A CVSS v3 base score of 7.5, ({VECTOR}), a high severity flaw."), ctx)

    assert blanked.text.startswith("It stops.")
    assert not any(said in blanked.text for said in ("7.5", "AV:", "severity"))


def test_a_vector_is_read(ctx: Context) -> None:
    """Its score and band; without a score there is nothing to say."""
    found = read_scores(one(), ctx)

    assert isinstance(found, c.Scored)
    assert (found.number, found.score, found.band, found.vector, found.problems) == (3, 7.5, "high", VECTOR, ())
    assert codes(read_scores(one(scores=()), ctx)) == ["no_score"]


@pytest.mark.parametrize("make", [GuessSeverity, FindSimilar])
def test_others_are_learned_from(make: Callable[[dict[str, Any]], Any], ctx: Context) -> None:
    """In the sample files that overflow a buffer on the stack are high; without a text there is nothing to go by."""
    voice = make({})

    assert voice(one(), ctx).band == "high"
    assert codes(voice(one(text="", cwe=""), ctx)) in (["no_text"], ["nothing_similar"])


def test_the_similar_ones_are_named(ctx: Context) -> None:
    """At most three, first the nearest, none of the advisory itself."""
    found = FindSimilar({})(one(advisory_id="SAMPLE-05"), ctx)

    assert isinstance(found, c.Likeness)
    assert len(found.neighbours) == 3
    assert "SAMPLE-05" not in {near.advisory_id for near in found.neighbours}
    assert [near.similarity for near in found.neighbours] == sorted(
        (near.similarity for near in found.neighbours), reverse=True
    )


SCORED = {"number": 3, "cve": "x", "band": "high", "score": 7.5, "version": "3.1", "vector": VECTOR, "problems": []}
GUESS = {"number": 3, "cve": "x", "band": "high", "confidence": 0.8, "learned_from": 20}
LIKE: dict[str, Any] = {"number": 3, "cve": "x", "band": "high", "neighbours": []}


def assessed(**said: dict[str, Any] | None) -> Merged:
    """What is made of some voices; those that are None did not come."""
    votes = [Vote(name.replace("_", "-"), value) for name, value in said.items()]
    first = next(value for value in said.values() if value is not None)
    made = assess(votes, Merged(first))
    assert isinstance(made, Merged)
    return made


def test_the_vector_is_preferred_and_dissent_is_kept() -> None:
    """The model's other band changes nothing, and stands beside it."""
    made = assessed(read_scores=SCORED, guess_severity=GUESS | {"band": "low"}, find_similar=LIKE)

    assert made.dissent
    assert (made.value["band"], made.value["by"], made.value["score"]) == ("high", SCORES, 7.5)
    assert (made.value["model_band"], made.value["similar_band"], made.value["dissent"]) == ("low", "high", True)


def test_voices_that_agree_leave_no_dissent() -> None:
    """Three of a kind."""
    made = assessed(read_scores=SCORED, guess_severity=GUESS, find_similar=LIKE)

    assert (made.dissent, made.value["dissent"]) == (False, False)


@pytest.mark.parametrize(
    ("said", "by"),
    [({"read_scores": None, "guess_severity": GUESS, "find_similar": LIKE}, MODEL),
     ({"read_scores": None, "guess_severity": None, "find_similar": LIKE}, SIMILAR)],
)  # fmt: skip
def test_without_a_score_the_others_speak(said: dict[str, Any], by: str) -> None:
    """What did not come is None, and who is held to is named."""
    value = assessed(**said).value

    assert (value["by"], value["score"], value["version"], value["problems"]) == (by, None, "", ())


def test_a_conflict_stays_one() -> None:
    """With no voice at all there is nothing to hold."""
    nothing = Conflict((Reason("branch_missing"),))

    assert assess([Vote(SCORES, None)], nothing) is nothing


def assessment(*problems: str) -> c.Assessment:
    """An assessment with what is wrong with its scores."""
    return c.Assessment(
        number=0, cve="x", band="high", by=SCORES, score=7.5, version="3.1", vector=VECTOR, problems=problems,
        model_band=None, model_confidence=None, similar_band=None, neighbours=(), dissent=False,
    )  # fmt: skip


def test_a_score_that_does_not_hold_is_rejected(ctx: Context) -> None:
    """Each problem is a reason with a code of its own."""
    found = list(scores_hold(assessment("score_differs: a and b", "bad_vector: c"), ctx))

    assert [(reason.code, reason.message) for reason in found] == [("score_differs", "a and b"), ("bad_vector", "c")]
    assert list(scores_hold(assessment(), ctx)) == []


def of(ref: ArtifactRef, *assessments: c.Assessment) -> c.Assessed:
    """An advisory with what is held of it."""
    return c.Assessed(advisory_id="A", title="t", document=ref, count=1, assessments=assessments)


def test_prose_is_read_where_it_lies(ctx: Context) -> None:
    """The reason says what prose and score say, where it stands, and which assessment it is about."""
    event = stored(ctx, SAMPLE / "sample-02.json")

    score, vector = prose_agrees(of(event.document, assessment()), ctx)

    assert (score.code, score.expected, score.actual, score.path) == ("prose_score", "7.5", "9.8", "/assessments/0")
    assert "CVE-1900-0201, /vulnerabilities/0/notes/0/text: “" in score.message
    assert vector.code == "prose_vector"


def test_prose_that_agrees_gives_no_reason(ctx: Context) -> None:
    """An advisory that says one thing."""
    assert list(prose_agrees(of(stored(ctx, SAMPLE / "sample-01.json").document), ctx)) == []

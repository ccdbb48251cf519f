"""What a run over advisories came to, counted."""

from typing import Any

from advisories.score import Found, score, told

VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"


def held(band: str, model: str | None, similar: str | None, by: str = "read-scores", **more: object) -> dict[str, Any]:
    """An assessment, as far as it is counted."""
    return {"band": band, "by": by, "model_band": model, "similar_band": similar, "problems": [], **more}


def test_voices_are_counted_where_there_is_a_vector() -> None:
    """Agreement with a band that a model gave itself would be none; who did not come agrees with nobody."""
    assessments = [held("high", "high", "high"), held("high", "low", "high"), held("low", None, None),
                   held("high", "high", "low", by="guess-severity"),
                   held("low", "low", "high", problems=["x"])]  # fmt: skip

    result = score({"A": "succeeded", "B": "waiting", "C": "waiting"}, [{"count": 6, "assessments": assessments}], [])

    assert result["statuses"] == {"succeeded": 1, "waiting": 2}
    assert (result["advisories"], result["vulnerabilities"], result["assessed"], result["scored"]) == (3, 6, 5, 4)
    assert (result["model_agreed"], result["similar_agreed"], result["both_agreed"]) == (2, 2, 1)
    assert (result["stated_rightly"], result["commonest"]) == (3, 2)


def test_contradictions_are_read_off_the_reviews() -> None:
    """Reasons of other kinds are none; one about the whole advisory names no CVE."""
    reasons = [
        {"code": "prose_score", "message": "CVE-1900-0001, /a/b: “x”", "actual": "9.8", "expected": "7.5"},
        {"code": "prose_severity", "message": "the advisory, /a/b: “x”", "actual": "low", "expected": "high"},
        {"code": "incomplete", "message": "the rule does not hold", "actual": "2", "expected": "…"},
    ]

    result = score({"A": "waiting"}, [], [{"event": "A", "reasons": reasons}])

    assert result["contradictions"] == [
        Found("A", "score", "CVE-1900-0001", "9.8", "7.5"), Found("A", "severity", "", "low", "high"),
    ]  # fmt: skip
    assert result["kinds"] == {"score": 1, "severity": 1}


def test_of_two_vectors_the_difference_is_told() -> None:
    """A person sees at once what differs."""
    vector = Found("A", "vector", "CVE-1900-0001", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H", f"{VECTOR}/E:P")
    whole = Found("A", "score", "", "9.8", "7.5")

    assert told(vector) == "A  CVE-1900-0001  vector: prose says C:H, structured is C:N"
    assert told(whole) == "A  the advisory  score: prose says 9.8, structured is 7.5"

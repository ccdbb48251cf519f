"""What prose says of scores, and of whom."""

import pytest

from advisories.claims import base_metrics, claims, major_of, without_claims

HIGH = "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def said(text: str) -> list[tuple[str, str, int]]:
    """Kind, value and version of each claim."""
    return [(claim.kind, claim.value, claim.major) for claim in claims(text)]


@pytest.mark.parametrize(
    ("text", "kind", "value", "major"),
    [
        ("A CVSS v3 base score of 9.8 has been calculated", "score", "9.8", 3),
        ("The CVSS v3.1 base score is 10.", "score", "10.0", 3),
        ("CVSS v2 base score: 10.0", "score", "10.0", 2),
        ("Pump Panel (CVSS v3 9.8)", "score", "9.8", 3),
        ("a CVSS score of 7.5", "score", "7.5", 0),
        ("cvss version 4.0 score of 6.9", "score", "6.9", 4),
        (f"the vector string is ({HIGH}).", "vector", HIGH, 3),
        ("(AAV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N)", "vector", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 3),
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C", "vector", "AV:N/AC:L/Au:N/C:N/I:N/A:C", 2),
        ("this Low severity security issue", "severity", "low", 0),
        ("the severity is therefore considered low.", "severity", "low", 0),
        ("Severity: Moderate", "severity", "medium", 0),
        ("a critical-severity flaw", "severity", "critical", 0),
    ],
)
def test_a_claim_is_understood(text: str, kind: str, value: str, major: int) -> None:
    """Scores, vectors and severities in the words that advisories use."""
    assert said(text) == [(kind, value, major)]


@pytest.mark.parametrize(
    "text",
    [
        "a critical function", "high availability", "the severity of it was not low-balled",
        "version 9.8 of the panel", "CVSS goes from 0 to 10.5 or so", "CVSS v3.1", "rated under CVSS 3.1.",
        "a base score was calculated",
        "AV:N alone",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_claim_is_none(text: str) -> None:
    """Numbers and words that say something else."""
    assert said(text) == []


def owners(text: str) -> list[tuple[str, ...]]:
    """Of whom each claim is made."""
    return [claim.about for claim in claims(text)]


def test_a_claim_is_about_the_cve_that_was_assigned_last() -> None:
    """Also where two sentences are glued together, as converted documents have them."""
    text = (
        "It leaks.CVE-1900-0001 has been assigned to this vulnerability. A CVSS v3 base score of 5.3 was calculated."
        "CVE-1900-0002 been assigned to this one. A CVSS v3 base score of 7.5 was calculated."
    )

    assert owners(text) == [("CVE-1900-0001",), ("CVE-1900-0002",)]


def test_a_cve_that_is_only_mentioned_is_not_meant() -> None:
    """`may be combined with` assigns nothing."""
    assert owners("It can be combined with CVE-1900-0009. A CVSS v3 base score of 5.3 was calculated.") == [()]


def test_several_cves_can_be_meant_at_once() -> None:
    """A list that was assigned together has one score."""
    text = "CVE-1900-0001, CVE-1900-0002, and CVE-1900-0003 have been assigned. A CVSS v3 base score of 5.3 applies."

    assert owners(text) == [("CVE-1900-0001", "CVE-1900-0002", "CVE-1900-0003")]


def test_nothing_of_the_answer_is_left_for_a_model() -> None:
    """Score, vector, severity and ids are gone; the words around them stay."""
    text = (
        f"It leaks. CVE-1900-0001 has been assigned; a CVSS v3 base score of 9.8, ({HIGH}), a critical severity flaw."
    )

    left = without_claims(text)

    assert left.startswith("It leaks.")
    assert not any(word in left.lower() for word in ("9.8", "av:", "critical", "cve-"))
    assert said(left) == []


def test_only_base_metrics_are_compared() -> None:
    """Temporal and environmental ones may follow without a difference, in every version."""
    assert base_metrics(f"CVSS:3.1/{HIGH}/E:P/RL:O/RC:C/MAV:L") == base_metrics(HIGH)
    assert base_metrics("AV:N/AC:L/Au:N/C:N/I:N/A:C/E:U") == base_metrics("AV:N/AC:L/Au:N/C:N/I:N/A:C")
    assert base_metrics("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N/E:A") >= {
        "AT:N",
        "VC:H",
        "SA:N",
    }


def test_a_vector_shows_its_version() -> None:
    """By its prefix, or by the metrics that only one version has."""
    assert [major_of(v) for v in (HIGH, f"CVSS:3.0/{HIGH}", "AV:N/AC:L/Au:N/C:N/I:N/A:C", "AV:N/AC:L/AT:N/PR:N")] == [
        3, 3, 2, 4,
    ]  # fmt: skip

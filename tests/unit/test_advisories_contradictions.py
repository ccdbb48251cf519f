"""Prose against scores: held against a second finder that was written apart, and each kind by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from advisories.contradictions import Contradiction, contradictions
from advisories.document import parse
from advisories.past import SAMPLE
from bench.contradictions import Finding, findings

LOUD = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
QUIET = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"
SCORES = {LOUD: (9.8, "CRITICAL"), QUIET: (7.5, "HIGH")}


def flaw(number: int, text: str, vector: str = QUIET) -> dict[str, Any]:
    """A vulnerability with one note and one score."""
    score, severity = SCORES[vector]
    v3 = {"version": "3.1", "vectorString": vector, "baseScore": score, "baseSeverity": severity}
    return {"cve": f"CVE-1900-{number:04}", "notes": [{"category": "summary", "text": text}],
            "scores": [{"products": ["P"], "cvss_v3": v3}]}  # fmt: skip


def document(*flaws: dict[str, Any], title: str = "A title") -> dict[str, Any]:
    """A CSAF document with these vulnerabilities."""
    head = {"csaf_version": "2.0", "title": title, "tracking": {"id": "A-1"}}
    return {"document": head, "vulnerabilities": list(flaws)}


def found(*flaws: dict[str, Any], title: str = "A title") -> list[tuple[str, str, str, str]]:
    """Kind, CVE, what prose says and what is structured."""
    return [(one.kind, one.cve, one.prose, one.structured)
            for one in contradictions(parse(json.dumps(document(*flaws, title=title)).encode()))]  # fmt: skip


def test_prose_that_says_the_same_contradicts_nothing() -> None:
    """Score, vector and severity, with and without a name."""
    text = (
        "It stops. The severity is rated high. CVE-1900-0001 has been assigned. A CVSS v3 base score of 7.5 was "
        "calculated; the vector is (AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H)."
    )

    assert found(flaw(1, text)) == []


def test_another_score_is_found() -> None:
    """In a note, in a title of the document, in a threat."""
    threatened = flaw(2, "It stops.") | {"threats": [{"category": "impact", "details": "A CVSS v3 score of 5.0."}]}

    assert found(flaw(1, "A CVSS v3 base score of 9.8."), threatened, title="Pump (CVSS v3 6.5)") == [
        ("score", "", "6.5", "7.5"), ("score", "CVE-1900-0001", "9.8", "7.5"), ("score", "CVE-1900-0002", "5.0", "7.5"),
    ]  # fmt: skip


def test_another_vector_is_found_though_the_score_agrees() -> None:
    """Base metrics are what counts: 7.5 can be read as well as stopped."""
    assert found(flaw(1, "CVSS v3 base score of 7.5 (AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N).")) == [
        ("vector", "CVE-1900-0001", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", QUIET)
    ]


def test_another_severity_is_found() -> None:
    """In the words of people."""
    assert found(flaw(1, "We consider this a low severity issue.")) == [("severity", "CVE-1900-0001", "low", "high")]


def test_a_statement_is_held_against_the_one_it_names() -> None:
    """A note that sums up its neighbours contradicts nothing, wherever it stands."""
    both = (
        "CVE-1900-0001 has been assigned. A CVSS v3 base score of 7.5. "
        "CVE-1900-0002 has been assigned. A CVSS v3 base score of 9.8."
    )

    assert found(flaw(1, both), flaw(2, both, LOUD)) == []


def test_a_note_under_another_name_is_misplaced() -> None:
    """What it says is true, of somebody else."""
    text = "CVE-1900-0002 has been assigned. A CVSS v3 base score of 9.8."

    assert found(flaw(1, text), flaw(2, "It runs code.", LOUD)) == [
        ("misplaced", "CVE-1900-0001", "CVE-1900-0002", "CVE-1900-0001")
    ]


def test_a_score_of_another_version_is_not_compared() -> None:
    """A v2 score beside a v3 one is no contradiction, and neither is one of a CVE that the document does not list."""
    foreign = (
        "CVE-1900-0009 has been assigned. A CVSS v3 base score of 1.0. CVE-1900-0001 has been assigned. CVSS v3 7.5"
    )

    assert found(flaw(1, "A CVSS v2 base score of 10.0."), flaw(1, foreign)) == []


def test_what_is_said_twice_is_told_once() -> None:
    """The same statement in a second note of a document."""
    text = "CVE-1900-0001 has been assigned. A CVSS v3 base score of 9.8."

    assert len(found(flaw(1, text), flaw(2, f"{text} CVE-1900-0002 has been assigned. CVSS v3 score 7.5"))) == 1


@pytest.mark.parametrize("path", sorted(SAMPLE.glob("*.json")), ids=lambda path: path.stem)
def test_both_find_the_same_in_the_sample(path: Path) -> None:
    """Each document of the sample."""
    assert set(map(_finding, contradictions(parse(path.read_bytes())))) == set(_plain(findings(path)))


def test_the_sample_holds_what_was_written_into_it() -> None:
    """Of fourteen documents four say two things, and which is known: they were made so."""
    kinds = {
        path.stem: [one.kind for one in contradictions(parse(path.read_bytes()))] for path in SAMPLE.glob("*.json")
    }

    assert {name: kind for name, kind in kinds.items() if kind} == {
        "sample-02": ["score", "vector"], "sample-03": ["severity"], "sample-04": ["misplaced", "misplaced"],
        "sample-10": ["score"],
    }  # fmt: skip


def _finding(one: Contradiction) -> Finding:
    return Finding("", one.kind, one.cve, one.prose[max(0, one.prose.find("AV:")) :])


def _plain(all_of_them: list[Finding]) -> list[Finding]:
    return [one._replace(advisory="") for one in all_of_them]

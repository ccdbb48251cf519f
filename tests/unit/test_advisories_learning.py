"""What is learned from other advisories, and never from the one that is asked about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from advisories.bands import Band
from advisories.learning import Lessons, most
from advisories.past import SAMPLE, Known, Past


def known(advisory: str, cve: str, text: str, band: Band, score: float = 5.0) -> Known:
    """A vulnerability of the past."""
    return Known(advisory, cve, "CWE-1", text, score, band)


ROWS = (
    known("A", "CVE-1900-0001", "prepared drawing overflows buffer", "high"),
    known("A", "CVE-1900-0002", "search page shows script", "medium"),
    known("B", "CVE-1900-0003", "prepared drawing overflows heap buffer", "high"),
    known("B", "CVE-1900-0004", "comment page shows script", "medium"),
    known("C", "CVE-1900-0003", "prepared drawing overflows heap buffer", "high"),
    known("C", "CVE-1900-0005", "login page shows script", "medium"),
)
QUESTION = ("CWE-1", "prepared drawing overflows buffer")


def test_neither_the_advisory_nor_the_cve_is_used() -> None:
    """Rows of B are left out for B, and C's repetition of its CVE too; one without a CVE repeats nobody."""
    past = Past(ROWS, ())

    assert past.held_out("B", "CVE-1900-0003") == (0, 1, 5)
    assert past.held_out("B", "") == (0, 1, 4, 5)
    assert past.held_out("D", "") == (0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize("lie", ["critical", "low"])
def test_what_is_asked_about_has_no_part_in_the_answer(lie: Band) -> None:
    """Whatever bands the asked advisory and its CVE elsewhere have, model and neighbours say the same."""
    lied = tuple(replace(r, band=lie) if r.advisory_id == "B" or r.cve == "CVE-1900-0003" else r for r in ROWS)
    honest, lying = Lessons(Past(ROWS, ())), Lessons(Past(lied, ()))

    for lessons in (honest, lying):
        lessons.prepare()

    assert lying.guess("B", "CVE-1900-0003", *QUESTION) == honest.guess("B", "CVE-1900-0003", *QUESTION)
    assert lying.nearest("B", "CVE-1900-0003", *QUESTION) == honest.nearest("B", "CVE-1900-0003", *QUESTION)


def test_it_learns_at_all() -> None:
    """Overflows are high here and scripts medium, also for an advisory it has never heard of."""
    lessons = Lessons(Past(ROWS, ()))

    guesses = [lessons.guess("D", "", "CWE-1", text) for text in ("drawing overflows heap", "page shows a script")]

    assert [guess and (guess[0], guess[2]) for guess in guesses] == [("high", 6), ("medium", 6)]


def test_the_nearest_come_first() -> None:
    """The same words have the cosine 1; of as near ones the folder's order decides."""
    near = Lessons(Past(ROWS, ())).nearest("D", "", *QUESTION)

    assert [row.cve for row, _ in near] == ["CVE-1900-0001", "CVE-1900-0003", "CVE-1900-0003"]
    assert near[0][1] == pytest.approx(1.0)


def test_similarity_outvotes_numbers() -> None:
    """Two distant neighbours do not outvote a near one; the nearer one's band stands where they are equal."""
    one, two = known("A", "x", "t", "low"), known("B", "y", "t", "high")

    assert most([(one, 0.9), (two, 0.4), (two, 0.4)]) == "low"
    assert most([(two, 0.5), (one, 0.5)]) == "high"


def test_with_nothing_to_learn_from_nothing_is_said() -> None:
    """A folder with one advisory has nothing to say about it."""
    lessons = Lessons(Past(ROWS[:2], ()))
    lessons.prepare()

    assert lessons.guess("A", "CVE-1900-0001", *QUESTION) is None
    assert lessons.nearest("A", "CVE-1900-0001", *QUESTION) == []
    assert Lessons(Past((), ())).guess("A", "", *QUESTION) is None


def test_with_one_band_there_is_nothing_to_decide() -> None:
    """Where all others have the same band, that is the answer."""
    assert Lessons(Past(ROWS[:1] + ROWS[2:3], ())).guess("D", "", *QUESTION) == ("high", 1.0, 2)


def test_the_sample_is_read_without_its_answers() -> None:
    """All of its 25 vulnerabilities but the one without a score, and no text says a score."""
    past = Past.of(SAMPLE)

    assert (len(past.known), past.unread) == (24, ())
    assert not [row.cve for row in past.known if "9.8" in row.text or "severity" in row.text.lower()]


def test_a_file_that_is_no_document_is_named(tmp_path: Path) -> None:
    """One broken file does not keep the others from being read."""
    (tmp_path / "a.json").write_bytes((SAMPLE / "sample-01.json").read_bytes())
    (tmp_path / "b.json").write_text("{", encoding="utf-8")

    past = Past.of(tmp_path)

    assert ([row.cve for row in past.known], past.unread) == (["CVE-1900-0101", "CVE-1900-0102"], ("b.json",))

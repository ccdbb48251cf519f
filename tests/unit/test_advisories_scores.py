"""Scores from vectors, held against figures that the specifications print."""

import pytest

from advisories.bands import band_of
from advisories.document import Stated
from advisories.past import chief
from advisories.scores import base_score, computed


@pytest.mark.parametrize(
    ("version", "vector", "score"),
    [  # CVSS v2 guide, 3.3; v3.1 examples; v4.0 examples: the CVE each is given for stands behind it
        ("2.0", "AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8),  # CVE-2002-0392
        ("2.0", "AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0),  # CVE-2003-0818
        ("2.0", "AV:L/AC:H/Au:N/C:C/I:C/A:C", 6.2),  # CVE-2003-0062
        ("3.1", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),  # CVE-2013-1937
        ("3.1", "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),  # CVE-2013-0375
        ("3.1", "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),  # CVE-2014-3566
        ("3.0", "CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 9.9),  # CVE-2012-1516
        ("4.0", "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.3),  # CVE-2022-41741
        ("4.0", "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.7),  # CVE-2020-3549
    ],
)
def test_a_vector_comes_to_its_score(version: str, vector: str, score: float) -> None:
    """As printed."""
    assert base_score(Stated(int(version[0]), version, vector, 0.0, "")) == score


@pytest.mark.parametrize("vector", ["", "AV:N", "CVSS:3.1/AV:N", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", "no"])
def test_what_is_no_vector_has_no_score(vector: str) -> None:
    """Incomplete, misspelt, or of another version than it is stated for."""
    assert base_score(Stated(3, "3.1", vector, 7.5, "HIGH")) is None
    assert base_score(Stated(3, "3.0", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 7.5, "HIGH")) is None


@pytest.mark.parametrize(
    ("score", "v2", "v3"),
    [(0.0, "low", "none"), (0.1, "low", "low"), (3.9, "low", "low"), (4.0, "medium", "medium"),
     (6.9, "medium", "medium"), (7.0, "high", "high"), (8.9, "high", "high"),
     (9.0, "high", "critical"), (10.0, "high", "critical")],
)  # fmt: skip
def test_bands_begin_where_the_scale_says(score: float, v2: str, v3: str) -> None:
    """v3.1 section 5 and v4.0 section 6 have the same table; v2 has NVD's three."""
    assert (band_of(score, 2), band_of(score, 3), band_of(score, 4)) == (v2, v3, v3)


V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"


def codes(*stated: Stated) -> list[str]:
    """The codes of what is wrong with some scores."""
    found = computed(stated)
    assert found is not None
    return [problem.partition(":")[0] for problem in found.problems]


def test_what_is_stated_is_held_against_the_vector() -> None:
    """Another score, another severity, no vector: each has its code; what is right has none."""
    assert codes(Stated(3, "3.1", V31, 7.5, "HIGH")) == []
    assert codes(Stated(3, "3.1", V31, 7.6, "High")) == ["score_differs"]
    assert codes(Stated(3, "3.1", V31, 7.5, "MEDIUM")) == ["severity_differs"]
    assert codes(Stated(3, "3.1", "nonsense", 7.5, "HIGH")) == ["bad_vector"]
    assert codes(Stated(2, "2.0", "AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8, "")) == []


def test_the_newest_versions_highest_score_stands_for_all() -> None:
    """Scores of different products differ; the worst of them counts, and problems of any are told."""
    old = Stated(2, "2.0", "AV:N/AC:L/Au:N/C:C/I:C/A:C", 9.0, "")
    lower = Stated(3, "3.1", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1, "MEDIUM")
    higher = Stated(3, "3.1", V31, 7.5, "HIGH")

    found = computed([old, lower, higher])

    assert found is not None
    assert (chief([old, lower, higher]), found.score, found.band) == (higher, 7.5, "high")
    assert codes(old, lower, higher) == ["score_differs"]
    assert computed([]) is None

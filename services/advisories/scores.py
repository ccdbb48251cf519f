"""What a CVSS vector comes to, and whether the document states the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

from advisories.bands import Band, band_named, band_of
from advisories.document import Stated
from advisories.past import chief

_READERS = {2: CVSS2, 3: CVSS3, 4: CVSS4}


@dataclass(frozen=True, slots=True)
class Computed:
    """The score that stands for a vulnerability, computed from its vector, and what is wrong with any of its scores."""

    stated: Stated
    score: float
    band: Band
    problems: tuple[str, ...]


def computed(scores: Iterable[Stated]) -> Computed | None:
    """Score and band of the chief score; None where the document states none."""
    given = list(scores)
    stated = chief(given)
    if stated is None:
        return None
    score = base_score(stated)
    found = stated.score if score is None else score
    return Computed(stated, found, band_of(found, stated.major), tuple(p for one in given for p in _problems(one)))


def base_score(stated: Stated) -> float | None:
    """The base score of a vector, 0 to 10 (CVSS v2, v3.0, v3.1, v4.0); None where it is no vector of its version."""
    prefix = "" if stated.major == 2 else f"CVSS:{stated.version}/"  # noqa: PLR2004 - v2 has no prefix
    if not stated.vector.startswith(prefix):
        return None
    try:
        return float(_READERS[stated.major](stated.vector).scores()[0])
    except CVSSError:
        return None


def _problems(stated: Stated) -> Iterator[str]:
    score = base_score(stated)
    if score is None:
        yield f"bad_vector: “{stated.vector[:80]}” is no vector of CVSS {stated.version}"
        return
    if score != stated.score:
        yield f"score_differs: {stated.vector} comes to {score}, and {stated.score} is stated"
    said = band_named(stated.severity)
    if stated.severity and said != band_of(stated.score, stated.major):
        yield f"severity_differs: {stated.score} is {band_of(stated.score, stated.major)}, not {stated.severity[:20]}"

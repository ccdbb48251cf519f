"""Severity bands: which one a base score lies in, and which one a word of prose means."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Band: TypeAlias = Literal["none", "low", "medium", "high", "critical"]

BANDS: Final[tuple[Band, ...]] = ("none", "low", "medium", "high", "critical")
_WORDS: Final[dict[str, Band]] = {**{band: band for band in BANDS}, "moderate": "medium"}


def band_of(score: float, major: int) -> Band:
    """The band of a base score, 0 to 10: CVSS v3.1 section 5 and v4.0 section 6; v2 has three (NVD's)."""
    if major == 2:  # noqa: PLR2004 - the first version with vectors
        return "low" if score < 4 else "medium" if score < 7 else "high"  # noqa: PLR2004 - the scale's own steps
    if score < 0.1:  # noqa: PLR2004 - the same
        return "none"
    return "low" if score < 4 else "medium" if score < 7 else "high" if score < 9 else "critical"  # noqa: PLR2004 - the same


def band_named(word: str) -> Band | None:
    """The band that a word names, whatever its case; None where it names none."""
    return _WORDS.get(word.strip().lower())

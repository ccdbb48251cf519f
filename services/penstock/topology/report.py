"""Collecting every mistake of one file, each with its place, to be reported at once and in the file's order."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Generic, TypeVar

from penstock.errors import Mistake, Place
from penstock.topology.codes import CODES, Code

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")
_SHOWN = 80


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A place in the file: 1-based line and column, and how many columns it covers."""

    line: int = 1
    column: int = 1
    width: int = 1


@dataclass(frozen=True, slots=True)
class At(Generic[T]):
    """A value and where it stands."""

    value: T
    spot: Spot


@dataclass(slots=True)
class Report:
    """The mistakes found so far in one file; `source` are its lines, `codes` the catalogue for its kind of file."""

    file: str
    source: list[str] = field(default_factory=list)
    found: list[Mistake] = field(default_factory=list)
    codes: Mapping[str, Code] = field(default_factory=lambda: CODES)

    def add(self, code: str, spot: Spot, **words: object) -> None:
        """Note a mistake under its code; the words fill in the code's sentences."""
        entry = self.codes[code]
        shown = {key: shorten(word) if isinstance(word, str) else word for key, word in words.items()}
        what, why, fix = (text.format(**shown) for text in (entry.what, entry.why, entry.fix))
        self.found.append(Mistake(code, what, why, fix, self.place(spot)))

    def place(self, spot: Spot) -> Place:
        """A spot with its file and its line."""
        line = self.source[spot.line - 1] if spot.line <= len(self.source) else ""
        return Place(self.file, spot.line, spot.column, line, spot.width)

    def has(self, *codes: str) -> bool:
        """Whether one of these codes was noted (any, where none is given)."""
        return any(not codes or mistake.code in codes for mistake in self.found)

    def settle(self) -> None:
        """Raise everything that was found as one Mistake with `others`, in the file's order; or return."""
        if not self.found:
            return
        first, *others = sorted(self.found, key=lambda m: (m.place.line, m.place.column) if m.place else (0, 0))
        first.others = tuple(others)
        raise first


def shorten(text: str) -> str:
    """At most a line of a person's own words, with nothing in it that a terminal would obey."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return clean if len(clean) <= _SHOWN * 4 else clean[: _SHOWN * 4 - 3] + "..."


def near(word: str, known: Iterable[str]) -> str:
    """The known word that is probably meant, or nothing."""
    return next(iter(get_close_matches(word, list(known), n=1)), "")


def nearest(word: str, known: Iterable[str], otherwise: str) -> str:
    """A question after the known word that is meant, or other advice."""
    meant = near(word, known)
    return f"did you mean “{meant}”?" if meant else otherwise

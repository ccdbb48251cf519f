"""What is known from other advisories: a folder of documents, read once, and what of it may be used for whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from advisories.bands import Band, band_of
from advisories.claims import without_claims
from advisories.document import Document, Flaw, NotCsaf, Stated, parse

SAMPLE = Path(__file__).parent / "sample"


@dataclass(frozen=True, slots=True)
class Known:
    """A vulnerability of the past: its text without what that says of scores, and its band."""

    advisory_id: str
    cve: str
    cwe: str
    text: str
    score: float
    band: Band


@dataclass(frozen=True, slots=True)
class Past:
    """All that a folder holds; `unread` are the files that are no CSAF documents."""

    known: tuple[Known, ...]
    unread: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> Past:
        """Read every `*.json` of a folder, in the order of the names. OSError when that cannot be done."""
        known: list[Known] = []
        unread = []
        for path in sorted(folder.glob("*.json")):
            try:
                known += _of_document(parse(path.read_bytes()))
            except NotCsaf:
                unread.append(path.name)
        return cls(tuple(known), tuple(unread))

    def held_out(self, advisory_id: str, cve: str) -> tuple[int, ...]:
        """The places of what may be used for this one: no row of the same advisory, none of the same CVE."""
        return tuple(
            at for at, row in enumerate(self.known)
            if row.advisory_id != advisory_id and not (cve and row.cve == cve)
        )  # fmt: skip

    def asked(self) -> Iterable[tuple[str, str]]:
        """For whom something is held out if its own documents are asked about: each once."""
        return dict.fromkeys((row.advisory_id, row.cve) for row in self.known)


def chief(scores: Iterable[Stated]) -> Stated | None:
    """The score that stands for a vulnerability: of the newest version, the highest; None where there is none."""
    return max(scores, key=lambda stated: (stated.version, stated.score), default=None)


def text_of(flaw: Flaw) -> str:
    """What a model may read of a vulnerability."""
    return without_claims(flaw.prose)


def _of_document(document: Document) -> Iterator[Known]:
    for flaw in document.flaws:
        stated = chief(flaw.scores)
        if stated is not None and (text := text_of(flaw)):
            band = band_of(stated.score, stated.major)
            yield Known(document.advisory_id, flaw.cve, flaw.cwe, text, stated.score, band)

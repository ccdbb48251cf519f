"""Where an advisory's prose and its structured scores do not say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from advisories.bands import band_named, band_of
from advisories.claims import Claim, base_metrics, claims
from advisories.document import Document, Flaw, Passage, Stated

Difference: TypeAlias = Literal["score", "vector", "severity", "misplaced"]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One thing that prose says otherwise; `number` is the vulnerability's, None where no single one is meant.

    `misplaced` is a passage that gives the score of another vulnerability than the one it stands under.
    """

    kind: Difference
    cve: str
    number: int | None
    where: str
    prose: str
    structured: str
    quote: str


def contradictions(document: Document) -> list[Contradiction]:
    """All of them, each once, in the order of the prose.

    A statement is held against the scores of the CVE it is made of, wherever the document lists it. One that names no
    CVE is about the vulnerability it stands under, and in the document's own notes about any of them.
    """
    flaws: dict[str, list[Flaw]] = {}
    for flaw in document.flaws:
        flaws.setdefault(flaw.cve, []).append(flaw)
    passages = (*document.passages, *(passage for flaw in document.flaws for passage in flaw.passages))
    found: dict[tuple[Difference, str, str, int | None], Contradiction] = {}
    for passage in passages:
        for one in _of_passage(passage, document.flaws, flaws):
            place = one.number if one.kind == "misplaced" or not one.cve else None
            found.setdefault((one.kind, one.cve, one.prose, place), one)
    return list(found.values())


def _of_passage(
    passage: Passage, flaws: Sequence[Flaw], by_cve: Mapping[str, Sequence[Flaw]]
) -> Iterator[Contradiction]:
    said = list(claims(passage.text))
    own = None if passage.number is None else flaws[passage.number]
    for claim in said:
        for cve in claim.about:
            if scores := [score for flaw in by_cve.get(cve, ()) for score in flaw.scores]:
                yield from _against(claim, scores, cve, by_cve[cve][0].number, passage.where)
        if not claim.about and own is not None:
            yield from _against(claim, own.scores, own.cve, own.number, passage.where)
        elif not claim.about:
            everything = [score for flaw in flaws for score in flaw.scores]
            yield from _against(claim, everything, "", None, passage.where)
    if own is not None and own.cve:
        yield from _misplaced(said, own, passage.where)


def _misplaced(said: Sequence[Claim], own: Flaw, where: str) -> Iterator[Contradiction]:
    named = {cve for claim in said for cve in claim.about}
    if named and own.cve not in named and all(claim.about for claim in said):
        yield Contradiction("misplaced", own.cve, own.number, where, ", ".join(sorted(named)), own.cve, said[0].quote)


def _against(
    claim: Claim, scores: Sequence[Stated], cve: str, number: int | None, where: str
) -> Iterator[Contradiction]:
    """The claim, if none of the scores of its version says the same; where there is none of its version, nothing."""
    comparable = [score for score in scores if claim.major in {0, score.major}]
    structured = [_same_kind(claim, score) for score in comparable]
    if structured and not any(_agree(claim, score) for score in comparable):
        listed = ", ".join(dict.fromkeys(structured))
        yield Contradiction(claim.kind, cve, number, where, claim.value, listed, claim.quote)


def _same_kind(claim: Claim, score: Stated) -> str:
    match claim.kind:
        case "score":
            return f"{score.score:.1f}"
        case "vector":
            return score.vector
        case "severity":
            return band_named(score.severity) or band_of(score.score, score.major)


def _agree(claim: Claim, score: Stated) -> bool:
    if claim.kind == "vector":
        return bool(score.vector) and base_metrics(claim.value) <= base_metrics(score.vector)
    return claim.value == _same_kind(claim, score)

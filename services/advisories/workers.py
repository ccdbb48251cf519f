"""The pipeline's workers: one reads the document, one blanks each vulnerability's text, three look at what is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from advisories.claims import without_claims
from advisories.contracts import (
    Advisory,
    AdvisoryReceived,
    Guess,
    Likeness,
    Neighbour,
    Score,
    Scored,
    Vulnerability,
)
from advisories.document import Flaw, NotCsaf, Stated, parse
from penstock import Context, Reason, Reject, inline

if TYPE_CHECKING:
    from advisories.learning import Lessons


def read(event: AdvisoryReceived, ctx: Context) -> Advisory | Reject:
    """Fetch the document, which must be the very one the event is about, and take it apart."""
    try:
        document = parse(ctx.artifacts.get(event.document))
    except NotCsaf as error:
        return Reject((Reason("not_csaf", str(error), "/document", actual=error.path),))
    if document.advisory_id != event.advisory_id:
        return Reject((Reason("other_advisory", "the document is another advisory's", "/advisory_id",
                              document.advisory_id, event.advisory_id),))  # fmt: skip
    return Advisory(
        advisory_id=event.advisory_id,
        title=document.title,
        document=event.document,
        count=len(document.flaws),
        vulnerabilities=tuple(_vulnerability(event.advisory_id, flaw) for flaw in document.flaws),
    )


@inline
def blank(one: Vulnerability, _ctx: Context) -> Vulnerability:
    """Take what the text says of scores out of it: nobody behind this step may read the answer."""
    return one.model_copy(update={"text": without_claims(one.text)})


class GuessSeverity:
    """Guesses the band from the text alone, with a model that saw neither this advisory nor this CVE.

    Setting: `data`, the folder of documents to learn from.
    """

    version = "1"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._lessons = _lessons(settings)
        self._lessons.prepare()

    def __call__(self, one: Vulnerability, _ctx: Context) -> Guess | Reject:
        """Guess one."""
        if not one.text:
            return Reject((Reason("no_text", "there is nothing to read", "/text"),))
        guessed = self._lessons.guess(one.advisory_id, one.cve, one.cwe, one.text)
        if guessed is None:
            return Reject((Reason("nothing_learned", "there are no other advisories to learn from"),))
        band, confidence, seen = guessed
        return Guess(number=one.number, cve=one.cve, band=band, confidence=confidence, learned_from=seen)


@inline
def read_scores(one: Vulnerability, _ctx: Context) -> Scored | Reject:
    """Compute the base score from the vector and hold it against what is stated."""
    from advisories.scores import computed  # noqa: PLC0415 - only the process that hosts this step needs the library

    found = computed(Stated(int(s.version[:1]), s.version, s.vector, s.score, s.severity) for s in one.scores)
    if found is None:
        return Reject((Reason("no_score", "the document states no score", "/scores"),))
    return Scored(
        number=one.number,
        cve=one.cve,
        band=found.band,
        score=found.score,
        version=found.stated.version,
        vector=found.stated.vector,
        problems=found.problems,
    )


class FindSimilar:
    """Finds the most similar vulnerabilities of other advisories, by their texts. Setting: `data`, as above."""

    version = "1"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._lessons = _lessons(settings)

    def __call__(self, one: Vulnerability, _ctx: Context) -> Likeness | Reject:
        """Find them; those that share no word with it are no neighbours."""
        from advisories.learning import most  # noqa: PLC0415 - loaded where the class was made

        found = self._lessons.nearest(one.advisory_id, one.cve, one.cwe, one.text)
        near = [(known, similarity) for known, similarity in found if similarity > 0]
        if not near:
            return Reject((Reason("nothing_similar", "no other advisory has a word of it", "/text"),))
        return Likeness(
            number=one.number,
            cve=one.cve,
            band=most(near),
            neighbours=tuple(
                Neighbour(advisory_id=known.advisory_id, cve=known.cve, band=known.band, score=known.score,
                          similarity=round(similarity, 4))
                for known, similarity in near
            ),
        )  # fmt: skip


def _vulnerability(advisory_id: str, flaw: Flaw) -> Vulnerability:
    return Vulnerability(
        advisory_id=advisory_id,
        number=flaw.number,
        cve=flaw.cve,
        cwe=flaw.cwe,
        text=flaw.prose,
        scores=tuple(map(_score, flaw.scores)),
    )


def _score(stated: Stated) -> Score:
    return Score(version=stated.version, vector=stated.vector, score=stated.score, severity=stated.severity)


def _lessons(settings: Mapping[str, Any]) -> Lessons:
    from advisories.learning import lessons  # noqa: PLC0415 - only a process that hosts a model pays for its libraries

    return lessons(settings)

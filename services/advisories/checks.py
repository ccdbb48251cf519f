"""The gates' checks in Python: scores that hold, and prose that says the same as the scores."""

from __future__ import annotations

from collections.abc import Iterable

from advisories.contracts import Assessed, Assessment
from advisories.contradictions import Contradiction, contradictions
from advisories.document import parse
from penstock import Context, Reason, inline


@inline
def scores_hold(value: Assessment, _ctx: Context) -> Iterable[Reason]:
    """Every vector can be read and comes to what is stated, and the stated severity is the score's."""
    for problem in value.problems:
        code, _, said = problem.partition(": ")
        yield Reason(code, said, "/score", hint="mend the advisory")


def prose_agrees(value: Assessed, ctx: Context) -> Iterable[Reason]:
    """Notes, titles and threats say nothing else of scores and severities than the structured part does.

    The prose is read from the document itself, where it lies: it is too large to travel with the assessments.
    """
    places = {assessment.number: at for at, assessment in enumerate(value.assessments)}
    for found in contradictions(parse(ctx.artifacts.get(value.document))):
        yield _reason(found, None if found.number is None else places.get(found.number))


def _reason(found: Contradiction, at: int | None) -> Reason:
    return Reason(
        code=f"prose_{found.kind}",
        message=f"{found.cve or 'the advisory'}, {found.where}: “{found.quote}”",
        path="" if at is None else f"/assessments/{at}",
        expected=found.structured,
        actual=found.prose,
    )

"""What a run over a folder came to: how its advisories ended, what contradicts, and how far the voices agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypedDict

from rich.table import Table

from advisories.claims import base_metrics
from advisories.merge import SCORES
from demos.shares import cells

_PROSE = "prose_"


class Found(NamedTuple):
    """A contradiction as a review tells it; `prose` and `structured` are what either says."""

    advisory: str
    kind: str
    cve: str
    prose: str
    structured: str


class Score(TypedDict):
    """Counts; `agreed` are vulnerabilities with a vector for which a voice says the same band as the vector."""

    advisories: int
    statuses: dict[str, int]
    vulnerabilities: int
    assessed: int
    scored: int
    stated_rightly: int
    model_agreed: int
    similar_agreed: int
    both_agreed: int
    commonest: int
    contradictions: list[Found]
    kinds: dict[str, int]


def found(review: Mapping[str, Any]) -> list[Found]:
    """The contradictions that a review of the last gate names."""
    return [
        Found(review["event"], reason["code"].removeprefix(_PROSE), _cve(reason["message"]), reason["actual"],
              reason["expected"])
        for reason in review["reasons"] if reason["code"].startswith(_PROSE)
    ]  # fmt: skip


def score(
    states: Mapping[str, str], assessed: Iterable[Mapping[str, Any]], reviews: Iterable[Mapping[str, Any]]
) -> Score:
    """Count; `assessed` are the values that the last gate was given."""
    values = list(assessed)
    held = [assessment for value in values for assessment in value["assessments"]]
    scored = [assessment for assessment in held if assessment["by"] == SCORES]
    contradictions = sorted(one for review in reviews for one in found(review))
    return Score(
        advisories=len(states),
        statuses=dict(Counter(states.values())),
        vulnerabilities=sum(value["count"] for value in values),
        assessed=len(held),
        scored=len(scored),
        stated_rightly=sum(not assessment["problems"] for assessment in scored),
        model_agreed=sum(assessment["model_band"] == assessment["band"] for assessment in scored),
        similar_agreed=sum(assessment["similar_band"] == assessment["band"] for assessment in scored),
        both_agreed=sum(_both(assessment) for assessment in scored),
        commonest=max(Counter(assessment["band"] for assessment in scored).values(), default=0),
        contradictions=contradictions,
        kinds=dict(Counter(one.kind for one in contradictions)),
    )


def table(result: Score) -> Table:
    """The figures with their denominators and 95 % intervals, for 80 columns."""
    made = Table(title=f"{result['advisories']:,} advisories", title_justify="left", width=80)
    made.add_column("what was measured", ratio=1)
    for heading in ("count", "of", "share", "95 % interval"):
        made.add_column(heading, justify="right", no_wrap=True)
    for status, count in sorted(result["statuses"].items(), key=lambda pair: -pair[1]):
        made.add_row(status.replace("_", " "), *cells(count, result["advisories"]))
    made.add_section()
    scored = result["scored"]
    made.add_row("vulnerabilities assessed", *cells(result["assessed"], result["vulnerabilities"]))
    made.add_row("scores that hold", *cells(result["stated_rightly"], scored))
    made.add_section()
    made.add_row("model says the vector's band", *cells(result["model_agreed"], scored))
    made.add_row("similar ones say it", *cells(result["similar_agreed"], scored))
    made.add_row("both say it", *cells(result["both_agreed"], scored))
    made.add_row("the commonest band", *cells(result["commonest"], scored))
    return made


def told(contradiction: Found) -> str:
    """One line about a contradiction; of two vectors, only the metrics in which they differ."""
    says, holds = contradiction.prose, contradiction.structured
    if contradiction.kind == "vector":
        said, held = base_metrics(says), base_metrics(holds)
        says, holds = " ".join(sorted(said - held)), " ".join(sorted(held - said))
    who = contradiction.cve or "the advisory"
    return f"{contradiction.advisory}  {who}  {contradiction.kind}: prose says {says}, structured is {holds}"


def _both(assessment: Mapping[str, Any]) -> bool:
    return bool(assessment["model_band"] == assessment["similar_band"] == assessment["band"])


def _cve(message: str) -> str:
    """The CVE in front of a reason's message; none for what is about the whole advisory."""
    first = message.partition(",")[0]
    return first if first.startswith("CVE-") else ""

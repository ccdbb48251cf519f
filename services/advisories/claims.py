"""What prose says about scores, vectors and severities, and which vulnerability it says it of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from advisories.bands import band_named

Kind: TypeAlias = Literal["score", "vector", "severity"]

_CVE = r"CVE-\d{4}-\d{4,7}"
_ADVERBS = r"(?:(?:therefore|now|thus|currently)\s+)?"
# One walk over the text, in its order: who is spoken of from here on, and what is said. Names of groups say which.
_SAID = re.compile(
    rf"""
    (?P<cves>{_CVE}(?:\s*(?:,|and|&|,\s*and)\s*{_CVE})*)(?P<given>\s+(?:(?:has|have|had|was|were)\s+)?(?:been\s+)?assigned)?
  | (?P<vector>(?:CVSS:[234]\.\d/)?AV:[A-Z](?:/[A-Za-z]{{1,3}}:[A-Za-z]{{1,5}})+)
  | CVSS(?:\s*(?:v|version\s*)?(?P<major>[234])(?:\.\d)?(?:\s+base)?(?:\s+score)?|(?:\s+base)?\s+score)
      (?:\s+(?:of|is)|:)?\s+(?P<score>10(?:\.0)?|\d\.\d)(?![\d.]*\d)
  | \b(?P<before>none|low|medium|moderate|high|critical)[\s-]+severity\b
  | \bseverity(?:\s+(?:rating|level))?(?:\s+(?:is|was)|\s*:)?\s+{_ADVERBS}
      (?:(?:considered|rated|assessed|classified)\s+)?(?:(?:as|to\s+be)\s+)?
      (?P<after>none|low|medium|moderate|high|critical)\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BASE = {
    2: frozenset(["AV", "AC", "AU", "C", "I", "A"]),
    3: frozenset(["AV", "AC", "PR", "UI", "S", "C", "I", "A"]),
    4: frozenset(["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"]),
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement: `about` are the CVEs it is made of, empty where it names none; `major` is 0 where it says none."""

    kind: Kind
    value: str
    major: int
    about: tuple[str, ...]
    quote: str


def claims(text: str) -> Iterator[Claim]:
    """Every statement of a text, each about the CVEs that were said to be assigned last before it."""
    about: tuple[str, ...] = ()
    for found in _SAID.finditer(text):
        if found["cves"]:
            if found["given"]:
                about = tuple(re.findall(_CVE, found["cves"].upper()))
        else:
            yield _claim(found, about, text)


def without_claims(text: str) -> str:
    """The same text without scores, vectors, severities and CVE ids: what a model may read."""
    return " ".join(_SAID.sub(" ", text).split())


def base_metrics(vector: str) -> frozenset[str]:
    """The base metrics of a vector, such as `AV:N`; what may follow (temporal, environmental, threat) is left out."""
    base = _BASE[major_of(vector)]
    return frozenset(part for part in vector.upper().split("/") if part.partition(":")[0] in base)


def major_of(vector: str) -> int:
    """The version that a vector's metrics belong to, also where no prefix says it: only v2 has Au, only v4 has AT."""
    prefixed = re.match(r"CVSS:([234])", vector, re.IGNORECASE)
    if prefixed:
        return int(prefixed[1])
    names = {part.partition(":")[0].upper() for part in vector.split("/")}
    return 2 if "AU" in names else 4 if "AT" in names else 3


def _claim(found: re.Match[str], about: tuple[str, ...], text: str) -> Claim:
    quote = " ".join(text[max(0, found.start() - 20) : found.end() + 20].split())
    if found["vector"]:
        return Claim("vector", found["vector"], major_of(found["vector"]), about, quote)
    if found["score"]:
        return Claim("score", f"{float(found['score']):.1f}", int(found["major"] or 0), about, quote)
    return Claim("severity", band_named(found["before"] or found["after"]) or "", 0, about, quote)

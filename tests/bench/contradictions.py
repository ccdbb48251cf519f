"""`python tests/bench/contradictions.py DIR [JSON]`: where prose and scores differ in CSAF documents, from their JSON.

Shares no code with `services/advisories`, whose findings it is held against: it walks words where that walks patterns,
and looks backwards for whom a statement is about where that goes forwards.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

BANDS = {"none": "none", "low": "low", "medium": "medium", "moderate": "medium", "high": "high", "critical": "critical"}
FILLERS = {"is", "was", "rating", "level", "therefore", "now", "thus", "currently", "considered", "rated", "assessed",
           "classified", "as", "to", "be"}  # fmt: skip
METRICS = {"2": {"AV", "AC", "AU", "C", "I", "A"}, "3": {"AV", "AC", "PR", "UI", "S", "C", "I", "A"},
           "4": {"AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"}}  # fmt: skip
CVE = re.compile(r"CVE-[0-9]+-[0-9]+")


class Finding(NamedTuple):
    """One difference; `prose` is what the text says, a vector from its AV on."""

    advisory: str
    kind: str
    cve: str
    prose: str


class Word(NamedTuple):
    """A word of a text and where it begins."""

    text: str
    at: int


def findings(path: Path) -> list[Finding]:
    """All differences of a document, each once."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    head, entries = whole["document"], whole.get("vulnerabilities", [])
    advisory = head["tracking"]["id"]
    scores: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        scores.setdefault(entry.get("cve", ""), []).extend(numbers(entry))
    everything = [score for entry in entries for score in numbers(entry)]
    found: list[Finding] = []
    for text in [head["title"], *(note["text"] for note in head.get("notes", []))]:
        found += contrary(advisory, list(statements(text)), "", everything, scores)
    for entry in entries:
        notes, threats = entry.get("notes", []), entry.get("threats", [])
        own = entry.get("cve", "")
        for text in [entry.get("title", ""), *(n["text"] for n in notes), *(t["details"] for t in threats)]:
            said = list(statements(text))
            found += contrary(advisory, said, own, numbers(entry), scores)
            found += astray(advisory, said, own)
    return list(dict.fromkeys(found))


def contrary(
    advisory: str, said: list[dict[str, Any]], own: str, near: list[dict[str, Any]], scores: dict[str, Any]
) -> Iterator[Finding]:
    """Statements that differ from the scores of whom they name, and those that name nobody from the scores nearby."""
    for each in said:
        for owner in each["owners"] or [own]:
            if differs(each, scores.get(owner, []) if each["owners"] else near):
                yield Finding(advisory, each["kind"], owner, each["value"])


def astray(advisory: str, said: list[dict[str, Any]], own: str) -> Iterator[Finding]:
    """A text under one CVE that speaks of others only."""
    named = {cve for each in said for cve in each["owners"]}
    if own and said and all(each["owners"] for each in said) and own not in named:
        yield Finding(advisory, "misplaced", own, ", ".join(sorted(named)))


def numbers(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The structured scores of a vulnerability; `major` says of which version."""
    return [{**score, "major": key[-1]} for given in entry.get("scores", []) for key, score in given.items()
            if key.startswith("cvss_v")]  # fmt: skip


def statements(text: str) -> Iterator[dict[str, Any]]:
    """What a text says of scores, vectors and severities, each with whom it is about."""
    words = [Word(m[0], m.start()) for m in re.finditer(r"[^\s()\[\];,“”]+", text)]
    for at, word in enumerate(words):
        if "AV:" in word.text and "/" in word.text:
            yield {"kind": "vector", "value": word.text[word.text.index("AV:") :].rstrip("."),
                   "owners": owners(text, word.at)}  # fmt: skip
        elif word.text == "CVSS" and (number := score_behind(words[at + 1 : at + 8])):
            yield {"kind": "score", **number, "owners": owners(text, word.at)}
        elif word.text.lower().strip(".:") == "severity" and (band := band_around(words, at)):
            yield {"kind": "severity", "value": band, "owners": owners(text, word.at)}


def score_behind(words: list[Word]) -> dict[str, str] | None:
    """The number in `v3 base score of 9.8`: nothing but those words may stand before it."""
    major, named = "", False
    for word in words:
        plain = word.text.lower().rstrip(".:")
        if re.fullmatch(r"v?[234](\.\d)?", plain) and not (major or named):
            major = plain.lstrip("v")[0]
        elif re.fullmatch(r"\d{1,2}\.\d", plain) or plain == "10":
            return {"value": f"{float(plain):.1f}", "major": major} if major or named else None
        elif plain not in {"version", "base", "score", "of", "is"}:
            return None
        named = named or plain == "score"
    return None


def band_around(words: list[Word], at: int) -> str | None:
    """The band in `low severity` or in `severity is therefore considered low`."""
    if at and (before := words[at - 1].text.lower().strip(".")) in BANDS:
        return BANDS[before]
    for word in words[at + 1 : at + 7]:
        plain = word.text.lower().rstrip(".:")
        if plain in BANDS:
            return BANDS[plain]
        if plain not in FILLERS:
            return None
    return None


def owners(text: str, at: int) -> list[str]:
    """The CVEs of the last `… been assigned` before a place."""
    for end in reversed([m.start() for m in re.finditer("assigned", text[:at])]):
        before = list(CVE.finditer(text[:end]))
        if before and re.fullmatch(r"[\s\w]{0,12}been\s+", text[before[-1].end() : end]):
            named = [before[-1]]
            for earlier in reversed(before[:-1]):
                if not re.fullmatch(r"[\s,&]*(and)?\s*", text[earlier.end() : named[-1].start()]):
                    break
                named.append(earlier)
            return [cve[0] for cve in reversed(named)]
    return []


def differs(said: dict[str, Any], scores: list[dict[str, Any]]) -> bool:
    """Whether there is a score to compare it with, and none that says the same."""
    if said["kind"] == "severity":
        bands = [BANDS.get(score.get("baseSeverity", "").lower()) or band(score) for score in scores]
        return bool(bands) and said["value"] not in bands
    if said["kind"] == "score":
        same_version = [score for score in scores if said["major"] in {"", score["major"]}]
        return bool(same_version) and float(said["value"]) not in [float(score["baseScore"]) for score in same_version]
    parts = metrics(said["value"])
    major = "2" if "AU" in parts else "4" if "AT" in parts else "3"
    others = [metrics(score.get("vectorString", "")) for score in scores if score["major"] == major]
    mine = {name: value for name, value in parts.items() if name in METRICS[major]}
    return bool(others) and not any(all(other.get(name) == value for name, value in mine.items()) for other in others)


def metrics(vector: str) -> dict[str, str]:
    """A vector as a mapping."""
    pairs = (part.split(":", 1) for part in vector.upper().split("/") if ":" in part)
    return {name: value for name, value in pairs if name != "CVSS"}


def band(score: dict[str, Any]) -> str:
    """The band of a score that states none."""
    steps = [(4.0, "low"), (7.0, "medium")] + [(9.0, "high")] * (score["major"] != "2")
    if score["baseScore"] == 0 and score["major"] != "2":
        return "none"
    return next(
        (name for limit, name in steps if score["baseScore"] < limit), "high" if score["major"] == "2" else "critical"
    )


def main() -> None:
    """One JSON object a line and a sum; or, with a second argument, how the `--json` of the demo differs from that."""
    found = [one for path in sorted(Path(sys.argv[1]).glob("*.json")) for one in findings(path)]
    if len(sys.argv) > 2:
        sys.stdout.write(compared(found, json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))) + "\n")
        return
    for one in found:
        sys.stdout.write(json.dumps(one._asdict()) + "\n")
    sys.stderr.write(f"{len(found)} contradictions in {len({one.advisory for one in found})} documents\n")


def compared(found: list[Finding], demo: dict[str, Any]) -> str:
    """How many of both are the same, and what only one of them found."""
    theirs = {Finding(one["advisory"], one["kind"], one["cve"], one["prose"][max(0, one["prose"].find("AV:")) :])
              for one in demo["contradictions"]}  # fmt: skip
    alone = [f"only here: {one}" for one in set(found) - theirs] + [f"only there: {one}" for one in theirs - set(found)]
    return "\n".join([f"{len(set(found) & theirs)} found by both, {len(alone)} by one alone", *sorted(alone)])


if __name__ == "__main__":
    main()

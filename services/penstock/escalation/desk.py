"""What a person may decide about a review, as the record that is written; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias, TypeGuard

from penstock.contracts.identity import digest
from penstock.contracts.records import Claim, Decision, Offer, Review
from penstock.errors import Conflict, Mistake, Refused

Entry: TypeAlias = Decision | Claim
"""What the desk writes about a review; in the order of the log, the first one counts."""

_LONGEST_NOTE = 2_000
_EXPLAINED = frozenset({"reject", "retry"})
_CARRIES = frozenset({"approve", "edit"})


def open_reviews(records: Iterable[Review]) -> list[Review]:
    """The reviews that wait, the one due first at the top; of several records of a review the last counts."""
    last = {review["review"]: review for review in records}
    return sorted((r for r in last.values() if r["state"] == "open"), key=lambda r: (r["expires"], r["review"]))


def find(records: Iterable[Review], identifier: str) -> Review:
    """The newest record of a review, by its id or an unambiguous beginning of it; Mistake E310 when there is none."""
    last = {review["review"]: review for review in records}
    found = [review for name, review in last.items() if name.startswith(identifier)] if identifier else []
    if len(found) != 1:
        what = f"{len(found)} reviews begin with {identifier!r}" if found else f"there is no review {identifier!r}"
        raise Mistake("E310", what, fix="`penstock review list` shows those that wait")
    return found[0]


def decide(review: Review, verdict: Offer, payload: bytes | None, *, by: str, now: int, note: str) -> Decision:
    """The decision, bound to the payload that was shown; an edit carries another one.

    Conflict E311 when the review is over, Refused E312 when this is not on offer or bytes are not those that were
    judged, Mistake E313 for a missing or overlong note.
    """
    must_wait(review, now)
    if verdict not in review["offers"]:
        raise Refused("E312", f"{verdict} is not on offer for review {review['review']}",
                      why="there is no value to release" if verdict == "approve" else "",
                      fix=f"choose one of: {', '.join(review['offers'])}")  # fmt: skip
    if verdict in _EXPLAINED and not note:
        article = "a rejection" if verdict == "reject" else "a retry"
        raise Mistake("E313", f"{article} needs a note", fix="say why with --note")
    if len(note) > _LONGEST_NOTE:
        raise Mistake("E313", f"a note of {len(note)} characters", fix=f"use at most {_LONGEST_NOTE}")
    if verdict == "approve" and (payload is None or digest(payload) != review["sha256"]):
        raise Refused("E312", "the value is not the one that was judged",
                      why="its digest differs from the review's", fix="list the reviews again")  # fmt: skip
    return {
        "review": review["review"], "run": review["run"], "step": review["step"], "gate": review["gate"],
        "verdict": verdict, "sha256": review["sha256"], "contract": review["contract"],
        "payload": payload if verdict in _CARRIES else None, "by": by, "at": now, "note": note,
    }  # fmt: skip


def claim(review: Review, *, by: str, now: int, lease_ms: int) -> Claim:
    """Takes a review for a while; Conflict E311 when it is over."""
    must_wait(review, now)
    return {"review": review["review"], "run": review["run"], "kind": "claim", "by": by, "at": now,
            "until": min(now + lease_ms, review["expires"])}  # fmt: skip


def release(review: Review, *, by: str, now: int) -> Claim:
    """Gives a review back; Conflict E311 when it is over."""
    must_wait(review, now)
    return {"review": review["review"], "run": review["run"], "kind": "release", "by": by, "at": now, "until": now}


def must_wait(review: Review, now: int) -> None:
    """Conflict E311 unless a review is open and has not expired."""
    if review["state"] != "open":
        who = f" by {review['decided_by']}" if review["decided_by"] else ""
        raise Conflict("E311", f"review {review['review']} is {review['state']}{who}",
                       fix=f"`penstock review show {review['review']}` shows what became of it")  # fmt: skip
    if review["expires"] <= now:
        raise Conflict("E311", f"review {review['review']} has expired", fix="the run ends as expired")


def admit(entry: Entry, before: Sequence[Entry], now: int) -> None:
    """Whether an entry counts, behind those that were written before it.

    Conflict E311 when somebody has decided, E315 while another person holds the review, Mistake E315 for a release by
    somebody who does not hold it.
    """
    decided = next((other for other in before if is_decision(other)), None)
    if decided is not None:
        raise Conflict("E311", f"review {entry['review']} is decided by {decided['by']}",
                       why=f"{decided['verdict']}, {_clock(decided['at'])}",
                       fix=f"nothing to do; `penstock review show {entry['review']}` shows the decision")  # fmt: skip
    held = holder(before, now)
    if held is not None and held["by"] != entry["by"]:
        raise Conflict("E315", f"review {entry['review']} is claimed by {held['by']} until {_clock(held['until'])}",
                       why=f"claimed {_clock(held['at'])}",
                       fix=f"wait for the end of the lease, or ask {held['by']} to release it")  # fmt: skip
    if held is None and is_claim(entry) and entry["kind"] == "release":
        raise Mistake("E315", f"nobody holds review {entry['review']}", fix="`penstock review claim` takes it")


def holder(entries: Iterable[Entry], now: int) -> Claim | None:
    """The claim that holds a review now: the first in the order of the log, until its lease ends or it is released."""
    held: Claim | None = None
    for entry in entries:
        if not is_claim(entry):
            return None
        if held is None or held["until"] <= entry["at"] or held["by"] == entry["by"]:
            held = entry if entry["kind"] == "claim" else None
    return held if held is not None and held["until"] > now else None


def is_decision(entry: Entry) -> TypeGuard[Decision]:
    """Whether an entry decides, or only claims or releases."""
    return "verdict" in entry


def is_claim(entry: Entry) -> TypeGuard[Claim]:
    """Whether an entry claims or releases."""
    return "until" in entry


def _clock(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M:%SZ")

"""What a person may decide about a review, as the record that is written; pure."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.contracts.identity import digest
from penstock.contracts.records import Decision, Offer, Review
from penstock.errors import Conflict, Mistake, Refused

_LONGEST_NOTE = 2_000


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
    """The decision, bound to the payload that was shown.

    Conflict E311 when it was decided or has expired, Refused E312 when this is not on offer or bytes are not those
    that were judged, Mistake E313 for a missing or overlong note.
    """
    if review["state"] != "open":
        who = f" by {review['decided_by']}" if review["decided_by"] else ""
        raise Conflict("E311", f"review {review['review']} is {review['state']}{who}",
                       fix=f"`penstock review show {review['review']}` shows what became of it")  # fmt: skip
    if review["expires"] <= now:
        raise Conflict("E311", f"review {review['review']} has expired", fix="the run ends as expired")
    if verdict not in review["offers"]:
        raise Refused("E312", f"{verdict} is not on offer for review {review['review']}",
                      why="there is no value to release" if verdict == "approve" else "",
                      fix=f"choose one of: {', '.join(review['offers'])}")  # fmt: skip
    if verdict == "reject" and not note:
        raise Mistake("E313", "a rejection needs a note", fix="say why with --note")
    if len(note) > _LONGEST_NOTE:
        raise Mistake("E313", f"a note of {len(note)} characters", fix=f"use at most {_LONGEST_NOTE}")
    if verdict == "approve" and (payload is None or digest(payload) != review["sha256"]):
        raise Refused("E312", "the value is not the one that was judged",
                      why="its digest differs from the review's", fix="list the reviews again")  # fmt: skip
    return {
        "review": review["review"], "run": review["run"], "step": review["step"], "gate": review["gate"],
        "verdict": verdict, "sha256": review["sha256"], "contract": review["contract"],
        "payload": payload if verdict == "approve" else None, "by": by, "at": now, "note": note,
    }  # fmt: skip

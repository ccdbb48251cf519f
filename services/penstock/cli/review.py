"""`penstock review`: see what waits for a person, and decide it."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from penstock.assembly.plans import compile_file
from penstock.cli import cluster, connection
from penstock.cli.flags import Flags
from penstock.cli.group import Suggesting
from penstock.contracts import schemas
from penstock.contracts.records import Offer, Review
from penstock.contracts.topics import Topics
from penstock.escalation.desk import decide, find, open_reviews
from penstock.escalation.inbox import Inbox
from penstock.runtime.codec import Codec
from penstock.runtime.kafka import KafkaCluster

_FILE = click.argument("file", type=click.Path(path_type=Path))
_ID = click.argument("review")
_NOTE = click.option("--note", default="", help="Why; a rejection needs one.")
_BY = click.option("--as", "by", default=getpass.getuser, help="Who decides.  [default: your login]")


@click.group(cls=Suggesting)
def review() -> None:
    """See what waits for a person, and decide it."""


@review.command("list")
@_FILE
@connection.options
@click.pass_obj
def list_(flags: Flags, file: Path, connection: dict[str, str]) -> None:
    """List the reviews that wait, the one due first at the top."""
    inbox, codec = _inbox(file, connection)
    found = open_reviews(inbox.reviews())
    if flags.json:
        rows = [_row(review, codec, None) for review in found]
        click.echo(json.dumps({"kind": "ReviewList", "version": 1, "items": rows}))
        return
    if not found:
        click.echo("nothing waits for a person")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("review", "event", "step", "why", "due"):
        table.add_column(name, overflow="fold" if name == "why" else "ellipsis")
    now = time.time()
    for review in found:
        why = "; ".join(": ".join(filter(None, (r["code"], r["message"]))) for r in review["reasons"][:2])
        table.add_row(review["review"], review["event"], review["step"], why, _left(review["expires"] / 1000 - now))
    Console().print(table)


@review.command()
@_FILE
@_ID
@connection.options
@click.pass_obj
def show(flags: Flags, file: Path, review: str, connection: dict[str, str]) -> None:
    """Show one review: what is asked, why, and what may be decided."""
    inbox, codec = _inbox(file, connection)
    found = find(inbox.reviews(), review)
    row = _row(found, codec, inbox.value(found))
    if flags.json:
        click.echo(json.dumps({"kind": "Review", "version": 1, **row}))
        return
    click.echo(f"{row['review']}   {row['state']}   event {row['event']}   step {row['step']}")
    for reason in row["reasons"]:
        seen = f"   {reason['actual']} where {reason['expected']} was expected" if reason["expected"] else ""
        click.echo(f"  ✗ {reason['code']}: {reason['message']}{seen}")
    click.echo(json.dumps(row["value"], indent=2, ensure_ascii=False) if row["value"] else "no value to release")
    if row["offers"]:
        click.echo(f"you may: {', '.join(row['offers'])}   until {row['expires']}")


@review.command()
@_FILE
@_ID
@_NOTE
@_BY
@connection.options
@click.pass_obj
def approve(flags: Flags, file: Path, review: str, note: str, by: str, connection: dict[str, str]) -> None:
    """Release the value in question; the gate still holds whatever cannot be waived."""
    _decide(flags, file, review, "approve", note, by, connection)


@review.command()
@_FILE
@_ID
@_NOTE
@_BY
@connection.options
@click.pass_obj
def reject(flags: Flags, file: Path, review: str, note: str, by: str, connection: dict[str, str]) -> None:
    """End this part of the run as rejected."""
    _decide(flags, file, review, "reject", note, by, connection)


def _decide(
    flags: Flags, file: Path, identifier: str, verdict: Offer, note: str, by: str, connection: Mapping[str, str]
) -> None:
    inbox, _ = _inbox(file, connection)
    found = find(inbox.reviews(), identifier)
    payload = inbox.value(found) if found["state"] == "open" else None
    decision = decide(found, verdict, payload, by=by, now=int(time.time() * 1000), note=note)
    address = inbox.decide(decision)
    if flags.json:
        row = {"review": found["review"], "verdict": verdict, "by": by, "decision": str(address)}
        click.echo(json.dumps({"kind": "Decision", "version": 1, **row}))
        return
    click.echo(f"{verdict} of {found['review']} is written at {address}; the first decision of a review counts")


def _inbox(file: Path, connection: Mapping[str, str]) -> tuple[Inbox, Codec]:
    plan = compile_file(file)
    codec = Codec(schemas.load(file.resolve().parent.parent / "schemas" / "avro"))
    topics = Topics(plan.pipeline)
    cluster.prepared(connection, topics.reviews, topics.decisions, topics.runs)
    return Inbox(plan.pipeline, KafkaCluster(connection), codec, time.time), codec


def _row(review: Review, codec: Codec, payload: bytes | None) -> dict[str, Any]:
    data = payload if payload is not None else review["value"]
    row: dict[str, Any] = {
        **review,
        "value": json.loads(json.dumps(codec.decode(data)[1], default=str)) if data else None,
    }
    row["expires"] = datetime.fromtimestamp(review["expires"] / 1000, UTC).isoformat()
    row["opened"] = datetime.fromtimestamp(review["opened"] / 1000, UTC).isoformat()
    return row


def _left(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 0 else "over"

"""The commands of `penstock review` that write: claim and release, approve, edit, reject and retry."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from penstock.assembly.rehearsal import refusals
from penstock.cli import connection
from penstock.cli.desk import Desk, desk, moment, now, printed
from penstock.cli.flags import Duration, Flags, read_settings
from penstock.cli.hosting import kit_for
from penstock.contracts.address import Address
from penstock.contracts.answers import Reason
from penstock.contracts.records import Offer, Review
from penstock.errors import Mistake, Misuse, Poison, Refused
from penstock.escalation import desk as rules
from penstock.escalation.desk import Entry
from penstock.escalation.forms import changed, read, typed
from penstock.runtime.metrics import Metrics


def _of_a_review(command: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments and options that all these commands have."""
    made = connection.options(command)
    made = click.option("--as", "by", default=getpass.getuser, help="Who you are.  [default: your login]")(made)
    return click.argument("file", type=click.Path(path_type=Path))(click.argument("review")(made))


_NOTE = click.option("--note", default="", help="Why; a rejection and a retry need one.")


@click.command()
@_of_a_review
@click.option("--for", "lease", type=Duration(), default="15m", show_default=True, help="How long you hold it.")
@click.pass_obj
def claim(flags: Flags, file: Path, review: str, lease: float, by: str, connection: dict[str, str]) -> None:
    """Take a review: until the lease ends nobody else decides it. Claim it again to hold it longer."""
    ours = desk(file, connection)
    made = rules.claim(ours.review(review), by=by, now=now(), lease_ms=int(lease * 1000))
    _written(flags, ours, made, f"{made['review']} is yours until {moment(made['until'])}")


@click.command()
@_of_a_review
@click.pass_obj
def release(flags: Flags, file: Path, review: str, by: str, connection: dict[str, str]) -> None:
    """Give back a review that you hold."""
    ours = desk(file, connection)
    made = rules.release(ours.review(review), by=by, now=now())
    _written(flags, ours, made, f"{made['review']} is nobody's any more")


@click.command()
@_of_a_review
@_NOTE
@click.pass_obj
def approve(flags: Flags, file: Path, review: str, note: str, by: str, connection: dict[str, str]) -> None:
    """Release the value in question; the gate still holds whatever cannot be waived."""
    ours = desk(file, connection)
    found = ours.review(review)
    payload = ours.inbox.value(found) if found["state"] == "open" else None
    _decided(flags, ours, found, "approve", payload, (by, note))


@click.command()
@_of_a_review
@click.option("--set", "sets", multiple=True, metavar="/PATH=VALUE", help="Change one field; may be repeated.")
@click.option("--from", "source", type=click.Path(path_type=Path), help="A file with the whole value as JSON.")
@click.option("--setting", "settings", multiple=True, metavar="KEY=VALUE",
              help="A setting of the gate's checks, as `penstock run --set` gives it.")  # fmt: skip
@_NOTE
@click.pass_obj
def edit(
    flags: Flags, file: Path, review: str, sets: Sequence[str], source: Path | None, settings: Sequence[str],
    note: str, by: str,
    connection: dict[str, str],
) -> None:  # fmt: skip
    """Release another value: changed with --set, read --from a file, or written in $EDITOR.

    It is held against the contract and against the gate's own checks before it is sent.
    """
    ours = desk(file, connection)
    found = ours.review(review)
    rules.decide(found, "edit", None, by=by, now=now(), note=note)  # before anybody begins to write
    value = _edited(ours, found, sets, source)
    _decided(flags, ours, found, "edit", _fitting(ours, found, value, read_settings(settings)), (by, note))


@click.command()
@_of_a_review
@_NOTE
@click.pass_obj
def reject(flags: Flags, file: Path, review: str, note: str, by: str, connection: dict[str, str]) -> None:
    """End this part of the run as rejected."""
    ours = desk(file, connection)
    _decided(flags, ours, ours.review(review), "reject", None, (by, note))


@click.command()
@_of_a_review
@_NOTE
@click.pass_obj
def retry(flags: Flags, file: Path, review: str, note: str, by: str, connection: dict[str, str]) -> None:
    """Let the worker try again, with your note as feedback."""
    ours = desk(file, connection)
    _decided(flags, ours, ours.review(review), "retry", None, (by, note))


def _decided(
    flags: Flags, ours: Desk, found: Review, verdict: Offer, payload: bytes | None, who: tuple[str, str]
) -> None:
    by, note = who
    decision = rules.decide(found, verdict, payload, by=by, now=now(), note=note)
    _written(flags, ours, decision, "")


def _written(flags: Flags, ours: Desk, entry: Entry, said: str) -> None:
    address = ours.inbox.write(entry)
    if flags.json:
        click.echo(json.dumps(_document(entry, address)))
    elif rules.is_decision(entry):
        click.echo(f"{entry['verdict']} of {entry['review']} is written at {address}; "
                   "the first decision of a review counts")  # fmt: skip
    else:
        click.echo(said)


def _document(entry: Entry, address: Address) -> dict[str, Any]:
    row: dict[str, Any] = {"review": entry["review"], "by": entry["by"]}
    if rules.is_claim(entry):
        return {"kind": "Claim", "version": 1, **row, "claim": entry["kind"], "until": moment(entry["until"])}
    return {"kind": "Decision", "version": 1, **row, "verdict": entry.get("verdict"), "decision": str(address)}


def _edited(ours: Desk, found: Review, sets: Sequence[str], source: Path | None) -> dict[str, Any]:
    """What the person makes of the value, under the gate's contract."""
    if sets and source is not None:
        raise Misuse("E318", "both --set and --from", why="--from gives the whole value", fix="use one of them")
    schema = ours.contracts.closure(found["contract"])
    old = ours.value(ours.inbox.value(found))
    if source is not None:
        try:
            return read(source.read_text(encoding="utf-8"), schema)
        except (OSError, ValueError) as error:
            raise Misuse("E318", f"cannot read {source}", why=str(error), fix="name a file with JSON") from error
    if sets:
        if old is None:
            raise Mistake(
                "E318", "there is no value in which to set something", fix="give the whole value --from a file"
            )
        return typed(changed(old, sets), schema)
    text = click.edit(printed(old if old is not None else {}), extension=".json")
    if text is None:
        raise Mistake("E318", "nothing was changed", fix="save the file in the editor, or use --set or --from")
    return read(text, schema)


def _fitting(ours: Desk, found: Review, value: dict[str, Any], settings: dict[str, str]) -> bytes:
    """The payload, once the contract and the gate have nothing against it."""
    try:
        payload = ours.codec.encode(found["contract"], value)
    except Poison as poison:
        raise Mistake(
            "E316", "the edited value does not fit its contract", why=str(poison), fix="correct it"
        ) from poison
    kit = kit_for(ours.kafka, ours.codec, Metrics(ours.plan.pipeline), settings=settings, clock=time.time)
    if refused := refusals(ours.plan, found["gate"], kit, payload):
        raise Refused("E317", f"{found['gate']} would refuse the edited value", why="; ".join(map(_told, refused)),
                      fix="change what it says, or reject")  # fmt: skip
    return payload


def _told(reason: Reason) -> str:
    return ": ".join(filter(None, (reason.code, reason.message, reason.path)))

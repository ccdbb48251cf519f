"""`penstock send`: write upstream events from JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from penstock.assembly.plans import compile_file
from penstock.cli import connection
from penstock.cli.flags import Flags
from penstock.contracts import schemas
from penstock.contracts.topics import Topics
from penstock.errors import Mistake, Place
from penstock.ingress.entries import entries
from penstock.runtime.codec import Codec
from penstock.runtime.kafka.feed import KafkaFeed


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="A file of JSON lines.  [default: standard input]")
@click.option("--dry-run", is_flag=True, help="Check every line, send none.")
@connection.options
@click.pass_obj
def send(flags: Flags, file: Path, data: Path | None, connection: dict[str, str], *, dry_run: bool) -> None:
    """Send each line of JSON as one event to the pipeline of FILE, keyed by its event id.

    A line that does not fit the contract stops it there; what was sent before is named, and sending it again is safe.
    """
    plan = compile_file(file)
    codec = Codec(schemas.load(file.resolve().parent.parent / "schemas" / "avro"))
    feed = None if dry_run else KafkaFeed(connection)
    topic = Topics(plan.pipeline).intake
    count = 0
    try:
        for entry in entries(_lines(data), plan.ingress, codec, str(data or "standard input")):
            if feed is not None:
                feed.send(topic, entry.key, entry.value)
            count += 1
    finally:
        if feed is not None:
            feed.flush()
            if not flags.json:
                click.echo(f"{feed.acknowledged} events sent to {topic}", err=True)
    if flags.json:
        sent = feed.acknowledged if feed else 0
        click.echo(json.dumps({"kind": "Sent", "version": 1, "topic": topic, "checked": count, "sent": sent}))
    elif dry_run:
        click.echo(f"{count} events fit {plan.ingress.contract}; none was sent")


def _lines(data: Path | None) -> Iterator[str]:
    if data is None:
        yield from sys.stdin
        return
    try:
        with data.open(encoding="utf-8") as lines:
            yield from lines
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake("E343", f"cannot read {data}", why=str(error), fix="name a readable file of JSON lines",
                      place=Place(str(data))) from error  # fmt: skip

"""`penstock send`: write upstream events from JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import click

from penstock.assembly.plans import compile_file
from penstock.cli import cluster, connection
from penstock.cli.flags import Flags
from penstock.cli.lines import lines
from penstock.contracts import schemas
from penstock.contracts.topics import Topics
from penstock.errors import Unreached
from penstock.ingress.entries import Entry, entries
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
    topic = Topics(plan.pipeline).intake
    found = entries(lines(data), plan.ingress, codec, str(data or "standard input"))
    if dry_run:
        checked, sent = sum(1 for _ in found), 0
    else:
        cluster.prepared(connection, topic)
        checked, sent = _sent(found, KafkaFeed(connection), topic)
    if flags.json:
        click.echo(json.dumps({"kind": "Sent", "version": 1, "topic": topic, "checked": checked, "sent": sent}))
    elif dry_run:
        click.echo(f"{_events(checked)} {'fits' if checked == 1 else 'fit'} {plan.ingress.contract}; none was sent")
    else:
        click.echo(f"{_events(sent)} sent to {topic}", err=True)


def _sent(found: Iterable[Entry], feed: KafkaFeed, topic: str) -> tuple[int, int]:
    """How many were there, and how many the broker has; where it ends early, that number is told before the reason."""
    count = 0
    try:
        for entry in found:
            feed.send(topic, entry.key, entry.value)
            count += 1
        feed.flush()
    except BaseException:
        with suppress(Unreached):
            feed.flush()
        if feed.acknowledged:
            click.echo(f"{_events(feed.acknowledged)} sent to {topic} before it ended", err=True)
        raise
    return count, feed.acknowledged


def _events(count: int) -> str:
    return f"{count:,} event{'s' * (count != 1)}"

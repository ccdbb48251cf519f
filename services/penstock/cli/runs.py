"""`penstock runs`: ask something of a run."""

from __future__ import annotations

import getpass
import json
import time
from pathlib import Path

import click

from penstock.assembly.plans import compile_file, contracts_beside
from penstock.cli import cluster, connection
from penstock.cli.flags import Flags
from penstock.cli.group import Suggesting
from penstock.contracts.topics import Topics
from penstock.escalation.requests import Requests
from penstock.runtime.codec import Codec
from penstock.runtime.kafka import KafkaCluster


@click.group(cls=Suggesting)
def runs() -> None:
    """Ask something of a run."""


@runs.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("run")
@click.option("--reason", default="", help="Why; it stands in the run's status.")
@click.option("--as", "by", default=getpass.getuser, help="Who asks.  [default: your login]")
@connection.options
@click.pass_obj
def cancel(flags: Flags, file: Path, run: str, reason: str, by: str, connection: dict[str, str]) -> None:
    """End a run: nothing new is begun, what was claimed is finished, and its status will be cancelled."""
    plan = compile_file(file)
    topics = Topics(plan.pipeline)
    cluster.prepared(connection, topics.status, topics.runs)
    requests = Requests(plan.pipeline, KafkaCluster(connection), Codec(contracts_beside(file)), time.time)
    found = requests.find(run, lambda count: click.echo(f"looking for it: {count:,} events of {topics.runs}", err=True))
    address = requests.cancel(found, by=by, note=reason)
    if flags.json:
        row = {"request": "cancel", "run": found.run, "event": found.event, "by": by, "address": str(address)}
        click.echo(json.dumps({"kind": "Request", "version": 1, **row}))
        return
    click.echo(f"run {found.run} of event {found.event} is asked to end; the request is written at {address}")

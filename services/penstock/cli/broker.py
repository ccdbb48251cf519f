"""`penstock broker`: an Apache Kafka on this machine, started and stopped by hand."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import click

from penstock.cli import progress
from penstock.cli.flags import Duration, Flags
from penstock.cli.group import Suggesting
from penstock.provision import daemon, mistakes, places
from penstock.provision.broker import PATIENCE
from penstock.provision.daemon import Status

_DIRECTORY = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: places.broker(os.environ),
    help="Where its data lies; by default below XDG_STATE_HOME.",
)


@click.group(cls=Suggesting)
def broker() -> None:
    """Start and stop an Apache Kafka on this machine: one node, on 127.0.0.1, for trying things out."""


@broker.command()
@_DIRECTORY
@click.option(
    "--port", type=click.IntRange(0, 65535), default=daemon.PORT, show_default=True, help="0 takes a free one."
)
@click.option("--timeout", type=Duration(), default=PATIENCE, help="How long it may take to get ready.  [default: 60s]")
@click.pass_obj
def start(flags: Flags, directory: Path, port: int, timeout: float) -> None:
    """Start it, and return when clients can connect.

    The first time, the jars (43 MB) are fetched from Maven Central, or from PENSTOCK_MAVEN_MIRROR, and checked.
    It goes on when this terminal is closed.
    """
    began = time.monotonic()
    status = daemon.start(directory, port, progress.watcher(), timeout)
    _show(status, flags)
    if not flags.json:
        click.echo(f"ready in {time.monotonic() - began:.1f} s", err=True)


@broker.command()
@_DIRECTORY
@click.pass_obj
def stop(flags: Flags, directory: Path) -> None:
    """Stop it; its topics are there again after the next start."""
    gently = daemon.stop(directory)
    if flags.json:
        _show(daemon.status(directory), flags)
    else:
        click.echo("stopped" if gently else "stopped: it did not end by itself within 10 s and was killed")


@broker.command()
@_DIRECTORY
@click.pass_context
def status(context: click.Context, directory: Path) -> None:
    """Say whether it runs, and where; exit code 1 when it does not answer."""
    known = daemon.status(directory)
    _show(known, context.obj)
    context.exit(0 if known.answers else 1)


@broker.command()
@_DIRECTORY
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def reset(flags: Flags, directory: Path, *, yes: bool) -> None:
    """Stop it, and delete every topic and every record."""
    known = daemon.status(directory)
    if not yes and not (
        os.isatty(0) and not flags.json and click.confirm(f"Delete all data of the broker in {directory}?")
    ):
        raise mistakes.not_confirmed(known.directory)
    daemon.reset(directory)
    if flags.json:
        _show(daemon.status(directory), flags)
    else:
        click.echo("deleted")


def _show(status: Status, flags: Flags) -> None:
    if flags.json:
        fields = {"state": status.state, "bootstrap": status.bootstrap, "pid": status.pid or None}
        click.echo(json.dumps({"kind": "Broker", "version": 1, **fields, "directory": str(status.directory)}))
        return
    if status.pid:
        click.echo(f"broker    Apache Kafka {places.KAFKA} on {status.bootstrap}   {status.state}, pid {status.pid}")
    else:
        click.echo("broker    stopped")
    click.echo(f"data      {status.directory}")

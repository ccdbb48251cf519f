"""The front door: `penstock` and its commands, each loaded when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from penstock.cli import end, flags
from penstock.cli.group import Entry, Lazy

COMMANDS = {
    "check": Entry(
        "penstock.cli.check:check", "Say what a topology file does, what it costs at worst, and what is wrong with it."
    ),
    "test": Entry("penstock.cli.test:test", "Try a topology file against its cases, without Kafka and models."),
    "apply": Entry("penstock.cli.apply:apply", "Make the cluster match a topology file."),
    "run": Entry("penstock.cli.run:run", "Run the steps of a topology file."),
    "send": Entry("penstock.cli.send:send", "Send records to a pipeline."),
    "review": Entry("penstock.cli.review:review", "See and decide what waits for a person."),
    "runs": Entry("penstock.cli.runs:runs", "Ask something of a run: cancel it."),
    "broker": Entry("penstock.cli.broker:broker", "Start and stop an Apache Kafka on this machine."),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code; every way a command can end is rendered here and nowhere else."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):  # a name that is no UTF-8 must not stop the output
            reconfigure(errors="backslashreplace")
    return end.of(lambda: _invoke(arguments), flags.read(arguments))


def _invoke(arguments: list[str]) -> None:
    root = Lazy("penstock", COMMANDS, help="Pipelines of AI workers on Apache Kafka.")
    click.version_option(package_name="penstock", message="penstock %(version)s")(root)
    with root.make_context("penstock", arguments, obj=flags.read(arguments)) as context:
        root.invoke(context)

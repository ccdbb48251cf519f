"""`penstock apply`: make the cluster match a topology file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from penstock.assembly.plans import compile_file, contracts_beside
from penstock.cli import cluster, connection
from penstock.cli.flags import Flags
from penstock.provision.apply import apply as match
from penstock.runtime.kafka.admin import KafkaAdmin
from penstock.topology.routes import handed_over


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--partitions", type=click.IntRange(1, 10_000), default=4, show_default=True, help="Of every topic.")
@click.option("--replication", type=click.IntRange(1, 9), default=1, show_default=True, help="Copies of every topic.")
@click.option("--from-end", is_flag=True, help="A new pipeline skips what already lies in its ingress topic.")
@click.option("--alter", is_flag=True, help="Set right what differs in the settings of topics that are there.")
@connection.options
@click.pass_obj
def apply(
    flags: Flags,
    file: Path,
    partitions: int,
    replication: int,
    connection: dict[str, str],
    *,
    from_end: bool,
    alter: bool,
) -> None:
    """Create the topics of FILE and the first offsets of its groups, where they are missing.

    The plan itself is published, so that runs which are under way end by the plan they began with. Nothing is deleted
    or shrunk; a second call changes nothing.
    """
    plan = compile_file(file)
    if doors := handed_over(plan):  # they belong to others, who make them
        cluster.prepared(connection, *doors)
    applied = match(
        plan, KafkaAdmin(connection), partitions, replication, contracts=contracts_beside(file), from_end=from_end,
        alter=alter,
    )  # fmt: skip
    changes = applied.changes
    if flags.json:
        rows = [{"kind": change.kind, "name": change.name, "detail": change.detail} for change in changes]
        runs = [{"plan": digest, "runs": count} for digest, count in applied.in_flight.items()]
        told = {"kind": "Applied", "version": 1, "plan": plan.digest, "changes": rows, "in_flight": runs}
        click.echo(json.dumps(told))
        return
    wide = max((len(change.name) for change in changes), default=0)
    for change in changes:
        click.echo(f"  {change.sign} {change.kind:<6}  {change.name:<{wide}}  {change.detail}")
    new = sum(change.sign == "+" for change in changes)
    done = ", ".join(f"{count} {what}" for count, what in ((new, "added"), (len(changes) - new, "changed")) if count)
    for digest, count in applied.in_flight.items():
        click.echo(f"  {count:,} run{'s' * (count != 1)} in flight under plan {digest}: what began so ends so")
    click.echo(f"{plan.pipeline} {plan.digest}: {done or 'nothing to do'}")

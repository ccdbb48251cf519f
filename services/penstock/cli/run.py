"""`penstock run`: host all steps of a topology file, or some of them."""

from __future__ import annotations

import os
from pathlib import Path

import click

from penstock.assembly.plans import compile_file
from penstock.cli import connection
from penstock.cli.flags import Duration
from penstock.cli.hosting import Layout, host


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("steps", nargs=-1)
@click.option(
    "--slot", type=click.IntRange(0, 9_999), envvar="PENSTOCK_SLOT", help="Number of this process among its like."
)
@click.option("--unit", help="Name of what is hosted together.  [default: the step, or dev for all]")
@click.option("--health-port", type=click.IntRange(0, 65_535), help="Serve /livez, /readyz and /metrics there.")
@click.option("--health-host", default="127.0.0.1", show_default=True, help="Address to serve them on.")
@click.option("--commit-interval", type=Duration(), default=0.02, help="Shortest time between commits under load.")
@click.option("--drain", type=Duration(), default=20.0, help="How long a stop waits for what is in flight.")
@click.option(
    "--set", "settings", metavar="[STEP:]KEY=VALUE", multiple=True, help="A setting for handlers; may be repeated."
)
@click.option(
    "--artifacts",
    metavar="FOLDER|URL",
    default="artifacts",
    show_default=True,
    envvar="PENSTOCK_ARTIFACTS",
    help="Where large things lie: a folder, or s3://, gs:// or az://.",
)
@click.option("--forgive-deaths", is_flag=True, help="Dispatch everything again, whatever the step died of before.")
@click.option("--forgive-failures", is_flag=True, help="Go on where the step halted over too many failed tasks.")
@connection.options
def run(
    file: Path, steps: tuple[str, ...], slot: int | None, unit: str | None, health_port: int | None, health_host: str,
    commit_interval: float, drain: float, settings: tuple[str, ...], artifacts: str, connection: dict[str, str], *,
    forgive_deaths: bool, forgive_failures: bool,
) -> None:  # fmt: skip
    """Run the steps STEPS of FILE, or all of them, until SIGTERM or Ctrl-C.

    The topics have to be there: `penstock apply` makes them. `ingress` and `supervisor` are steps too.
    """
    plan = compile_file(file)
    layout = Layout(
        steps=steps, slot=slot, unit=unit, health_port=health_port, health_host=health_host, interval=commit_interval,
        drain=drain, settings=settings, forgive_deaths=forgive_deaths, forgive_failures=forgive_failures,
        artifacts=artifacts,
    )  # fmt: skip
    host(plan, file, connection, layout, os.environ).run(
        lambda: click.echo(f"{plan.pipeline} {plan.digest} is running", err=True)
    )

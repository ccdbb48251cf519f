"""`penstock review`: see what waits for a person; the commands that decide it are in `cli.decisions`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from penstock.cli import connection, decisions
from penstock.cli.desk import desk, moment, now, printed
from penstock.cli.flags import Flags
from penstock.cli.group import Suggesting
from penstock.escalation.desk import open_reviews


@click.group(cls=Suggesting)
def review() -> None:
    """See what waits for a person, take it, and decide it."""


for command in (decisions.claim, decisions.release, decisions.approve, decisions.edit, decisions.reject,
                decisions.retry):  # fmt: skip
    review.add_command(command)


@review.command("list")
@click.argument("file", type=click.Path(path_type=Path))
@connection.options
@click.pass_obj
def list_(flags: Flags, file: Path, connection: dict[str, str]) -> None:
    """List the reviews that wait, the one due first at the top, and who holds them."""
    ours = desk(file, connection)
    found, held = open_reviews(ours.inbox.reviews()), ours.holders()
    if flags.json:
        rows = [ours.row(one, None, held.get(one["review"])) for one in found]
        click.echo(json.dumps({"kind": "ReviewList", "version": 1, "items": rows}))
        return
    if not found:
        click.echo("nothing waits for a person")
        return
    claimed = any(one["review"] in held for one in found)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("review", "event", "step", "why", "due", *(["held by"] if claimed else [])):
        table.add_column(name, overflow="fold" if name == "why" else "ellipsis")
    for one in found:
        why = "; ".join(": ".join(filter(None, (r["code"], r["message"]))) for r in one["reasons"][:2])
        who = held.get(one["review"])
        row = (one["review"], one["event"], one["step"], why, _left(one["expires"] - now()))
        table.add_row(*row, *([who["by"] if who else ""] if claimed else []))
    Console().print(table)


@review.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("review")
@connection.options
@click.pass_obj
def show(flags: Flags, file: Path, review: str, connection: dict[str, str]) -> None:
    """Show one review: what is asked, why, who holds it, and what may be decided."""
    ours = desk(file, connection)
    found = ours.review(review)
    held = ours.holders().get(found["review"])
    row = ours.row(found, ours.inbox.value(found), held)
    if flags.json:
        click.echo(json.dumps({"kind": "Review", "version": 1, **row}))
        return
    click.echo(f"{row['review']}   {row['state']}   event {row['event']}   step {row['step']}")
    for reason in row["reasons"]:
        seen = f"   {reason['actual']} where {reason['expected']} was expected" if reason["expected"] else ""
        click.echo(f"  ✗ {reason['code']}: {reason['message']}{seen}")
    click.echo(printed(row["value"]) if row["value"] else "no value to release")
    if (before := ours.inbox.given(found)) is not None:
        click.echo(f"made from {printed(ours.value(before))}")
    if held is not None:
        click.echo(f"held by {held['by']} until {moment(held['until'])}")
    if row["offers"]:
        click.echo(f"you may: {', '.join(row['offers'])}   until {row['expires']}")


def _left(ms: int) -> str:
    minutes = ms // 60_000
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 0 else "over"

"""A click group whose commands are rows of a table, imported when they are called."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import NamedTuple

import click

from penstock.cli import flags


class Entry(NamedTuple):
    """Where a command is defined, as `module:attribute`, and its line in the help."""

    where: str
    line: str


class Suggesting(click.Group):
    """A group that names the nearest command when there is none of that name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion."""
        name = args[0]
        if name.startswith("-") or self.get_command(ctx, name):
            return super().resolve_command(ctx, args)
        near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
        hint = f"did you mean “{near[0]}”?" if near else f"`{ctx.command_path} --help` lists the commands"
        raise click.UsageError(f"there is no command “{name}”: {hint}", ctx)


class Lazy(Suggesting):
    """The root: knows its commands by the table alone, until one is called."""

    def __init__(self, name: str, table: Mapping[str, Entry], *, help: str) -> None:  # noqa: A002 - click's name for it
        super().__init__(name, help=help, context_settings={"help_option_names": ["-h", "--help"]})
        self._table = table
        flags.accept(self)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command's module and return it, with the common flags."""
        entry = self._table.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.where.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.where} is not a click command")
        return flags.accept(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        """Write the list of commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.line) for name, entry in self._table.items()])

"""The flags every command takes, and the kinds of value they share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import click

from penstock.errors import Misuse

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


@dataclass(frozen=True, slots=True)
class Flags:
    """How the person wants to be answered; a command finds it as its context's `obj`."""

    json: bool = False
    debug: bool = False


def read(arguments: Sequence[str]) -> Flags:
    """Read the flags wherever they stand, since an error before click has parsed them must obey them too."""
    own = list(arguments)
    if "--" in own:
        own = own[: own.index("--")]
    return Flags(json="--json" in own, debug="--debug" in own)


def accept(command: click.Command) -> click.Command:
    """Let a command and those below it take the common flags, where they do not take them already."""
    known = {name for parameter in command.params for name in parameter.opts}
    for name, text in (("--json", "Answer with one JSON document."), ("--debug", "Show the traceback of an error.")):
        if name not in known:
            command.params.append(click.Option([name], is_flag=True, expose_value=False, help=text))
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        accept(below)
    return command


def read_settings(texts: Sequence[str]) -> dict[str, str]:
    """What --set says; Misuse E331 for what is no KEY=VALUE."""
    found = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise Misuse("E331", f"“{text[:80]}” is no setting", why="--set takes KEY=VALUE or STEP:KEY=VALUE",
                          fix="write --set data=DIR")  # fmt: skip
        found[name] = value
    return found


class Duration(click.ParamType[float, str]):
    """Seconds, written like 500ms, 90s, 15m, 2h or 7d."""

    name = "duration"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds."""
        if isinstance(value, float | int):
            return float(value)
        match = _DURATION.fullmatch(value)
        if match is None:
            self.fail(f"“{value}” is not a duration like 500ms, 90s, 15m or 2h", param, ctx)
        return float(match[1]) * _UNITS[match[2]]

"""The last boundary: turns every way a command can end into words and an exit code."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable

import click

from penstock.cli import render
from penstock.cli.flags import Flags
from penstock.errors import Fatal, Fenced, Halt, Mistake

WRONG_USE = 2
OUR_BUG = 70
INTERRUPTED = 128 + signal.SIGINT
READER_GONE = 128 + signal.SIGPIPE


def of(command: Callable[[], None], flags: Flags) -> int:
    """Run it and return the exit code; what went wrong has been told when this returns."""
    try:
        code = _run(command)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - nothing above this line could tell the person
        return _told(error, flags)
    return code


def _run(command: Callable[[], None]) -> int:
    try:
        command()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    return 0


def _told(error: Exception, flags: Flags) -> int:
    match error:
        case BrokenPipeError() if _reader_gone():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains while it exits
            return READER_GONE
        case OSError(errno=errno.ENOSPC):
            told, code = Mistake("E902", "a disk is full", str(error), "free some space"), 1
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return WRONG_USE
        case click.ClickException():
            told, code = _usage(error), error.exit_code
        case Mistake():
            told, code = error, error.exit_code
        case Halt():
            told, code = Mistake(error.code, error.what, error.why, error.fix), 1
        case Fatal() | Fenced():
            told, code = Mistake("E900", str(error)), 1
        case _:
            from penstock.cli import report  # noqa: PLC0415 - 25 ms, and only a fault needs it

            told, code = report.mistake(error), OUR_BUG
    render.error(told, as_json=flags.json)
    if flags.debug:
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    return code


def _usage(error: click.ClickException) -> Mistake:
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "penstock"
    return Mistake("E901", error.format_message(), fix=f"`{path} --help` shows how it is used")


def _reader_gone() -> bool:
    """Whether it is really our output that broke, and not some connection's."""
    try:
        watch = select.poll()
        watch.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in watch.poll(0))
    except (OSError, ValueError):
        return False

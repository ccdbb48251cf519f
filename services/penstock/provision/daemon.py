"""The dev broker of a terminal: it goes on when the command that started it has ended."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from penstock.provision import mistakes, ports, prepare, process
from penstock.provision.broker import PATIENCE, end, refuse_second, settled, until_ready
from penstock.provision.home import Home, Record
from penstock.provision.jars import Watcher

PORT = 9092
_DETACH = '"$@" </dev/null >>"$LOG" 2>&1 & echo $!'


@dataclass(frozen=True, slots=True)
class Status:
    """What is known about a directory's broker; `answers` is false while it starts or hangs."""

    directory: Path
    bootstrap: str
    pid: int
    answers: bool

    @property
    def state(self) -> str:
        """`running`, `not answering` or `stopped`."""
        if not self.pid:
            return "stopped"
        return "running" if self.answers else "not answering"


def start(directory: Path, port: int, watcher: Watcher, patience: float = PATIENCE) -> Status:
    """Bring the broker up and return when it answers; port 0 takes a free one."""
    home = Home(directory.absolute())
    using = prepare.tools(watcher)
    with home.turn():
        refuse_second(home)
        port = port or settled(home)
        started = _detached(prepare.command(home, port, using), home)
        try:
            home.write(Record(port, started.pid, started.born))
            until_ready(home, port, started, patience)
        except BaseException:
            end(started)
            raise
    return status(directory)


def stop(directory: Path) -> bool:
    """End the broker; true when it went of itself, false when it had to be killed."""
    home = Home(directory.absolute())
    record = home.running()
    if record is None:
        raise mistakes.not_running(home.root)
    with home.turn():
        return end(record.process)


def status(directory: Path) -> Status:
    """What is known about the broker of this directory, which need not exist."""
    home = Home(directory.absolute())
    record = home.record()
    if record is None:
        return Status(home.root, "", 0, answers=False)
    lives = record.process.lives()
    return Status(home.root, record.bootstrap, record.pid if lives else 0, lives and ports.answers(record.port))


def reset(directory: Path) -> None:
    """Stop the broker if it runs, and delete every topic and record it has."""
    home = Home(directory.absolute())
    record = home.record()
    if record is None:
        raise mistakes.not_ours(home.root)
    with home.turn():
        end(record.process)
        home.clear()


def _detached(command: list[str], home: Home) -> process.Process:
    """Run it as nobody's child in a session of its own, so that neither this process nor its terminal matters to it."""
    shell = ["/bin/sh", "-c", _DETACH, "broker", *command]
    environment = {"LOG": str(home.log), "PATH": "/usr/bin:/bin"}
    said = subprocess.run(
        shell, cwd=home.root, env=environment, capture_output=True, text=True, check=True, start_new_session=True
    )
    return process.of(int(said.stdout))

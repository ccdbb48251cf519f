"""Every step in an operating-system process of its own, started again whenever one dies."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from penstock.provision import ports
from penstock.provision.leash import Leashed

ROOT = Path(__file__).resolve().parents[2]
_TICK = 0.05
_GRACE = 30.0  # s that an orderly end may take
_APPLY = 120.0  # s that `apply` may take on a cluster which has just begun


class Member(NamedTuple):
    """A process by its step and slot."""

    step: str
    slot: int

    @property
    def transactional_id(self) -> str:
        """The id its producer has."""
        return f"kill.{self.step}.{self.slot}"


class Exit(NamedTuple):
    """A process that ended: when (ms), with which code, and whether we had killed it."""

    member: Member
    at: int
    code: int
    killed: bool


@dataclass
class _Place:
    """A member's seat: its process of the moment."""

    member: Member
    port: int
    process: Leashed
    ready_since: float | None = None
    killed: bool = False
    frozen: bool = False


@dataclass
class Crew:
    """Starts, watches, restarts and ends the processes; `directory` gets the topology, the logs and the sink file."""

    bootstrap: str
    directory: Path
    exits: list[Exit] = field(default_factory=list)
    starts: dict[Member, list[int]] = field(default_factory=dict)
    _places: dict[Member, _Place] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Lay out a project folder: topology, schemas and services beside each other."""
        (self.directory / "topology").mkdir(parents=True)
        (self.directory / "logs").mkdir()
        for name in ("schemas", "services"):
            (self.directory / name).symlink_to(ROOT / name)
        text = (Path(__file__).parent / "topology" / "kill.yaml").read_text(encoding="utf-8")
        self.topology.write_text(text, encoding="utf-8")
        threading.Thread(target=self._watch, name="crew", daemon=True).start()

    @property
    def topology(self) -> Path:
        """The file every process reads."""
        return self.directory / "topology" / "kill.yaml"

    @property
    def sink(self) -> Path:
        """Where the effect writes."""
        return self.directory / "sink.jsonl"

    def apply(self) -> None:
        """Create topics and first offsets."""
        applied = Leashed(self._command("apply", str(self.topology)), self.directory, self._log("apply"))
        if not applied.ended_within(_APPLY) or _code(applied) != 0:
            raise RuntimeError(f"apply failed: {self._log('apply').read_text(encoding='utf-8')}")

    def start(self, member: Member) -> None:
        """Take a member in."""
        with self._lock:
            self._places[member] = self._seat(member, ports.pick())

    def members(self) -> list[Member]:
        """All of them."""
        return list(self._places)

    def ready(self, at_least: float = 0.0) -> list[Member]:
        """Those that have been ready for so many seconds."""
        now = time.monotonic()
        with self._lock:
            return [m for m, p in self._places.items() if p.ready_since and now - p.ready_since >= at_least]

    def wait_ready(self, patience: float) -> None:
        """Wait until all are; TimeoutError names who is not."""
        until = time.monotonic() + patience
        while missing := set(self._places) - set(self.ready()):
            if time.monotonic() > until:
                raise TimeoutError(f"not ready after {patience:.0f} s: {sorted(missing)}\n{self.report()}")
            time.sleep(_TICK)

    def kill(self, member: Member) -> int:
        """SIGKILL; answers when (ms)."""
        with self._lock:
            place = self._places[member]
            place.killed, place.ready_since = True, None
            at = _now()
            place.process.signal(signal.SIGKILL)
            return at

    @contextmanager
    def frozen(self, member: Member) -> Iterator[int]:
        """SIGSTOP, and SIGCONT in the end; yields when it was stopped (ms)."""
        with self._lock:
            place = self._places[member]
            place.frozen, place.ready_since = True, None
            place.process.signal(signal.SIGSTOP)
            at = _now()
        try:
            yield at
        finally:
            with self._lock:
                place.process.signal(signal.SIGCONT)
                place.frozen = False

    def end(self) -> list[Exit]:
        """SIGTERM to all; answers how each ended."""
        self._over.set()
        with self._lock:
            for place in self._places.values():
                place.process.signal(signal.SIGTERM)
            return [self._ended(place) for place in self._places.values()]

    def report(self) -> str:
        """What each process says of itself, and the end of its log."""
        texts = []
        for member, place in self._places.items():
            tail = self._log(_name(member)).read_text(encoding="utf-8", errors="replace").splitlines()[-6:]
            texts.append(f"== {_name(member)} pid {place.process.pid}: {_readyz(place.port)[1]}\n" + "\n".join(tail))
        return "\n".join(texts)

    def _ended(self, place: _Place) -> Exit:
        if not place.process.ended_within(_GRACE):
            place.process.signal(signal.SIGKILL)
            place.process.ended_within(_GRACE)
        return Exit(place.member, _now(), _code(place.process), killed=False)

    def _watch(self) -> None:
        while not self._over.wait(_TICK):
            for place in list(self._places.values()):
                self._look(place)

    def _look(self, place: _Place) -> None:
        with self._lock:
            if self._over.is_set() or place.frozen:
                return
            if not place.process.lives():
                self.exits.append(Exit(place.member, _now(), _code(place.process), place.killed))
                self._places[place.member] = self._seat(place.member, place.port)
                return
        if place.ready_since is None and _readyz(place.port)[0]:
            with self._lock:
                place.ready_since = None if place.killed or place.frozen else time.monotonic()

    def _seat(self, member: Member, port: int) -> _Place:
        arguments = ["run", str(self.topology), member.step, "--slot", str(member.slot), "--health-port", str(port)]
        self.starts.setdefault(member, []).append(_now())
        return _Place(member, port, Leashed(self._command(*arguments), self.directory, self._log(_name(member))))

    def _command(self, *arguments: str) -> list[str]:
        path = os.pathsep.join((str(ROOT / "services"), str(ROOT / "tests")))
        return [
            "/usr/bin/env",
            f"PYTHONPATH={path}",
            sys.executable,
            "-m",
            "penstock",
            *arguments,
            "-b",
            self.bootstrap,
        ]

    def _log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"


def _name(member: Member) -> str:
    return f"{member.step}.{member.slot}"


def _code(process: Leashed) -> int:
    return process._process.returncode


def _now() -> int:
    return int(time.time() * 1000)


def _readyz(port: int) -> tuple[bool, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return answer.status == 200, "ready"
    except urllib.error.HTTPError as error:
        return False, error.read().decode(errors="replace").strip()
    except OSError as error:
        return False, str(error)

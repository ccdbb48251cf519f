"""A project folder with the command line in it, called as a person would call it, and a broker of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.contracts import schemas
from penstock.provision import ports
from penstock.runtime.codec import Codec
from penstock.runtime.kafka import KafkaCluster

ROOT = Path(__file__).resolve().parents[2]
_PARTITIONS = 4
_TICK = 0.1
Called = subprocess.CompletedProcess[str]


@dataclass
class Step:
    """A process of `penstock run`, with its health port and where it writes what it says."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> tuple[int, str]:
        """What its health port answers: status and text; 0 where nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> bool:
        """Whether it takes records; AssertionError with what it said when it has ended."""
        assert self.process.poll() is None, f"{self.name}: {self.said()}"
        return self.get("/readyz")[0] == 200

    def memory(self) -> float:
        """Resident memory in MB."""
        told = subprocess.run(
            ["/bin/ps", "-o", "rss=", "-p", str(self.process.pid)], capture_output=True, text=True, check=True
        )
        return int(told.stdout) / 1024

    def said(self) -> str:
        """All it wrote."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end, and answer its exit code."""
        self.process.send_signal(number)
        return self.process.wait(40)


@dataclass(frozen=True)
class Project:
    """A folder with topologies, schemas and services beside each other, and the bootstrap address of its broker."""

    folder: Path
    bootstrap: str

    def call(self, *words: str, given: str | None = None) -> Called:
        """Run the command line, with a home of its own, and wait for its end."""
        return subprocess.run(
            [sys.executable, "-m", "penstock", *words], cwd=self.folder, env=environment(self.folder), input=given,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def asked(self, *words: str, given: str | None = None) -> dict[str, Any]:
        """The document that a command answers with --json; it has to succeed."""
        done = self.call(*words, "-b", self.bootstrap, "--json", given=given)
        assert done.returncode == 0, done.stdout + done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    @contextmanager
    def running(self, topology: str, *names: str) -> Iterator[list[Step]]:
        """Each of these steps as a process, or all in one, ready; those that still run in the end are killed."""
        steps = [self.start(topology, name) for name in names or ("",)]
        try:
            until(lambda: all(step.ready() for step in steps), 60)
            yield steps
        finally:
            for step in steps:
                step.process.kill()
                step.process.wait()

    def start(self, topology: str, name: str) -> Step:
        """One step as a process; all of them in one where no name is given."""
        port, log = ports.pick(), self.folder / f"{name or 'all'}.log"
        words = ["run", topology, *([name] if name else []), "-b", self.bootstrap, "--health-port", str(port)]
        with log.open("wb") as out:
            process = subprocess.Popen([sys.executable, "-m", "penstock", *words], cwd=self.folder, stdout=out,
                                       stderr=out, env=environment(self.folder))  # fmt: skip
        return Step(name, process, port, log)

    def values(self, topic: str) -> list[dict[str, Any]]:
        """Every committed value of a topic."""
        codec = Codec(schemas.load(self.folder / "schemas" / "avro"))
        cluster = KafkaCluster({"bootstrap.servers": self.bootstrap})
        log = cluster.log()
        try:
            records = [record for partition in range(_PARTITIONS) for record in log.read(topic, partition)]
        finally:
            cluster.close()
        return [codec.decode(record.value)[1] for record in records if record.value is not None]


@contextmanager
def project(folder: Path) -> Iterator[Project]:
    """A laid out folder, and a broker started by the command line; it is stopped in the end, whatever the end is."""
    lay_out(folder)
    began = Project(folder, "").call("broker", "start", "--port", "0", "--json")
    assert began.returncode == 0, began.stdout + began.stderr
    made = Project(folder, json.loads(began.stdout)["bootstrap"])
    try:
        yield made
    finally:
        made.call("broker", "stop")


def lay_out(folder: Path) -> None:
    """Topologies, schemas and services beside each other."""
    (folder / "topology").mkdir()
    for file in (ROOT / "topology" / "diagram.yaml", ROOT / "tests" / "e2e" / "topology" / "ask.yaml"):
        (folder / "topology" / file.name).write_bytes(file.read_bytes())
    for name in ("schemas", "services"):
        (folder / name).symlink_to(ROOT / name)


def environment(folder: Path) -> dict[str, str]:
    """A home in the folder; only the fetched jars are those of this user."""
    jars = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    services = os.pathsep.join((str(ROOT / "services"), os.environ.get("PYTHONPATH", "")))
    return {**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": jars, "XDG_STATE_HOME": str(folder / "state"),
            "PYTHONPATH": services}  # fmt: skip


def until(true: Callable[[], bool], seconds: float) -> None:
    """Wait for it; AssertionError when it does not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds:.0f} s"
        time.sleep(_TICK)

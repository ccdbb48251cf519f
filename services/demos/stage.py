"""A real Kafka of its own, the pipeline's process beside it, and a folder for what the effects write."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from penstock.assembly.plans import compile_file, contracts_beside
from penstock.contracts.topics import Topics
from penstock.errors import Mistake, TimedOut
from penstock.ingress.entries import entries
from penstock.provision import ports
from penstock.provision.apply import apply
from penstock.provision.broker import Broker
from penstock.provision.jars import Watcher
from penstock.runtime.codec import Codec
from penstock.runtime.kafka import KafkaCluster
from penstock.runtime.kafka.admin import KafkaAdmin
from penstock.runtime.kafka.feed import KafkaFeed
from penstock.runtime.ports import Log, Record
from penstock.topology.plan import Plan

_PARTITIONS = 4
_LEARNING = 600.0  # s
_STOPPING = 40.0  # s


@dataclass(frozen=True, slots=True)
class Play:
    """What is shown: a topology, those of its effects that write files, its handlers' settings, and its artifacts."""

    topology: Path
    effects: tuple[str, ...]
    settings: Mapping[str, str]
    artifacts: str = "artifacts"


@dataclass(frozen=True)
class Stage:
    """A pipeline that runs: its plan, its cluster, and where its effects go."""

    plan: Plan
    topics: Topics
    codec: Codec
    bootstrap: str
    log: Log
    folder: Path

    def send(self, lines: Iterator[str], source: str) -> int:
        """Send upstream events as `penstock send` does; answers how many were acknowledged."""
        feed = KafkaFeed({"bootstrap.servers": self.bootstrap})
        for entry in entries(lines, self.plan.ingress, self.codec, source):
            feed.send(self.topics.intake, entry.key, entry.value)
        feed.flush()
        return feed.acknowledged

    def values(self, topic: str, starts: dict[int, int] | None = None) -> Iterator[tuple[Record, dict[str, Any]]]:
        """Every record of a topic with its value; `starts` is where to begin and is moved on, for a later call."""
        starts = {} if starts is None else starts
        for partition in range(_PARTITIONS):
            for record in self.log.read(topic, partition, starts.get(partition, 0)):
                starts[partition] = record.offset + 1
                if record.value is not None:
                    yield record, self.codec.decode(record.value)[1]

    def effects(self, name: str) -> list[dict[str, Any]]:
        """The lines that an effect has written."""
        path = self.folder / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


@contextmanager
def stage(play: Play, watcher: Watcher, say: Callable[[str], None]) -> Iterator[Stage]:
    """Set everything up, and take it down again at the end, whatever the end is."""
    with ExitStack() as stack:
        plan = compile_file(play.topology)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"penstock-{plan.pipeline}-")))
        say("starting Apache Kafka")
        broker = stack.enter_context(Broker(folder / "broker", watcher=watcher))
        say(f"Apache Kafka runs on {broker.bootstrap}; making topics")
        connection = {"bootstrap.servers": broker.bootstrap}
        apply(plan, KafkaAdmin(connection), _PARTITIONS, 1, contracts=contracts_beside(play.topology))
        log = KafkaCluster(connection).log()
        stack.callback(log.close)
        codec = Codec(contracts_beside(play.topology))
        say("starting the pipeline; its models are being trained")
        paths = {f"{name}:path": str(folder / f"{name}.jsonl") for name in play.effects}
        whole = replace(play, settings={**play.settings, **paths})
        stack.enter_context(_pipeline(broker.bootstrap, whole, folder / "pipeline.log"))
        yield Stage(plan, Topics(plan.pipeline), codec, broker.bootstrap, log, folder)


@contextmanager
def _pipeline(bootstrap: str, play: Play, log: Path) -> Iterator[None]:
    """`penstock run` as a process of its own, ready when its models are."""
    port = ports.pick()
    pairs = [part for name, value in play.settings.items() for part in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "penstock", "run", str(play.topology), "-b", bootstrap, "--slot", "0",
               "--health-port", str(port), "--artifacts", play.artifacts, *pairs]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        _await_ready(process, port, log)
        yield
        if process.poll() is not None:
            raise _ended(process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOPPING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _LEARNING
    while time.monotonic() < until:
        if process.poll() is not None:
            raise _ended(process, log)
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                if answer.status == 200:  # noqa: PLR2004 - HTTP's OK
                    return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise TimedOut("E402", f"the pipeline was not ready in {_LEARNING:.0f} s", fix=f"its log is {log}")


def _ended(process: subprocess.Popen[bytes], log: Path) -> Mistake:
    last = log.read_text(encoding="utf-8", errors="replace")[-600:]
    return Mistake("E401", f"the pipeline's process ended with {process.returncode}", why=last, fix="mend what it says")

"""What the benchmarks stand on: a dev broker of their own, plans made real on it, and a line for progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.jobs import Job
from bench.processes import HERE, Running, product, raw
from bench.topics import Header, Topics
from penstock.assembly.plans import compile_file, contracts_beside
from penstock.contracts import schemas
from penstock.contracts.envelope import HEADER, Envelope
from penstock.contracts.identity import run_id, task_id
from penstock.provision.apply import apply
from penstock.provision.broker import Broker
from penstock.runtime.codec import Codec
from penstock.runtime.kafka.admin import KafkaAdmin
from penstock.topology.plan import Plan

_LONG = 7_200_000  # ms: no run expires in a benchmark


@dataclass(frozen=True)
class Ground:
    """A broker on a free port, and a directory that is gone afterwards."""

    directory: Path
    bootstrap: str
    topics: Topics
    codec: Codec

    def product(self, name: str, *arguments: str) -> Running:
        """`penstock run` of one of the topologies beside this file."""
        return product(self.directory, self.bootstrap, _topology(name), *arguments)

    def raw(self, script: str, **flags: str) -> Running:
        """A raw loop."""
        return raw(self.directory, self.bootstrap, script, **flags)

    def apply(self, name: str) -> Plan:
        """Make the topics and groups of a topology."""
        file = _topology(name)
        plan = compile_file(file)
        apply(plan, KafkaAdmin({"bootstrap.servers": self.bootstrap}), 4, 1, contracts=contracts_beside(file))
        return plan

    def encode(self, job: Job) -> bytes:
        """A record as the product's steps read it."""
        return self.codec.encode("bench.Job", job)


@contextmanager
def ground() -> Iterator[Ground]:
    """Start a broker, and stop it in the end."""
    with TemporaryDirectory(prefix="bench-") as directory:
        home = Path(directory)
        with Broker(home / "broker") as broker:
            say(f"Kafka is up at {broker.bootstrap}")
            codec = Codec(schemas.load(HERE / "schemas" / "avro"))
            yield Ground(home, broker.bootstrap, Topics(broker.bootstrap), codec)


def say(text: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)  # noqa: T201 - progress of a command


def enveloped(plan: Plan, step: str, job: Job) -> tuple[bytes, Header]:
    """Key and header of a record as the ingress would hand it to `step`."""
    run = run_id(plan.pipeline, job["id"])
    deadline = int(time.time() * 1000) + _LONG
    around = Envelope(
        run, job["id"], task_id(run, step), "", "ingress", 1, 0, f"{plan.pipeline}.in[0]@{job['seq']}", plan.digest,
        deadline,
    )  # fmt: skip
    return run.encode(), (HEADER, around.header())


def _topology(name: str) -> Path:
    return HERE / "topology" / f"{name}.yaml"

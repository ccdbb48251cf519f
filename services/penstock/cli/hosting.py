"""From a plan and a connection to a process that hosts services."""

from __future__ import annotations

import asyncio
import fcntl
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from penstock.assembly.plans import resolve
from penstock.assembly.services import all_steps, services
from penstock.cli.cluster import lacks
from penstock.cli.flags import read_settings
from penstock.contracts import schemas
from penstock.contracts.address import Address
from penstock.contracts.artifacts import NOWHERE, Artifacts
from penstock.errors import Mistake
from penstock.provision import places
from penstock.runtime import logs
from penstock.runtime.artifacts import DEFAULT, Store
from penstock.runtime.codec import Codec
from penstock.runtime.host import Host, Hosting
from penstock.runtime.kafka import KafkaCluster
from penstock.runtime.kit import Kit, Tell
from penstock.runtime.metrics import Metrics
from penstock.runtime.ports import Clock, Cluster, Log, Record
from penstock.topology.plan import Plan

_MOST_SLOTS = 1_000


@dataclass(frozen=True, slots=True)
class Layout:
    """Which steps a process hosts, and how."""

    steps: tuple[str, ...] = ()
    slot: int | None = None
    unit: str | None = None
    health_port: int | None = None
    health_host: str = "127.0.0.1"
    interval: float = 0.02
    drain: float = 20.0
    settings: tuple[str, ...] = ()
    forgive_deaths: bool = False
    forgive_failures: bool = False
    artifacts: str = DEFAULT


def host(plan: Plan, file: Path, connection: Mapping[str, str], layout: Layout, environment: Mapping[str, str]) -> Host:
    """A host for the steps of a layout, on Kafka. Mistake E330 for a step that is not in the plan."""
    names = layout.steps or all_steps(plan)
    unit = layout.unit or (names[0] if len(names) == 1 else "dev")
    slot = layout.slot if layout.slot is not None else _free_slot(plan.pipeline, unit, environment)
    identity = f"{plan.pipeline}.{unit}.{slot}"
    cluster = KafkaCluster(connection, instance=identity)
    codec = Codec(schemas.load(file.resolve().parent.parent / "schemas" / "avro"))
    metrics = Metrics(plan.pipeline)
    log = logs.start(pipeline=plan.pipeline, plan=plan.digest, unit=unit, slot=slot)
    kit = kit_for(
        cluster, codec, metrics, settings=read_settings(layout.settings), tell=log.warning,
        artifacts=Store(layout.artifacts),
    )  # fmt: skip
    hosted = services(plan, names, kit)
    hosting = Hosting(
        identity, layout.interval, layout.drain, layout.forgive_deaths, layout.forgive_failures,
        layout.health_host, layout.health_port, lacks(plan, hosted, connection),
    )  # fmt: skip
    return Host(hosted, cluster, codec, hosting, metrics=metrics, log=log)


def kit_for(
    cluster: Cluster, codec: Codec, metrics: Metrics, *, settings: Mapping[str, str], clock: Clock = time.time,
    tell: Tell = Kit.tell,
    artifacts: Artifacts = NOWHERE,
) -> Kit:  # fmt: skip
    """The tools of one process."""
    reader: list[Log] = []

    def fetch(address: Address) -> Record | None:
        if not reader:
            reader.append(cluster.log())
        return reader[0].fetch(address)

    async def fetch_beside(address: Address) -> Record | None:
        return await asyncio.to_thread(fetch, address)

    jitter = random.Random().random  # noqa: S311 - spreads pauses, guards nothing
    return Kit(codec, metrics, resolve, fetch_beside, clock, asyncio.sleep, jitter, settings, tell, artifacts)


_HELD: list[TextIO] = []  # lock files stay open, and so held, for as long as the process lives


def _free_slot(pipeline: str, unit: str, environment: Mapping[str, str]) -> int:
    """The first number no other process on this machine holds: it makes the transactional id, which must be ours."""
    try:
        folder = places.state(environment) / "slots"
        folder.mkdir(parents=True, exist_ok=True)
        for slot in range(_MOST_SLOTS):
            if _held(folder / f"{pipeline}.{unit}.{slot}"):
                return slot
    except OSError as error:
        raise Mistake("E332", "cannot find out which slots are free", why=str(error),
                      fix="name this process's own with --slot, or set XDG_STATE_HOME") from error  # fmt: skip
    raise Mistake("E332", f"no free slot for {pipeline}.{unit}", fix="give one with --slot")


def _held(path: Path) -> bool:
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    _HELD.append(lock)
    return True

"""Makes everything ready for a dev broker's process, up to its command line."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.provision import disk, flags, jars, java, mistakes, places, ports
from penstock.provision.home import Home
from penstock.provision.jars import Watcher

_SPARE = 32 * mistakes.MIB


@dataclass(frozen=True, slots=True)
class Tools:
    """What a broker is run with: a Java and a class path."""

    java: Path
    classpath: str


def tools(watcher: Watcher, environment: Mapping[str, str] = os.environ) -> Tools:
    """Find Java, and fetch the jars if they are not there."""
    found = java.find(environment)
    paths = jars.ensure(jars.pins(), places.jars(environment), jars.mirror(environment), watcher)
    return Tools(found.path, os.pathsep.join(map(str, paths)))


def command(home: Home, port: int, using: Tools) -> list[str]:
    """Write the properties, format the data directory if it is new, and say how to run the broker (in `home.root`)."""
    if not ports.is_free(port):
        raise mistakes.port_taken(port, ports.holder(port))
    with disk.words(home.root, _SPARE):
        disk.room(home.root, _SPARE)
        home.fresh_log()
        shutil.rmtree(home.temporary, ignore_errors=True)
        home.temporary.mkdir()
        home.properties.write_text(flags.properties(port, ports.pick()), encoding="utf-8")
        if not (home.data / "meta.properties").exists():
            _format(home, using)
    return [
        str(using.java),
        *flags.serve_jvm(home.temporary),
        "-cp",
        using.classpath,
        flags.SERVE,
        str(home.properties),
    ]


def _format(home: Home, using: Tools) -> None:
    """Kafka refuses a data directory without a cluster id; features are fixed here too (KIP-584, KIP-1022)."""
    cluster = base64.urlsafe_b64encode(b"\x01" + secrets.token_bytes(15)).decode().rstrip("=")
    task = ["format", "--cluster-id", cluster, "--config", str(home.properties)]
    run = [str(using.java), *flags.format_jvm(), "-cp", using.classpath, flags.FORMAT, *task]
    with home.log.open("ab") as log:
        done = subprocess.run(run, cwd=home.root, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise mistakes.ended(home.log, home.tail())

"""Keeps the jars of the dev broker: fetched once, checked against their pins at every start."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from threading import Event
from typing import Protocol
from urllib.parse import urlsplit

from penstock.errors import Refused
from penstock.provision import disk, download, mistakes
from penstock.provision.download import Pin, Stopped
from penstock.provision.mirror import Mirror

CENTRAL = "https://repo1.maven.org/maven2"
_AT_ONCE = 4
_SPARE = 16 * mistakes.MIB


class Watcher(Protocol):
    """Hears how a download goes, from several threads."""

    def begin(self, files: int, size: int) -> None:
        """So many files of so many bytes in all will be fetched."""

    def got(self, size: int) -> None:
        """So many bytes more have come; a negative number takes some back."""

    def end(self) -> None:
        """It is over, well or not."""


class Silent:
    """A watcher that says nothing."""

    def begin(self, files: int, size: int) -> None:
        """Say nothing."""

    def got(self, size: int) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""


def pins() -> tuple[Pin, ...]:
    """The pinned jars, in the order of the class path."""
    text = resources.files("penstock.provision").joinpath("kafka-jars.lock").read_text(encoding="utf-8")
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return tuple(Pin(sha256, int(size), path) for sha256, size, path in rows)


def mirror(environment: Mapping[str, str]) -> str:
    """The base address of the Maven repository to fetch from."""
    given = environment.get("PENSTOCK_MAVEN_MIRROR") or CENTRAL
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise mistakes.not_a_mirror(given)
    return given.rstrip("/")


def ensure(wanted: Sequence[Pin], cache: Path, address: str, watcher: Watcher) -> tuple[Path, ...]:
    """The paths of all jars, fetching what the cache does not have; processes that do so at once take turns."""
    with disk.words(cache, sum(pin.size for pin in wanted) + _SPARE):
        if missing(wanted, cache):
            cache.mkdir(parents=True, exist_ok=True)
            with _turn(cache):
                rest = missing(wanted, cache)
                disk.room(cache, sum(pin.size for pin in rest) + _SPARE if rest else 0)
                _fetch(rest, cache, address, watcher)
    return tuple(cache / pin.name for pin in wanted)


def missing(wanted: Sequence[Pin], cache: Path) -> list[Pin]:
    """Those of the jars that the cache does not hold as they were pinned."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [
            pin for pin, good in zip(wanted, pool.map(lambda pin: _good(pin, cache), wanted), strict=True) if not good
        ]


def _good(pin: Pin, cache: Path) -> bool:
    path = cache / pin.name
    try:
        download.check(pin, path)
    except (FileNotFoundError, Refused):
        return False
    return True


@contextmanager
def _turn(cache: Path) -> Iterator[None]:
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(rest: Sequence[Pin], cache: Path, address: str, watcher: Watcher) -> None:
    if not rest:
        return  # another process was here first
    halt = Event()

    def got(size: int) -> None:
        watcher.got(size)
        if halt.is_set():
            raise Stopped

    watcher.begin(len(rest), sum(pin.size for pin in rest))
    with closing(Mirror(address)) as source, ThreadPoolExecutor(_AT_ONCE) as pool:
        largest_first = sorted(rest, key=lambda pin: -pin.size)
        tasks = [pool.submit(download.fetch, pin, source, cache / pin.name, got) for pin in largest_first]
        try:
            wait(tasks, return_when=FIRST_EXCEPTION)
        finally:
            halt.set()
            pool.shutdown(wait=True, cancel_futures=True)
            watcher.end()
    for task in tasks:
        if not task.cancelled() and not isinstance(task.exception(), Stopped):
            task.result()

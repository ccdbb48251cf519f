"""Where the dev broker keeps its jars and its data, as the XDG base directory specification says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from penstock.errors import Mistake

KAFKA = "4.4.0"


def jars(environment: Mapping[str, str]) -> Path:
    """The directory of the fetched jars, shared by every broker of this user."""
    return _xdg(environment, "XDG_CACHE_HOME", ".cache") / f"kafka-{KAFKA}"


def broker(environment: Mapping[str, str]) -> Path:
    """The directory of the broker that `penstock broker start` runs."""
    return state(environment) / "broker"


def state(environment: Mapping[str, str]) -> Path:
    """What outlives a command."""
    return _xdg(environment, "XDG_STATE_HOME", ".local/state")


def _xdg(environment: Mapping[str, str], name: str, fallback: str) -> Path:
    given = environment.get(name, "")
    if given.startswith("/"):  # the specification: a relative one is ignored
        return Path(given) / "penstock"
    try:
        return Path.home() / fallback / "penstock"
    except RuntimeError as error:
        raise Mistake("E216", "this user has no home directory", why=str(error),
                      fix=f"set {name} to a directory that may be written") from error  # fmt: skip

"""Where the dev broker keeps its jars and its data, as the XDG base directory specification says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

KAFKA = "4.4.0"


def jars(environment: Mapping[str, str]) -> Path:
    """The directory of the fetched jars, shared by every broker of this user."""
    return _xdg(environment, "XDG_CACHE_HOME", ".cache") / f"kafka-{KAFKA}"


def broker(environment: Mapping[str, str]) -> Path:
    """The directory of the broker that `penstock broker start` runs."""
    return _xdg(environment, "XDG_STATE_HOME", ".local/state") / "broker"


def _xdg(environment: Mapping[str, str], name: str, fallback: str) -> Path:
    given = environment.get(name, "")
    root = (
        Path(given) if given.startswith("/") else Path.home() / fallback
    )  # the specification: a relative one is ignored
    return root / "penstock"

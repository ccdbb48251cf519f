"""When a process says that it does not live: exactly when its own watchdog would end it."""

from __future__ import annotations

import os

import pytest

from penstock.runtime import watchdog
from penstock.runtime.codec import Codec
from penstock.runtime.host import Host, Hosting
from penstock.runtime.logs import start
from penstock.runtime.memory import MemoryBroker
from penstock.runtime.metrics import Metrics
from penstock.testing.clock import Clock
from pipelines import contracts


@pytest.mark.parametrize(("seconds", "lives"), [(0.0, True), (29.0, True), (31.0, False), (60.0, False)])
def test_liveness_and_the_watchdog_agree(seconds: float, *, lives: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that has not moved for so long fails /livez and is ended, or neither."""
    clock, ends = Clock(), list[int]()
    monkeypatch.setattr(os, "_exit", ends.append)
    host = Host(
        (), MemoryBroker(clock), Codec(contracts()), Hosting("t"), metrics=Metrics("p"), log=start(pipeline="p")
    )
    host._prepared = True
    host._heart._clock = clock
    host._heart.beat()
    clock.sleep(seconds)

    watchdog.watch(host._heart)

    assert (not any(host._live().values())) == lives
    assert (not ends) == lives

"""What a room is given to build a service with: everything that is not in the plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.contracts.address import Address
from penstock.runtime.codec import Codec
from penstock.runtime.metrics import Metrics
from penstock.runtime.ports import Clock, Record

Resolve = Callable[[str], Any]
Fetch = Callable[[Address], Awaitable[Record | None]]


@dataclass(frozen=True)
class Kit:
    """The tools of a process.

    `resolve` turns `module:attribute` into the object. `fetch` reads one record where it lies. `settings` are those of
    the deployment, merged over what the topology gives a handler. `jitter` answers a number in [0, 1).
    """

    codec: Codec
    metrics: Metrics
    resolve: Resolve
    fetch: Fetch
    clock: Clock
    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.clock() * 1000)

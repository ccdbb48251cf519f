"""What a room is given to build a service with: everything that is not in the plan."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from penstock.contracts.address import Address
from penstock.contracts.artifacts import NOWHERE, Artifacts
from penstock.errors import Retriable
from penstock.runtime.codec import Codec
from penstock.runtime.metrics import Metrics
from penstock.runtime.ports import Clock, Record

Resolve = Callable[[str], Any]
Tell = Callable[..., None]
Fetch = Callable[[Address], Awaitable[Record | None]]
T = TypeVar("T")
_PAUSE = 1.0  # s between looks at a broker that is away


@dataclass(frozen=True)
class Kit:
    """The tools of a process.

    `resolve` turns `module:attribute` into the object. `fetch` reads one record where it lies. `settings` are those of
    the deployment, merged over what the topology gives a handler. `jitter` answers a number in [0, 1). `tell` writes a
    line of the log: what happened, and facts by name. `artifacts` opens its store when it is first asked.
    """

    codec: Codec
    metrics: Metrics
    resolve: Resolve
    fetch: Fetch
    clock: Clock
    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    settings: Mapping[str, Any] = field(default_factory=dict)
    tell: Tell = lambda _, **__: None
    artifacts: Artifacts = NOWHERE
    _made: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, name: Hashable, make: Callable[[], T]) -> T:
        """What a process has one of, whoever asks for it first: it is made under a name, then answered again."""
        if name not in self._made:
            self._made[name] = make()
        made: T = self._made[name]
        return made

    def made(self, step: str, run: str, own: Mapping[str, Any], make: Callable[[Any, dict[str, Any]], T]) -> T:
        """What stands behind `run` at a step, made of the object and its settings; every plan has the same one."""
        settings = self.settings_of(step, own)
        name = step, run, json.dumps(settings, sort_keys=True, default=str)
        return self.once(name, lambda: make(self.resolve(run), settings))

    def settings_of(self, step: str, own: Mapping[str, Any]) -> dict[str, Any]:
        """A handler's settings; see `settled`."""
        return settled(step, own, self.settings)

    async def record(self, address: Address) -> Record | None:
        """One record where it lies, however long the broker is away; None when it is gone."""
        while True:
            try:
                return await self.fetch(address)
            except Retriable:
                await self.sleep(_PAUSE)

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.clock() * 1000)


def settled(step: str, own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A handler's settings: the topology's, those of the deployment over them, and those for this step on top."""
    general = {name: value for name, value in given.items() if ":" not in name}
    special = {n.partition(":")[2]: v for n, v in given.items() if n.partition(":")[0] == step}
    return {**own, **general, **special}

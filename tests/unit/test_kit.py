"""What a room is given: settings by precedence, and records that may take their time."""

from __future__ import annotations

from dataclasses import replace

from penstock.cli.hosting import kit_for
from penstock.contracts.address import Address
from penstock.errors import Retriable
from penstock.runtime.codec import Codec
from penstock.runtime.kit import Kit
from penstock.runtime.memory import MemoryBroker
from penstock.runtime.metrics import Metrics
from penstock.runtime.ports import Record
from penstock.testing.clock import Clock
from pipelines import contracts

ADDRESS = Address("p.a", 0, 7)


def kit(**settings: str) -> Kit:
    """The tools of a process on a broker in memory."""
    clock = Clock()
    tools = kit_for(MemoryBroker(clock), Codec(contracts()), Metrics("p"), settings=settings, clock=clock)

    async def rest(seconds: float) -> None:
        clock.sleep(seconds)

    return replace(tools, sleep=rest)


def test_settings_for_a_step_stand_above_all_others() -> None:
    """The topology's, those of the deployment over them, and those for this step on top."""
    tools = kit(**{"model": "small", "read:model": "large", "write:model": "none"})

    assert tools.settings_of("read", {"model": "default", "top": 3}) == {"model": "large", "top": 3}
    assert tools.settings_of("other", {"model": "default"}) == {"model": "small"}
    assert tools.settings_of("other", {}) == {"model": "small"}


async def test_a_record_is_waited_for() -> None:
    """However long the broker is away; what is gone is None."""
    answers: list[Record | None] = [Record("p.a", 0, 7, b"k", b"v", [], 5), None]
    asked: list[Address] = []

    async def fetch(address: Address) -> Record | None:
        asked.append(address)
        if len(asked) % 3:
            raise Retriable("away")
        return answers.pop(0)

    tools = replace(kit(), fetch=fetch)

    assert (await tools.record(ADDRESS)) == Record("p.a", 0, 7, b"k", b"v", [], 5)
    assert await tools.record(ADDRESS) is None
    assert asked == [ADDRESS] * 6

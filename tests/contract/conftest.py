"""Every test of this directory that asks for `world` runs twice: in memory and on Kafka."""

from __future__ import annotations

import pytest

from contract.stage import Stage
from contract.worlds import KafkaWorld, MemoryWorld, World


@pytest.fixture(params=["memory", "kafka"])
def world(request: pytest.FixtureRequest) -> World:
    """A broker as seen from outside."""
    if request.param == "memory":
        return MemoryWorld()
    return KafkaWorld(request.getfixturevalue("kafka").bootstrap)


@pytest.fixture
def stage(world: World) -> Stage:
    """Topics of the test's own, and services between them."""
    return Stage(world)

"""Pipelines on the broker in memory, for any test that wants one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines import DESK, Host, Pipeline, desk_cast


@pytest.fixture
def host() -> Iterator[Host]:
    """Makes pipelines, and takes them down."""
    made: list[Pipeline] = []

    def make(text: str = DESK, *, partitions: int = 1) -> Pipeline:
        made.append(Pipeline(text, desk_cast(), partitions=partitions))
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.close()

"""Kills, restarts and a zombie, and nothing is lost, doubled or changed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from faults import kill
from faults.scorecard import Void


@pytest.mark.timeout(600)
def test_survives_kills(tmp_path: Path) -> None:
    """3,000 events, 32 SIGKILLs, a broker restarted and crashed, a frozen process: the checker finds nothing."""
    seed = int(os.environ.get("KILL_SEED") or secrets.randbelow(1_000_000))
    print(f"KILL_SEED={seed}, logs in {tmp_path / 'project' / 'logs'}")  # noqa: T201 - shown when the test fails

    card = kill.run(tmp_path, seed)
    print(card)  # noqa: T201 - the same

    assert card.verdict.findings == ()
    assert card.odd_ends() == []
    if why := card.void():
        raise Void("; ".join(why))

"""The catalogue of a topology's mistakes is complete, used and shown."""

from __future__ import annotations

import re
from pathlib import Path

from penstock.topology.codes import CODES

ROOT = Path(__file__).resolve().parents[2]
SHOWN_ELSEWHERE = {"E021", "E022"}  # too large for files: see test_topology_loader


def test_every_code_has_a_file_that_shows_it() -> None:
    """No code without a broken topology, and no broken topology without a code."""
    headers = (path.read_bytes().split(b"\n", 1)[0].decode() for path in (ROOT / "tests" / "broken").glob("*.yaml"))
    shown = {code for header in headers for code in re.findall(r"E\d{3}", header)}

    assert set(CODES) - SHOWN_ELSEWHERE == shown


def test_every_code_is_raised_somewhere() -> None:
    """The catalogue has no entry that the compiler cannot give."""
    folder = ROOT / "services/penstock/topology"
    sources = [path for path in folder.glob("*.py") if not path.name.endswith("codes.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)

    assert [code for code in CODES if f'"{code}"' not in text] == []


def test_every_code_says_what_why_and_how_to_mend() -> None:
    """Three sentences each, none of them empty, and no code twice."""
    assert all(entry.what and entry.why and entry.fix for entry in CODES.values())
    catalogues = (ROOT / "services/penstock/topology").glob("*codes.py")
    source = "".join(path.read_text(encoding="utf-8") for path in catalogues)
    assert len(re.findall(r'"E\d{3}"', source)) == len(CODES)

"""Every broken topology is refused with its own code, line and column, and never with a traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from penstock.assembly.plans import resolve
from penstock.contracts.schemas import Schemas, load
from penstock.errors import Mistake
from penstock.topology.compiler import compile_topology

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "tests" / "broken").glob("*.yaml"))
BESIDE = [(path.name, path.read_bytes()) for path in sorted((ROOT / "tests" / "broken" / "beside").glob("*.yaml"))]
EXPECTED = re.compile(rb"(E\d{3}) (\d+):(\d+)")


@pytest.fixture(scope="module")
def contracts() -> Schemas:
    return load(ROOT / "schemas" / "avro", ROOT / "tests" / "branches" / "schemas" / "avro")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_names_code_and_place(path: Path, contracts: Schemas) -> None:
    """The header line of each file says which errors it holds and where; exactly these are reported, in file order."""
    data = path.read_bytes()
    header = data.split(b"\n", 1)[0]
    expected = [(code.decode(), int(line), int(column)) for code, line, column in EXPECTED.findall(header)]

    with pytest.raises(Mistake) as caught:
        compile_topology(data, path.name, contracts, resolve, lambda: BESIDE)

    found = (caught.value, *caught.value.others)
    assert [(m.code, m.place and m.place.line, m.place and m.place.column) for m in found] == expected
    assert all(m.what and m.fix for m in found), "every error says what is wrong and how to mend it"


def test_there_are_enough_of_them() -> None:
    """At least thirty codes have a file that shows them."""
    codes = {code for path in FILES for code, _, _ in EXPECTED.findall(path.read_bytes().split(b"\n", 1)[0])}

    assert len(codes) >= 30

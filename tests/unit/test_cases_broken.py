"""Every broken file of cases is refused with code, line and column, and never with a traceback."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from penstock.errors import Misuse
from penstock.testing.cases import read
from penstock.testing.codes import CODES
from penstock.testing.production import Production
from penstock.topology.codes import CODES as OF_A_TOPOLOGY

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "tests" / "broken_cases").glob("*.test.yaml"))
EXPECTED = re.compile(r"(E\d{3}) (\d+):(\d+)")


@cache
def production(name: str) -> Production:
    """A topology of this repository, read once."""
    return Production.of(ROOT / "topology" / f"{name}.yaml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.partition(".")[0])
def test_each_mistake_has_its_code_and_place(path: Path) -> None:
    """The first line of each file says of which topology it is, which mistakes it holds and where: exactly these."""
    header = path.read_text(encoding="utf-8").split("\n", 1)[0]
    expected = [(code, int(line), int(column)) for code, line, column in EXPECTED.findall(header)]
    of = re.search(r"of (\w+):", header)
    assert of is not None

    with pytest.raises(Misuse) as caught:
        read(path, production(of[1]))

    found = [(m.code, m.place.line, m.place.column) for m in (caught.value, *caught.value.others) if m.place]
    assert found == expected
    assert all(m.what and m.why and m.fix for m in (caught.value, *caught.value.others))
    assert caught.value.exit_code == 2


def test_every_code_has_a_file_that_shows_it() -> None:
    """No code of ours without a broken file."""
    headers = [path.read_text(encoding="utf-8").split("\n", 1)[0] for path in FILES]

    assert {code for header in headers for code, _, _ in EXPECTED.findall(header)} >= set(CODES) - set(OF_A_TOPOLOGY)


def test_a_near_miss_is_named() -> None:
    """What is nearly right is answered with what was probably meant."""
    with pytest.raises(Misuse) as caught:
        read(ROOT / "tests" / "broken_cases" / "stub-of-nobody.test.yaml", production("triage"))

    fixes = [mistake.fix for mistake in (caught.value, *caught.value.others)]
    assert fixes[0] == "did you mean “understand”?"
    assert fixes[3] == "did you mean “out_of_scope”?"


def test_a_topology_without_cases_is_told() -> None:
    """Where there is no file beside a topology, the mistake names the one that is missing."""
    with pytest.raises(Misuse, match="E150") as caught:
        read(ROOT / "topology" / "nowhere.test.yaml", production("diagram"))

    assert "nowhere.test.yaml" in caught.value.what

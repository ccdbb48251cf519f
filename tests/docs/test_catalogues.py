"""The catalogues in the documentation are complete, and say what the code says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from docs import keys, sources
from docs.catalogues import renewed, tables
from docs.pages import ROOT, files
from penstock.assembly.plans import compile_file
from penstock.contracts import schemas
from penstock.errors import Mistake
from penstock.testing.codes import CODES
from penstock.topology.compiler import compile_topology

LACKING = {"E010", "E024", "E044"}  # no steps, no such key, nothing it leads to
VOTING = {
    ("merge", "field"),
    ("merge", "tie"),
    ("check", "code"),
    ("edge", "most"),
}  # needed to vote, by a rule, a list
Place = tuple[str | int, ...]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of docs/topology.md, whose file has every key there is."""
    folder = tmp_path_factory.mktemp("everything")
    for name, text in files(ROOT / "docs" / "topology.md").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_every_error_code_is_in_the_catalogue() -> None:
    """Each code that stands anywhere in the package is told about in docs/errors.md."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "services" / "penstock").rglob("*.py"))

    assert set(re.findall(r'"(E\d{3})"', text)) == {said.code for said in sources.mistakes()} | set(CODES)


def test_the_example_has_every_key(everything: Path) -> None:
    """docs/topology.md uses each key but `deploy`, the `to` of ends and other policies' own, and none besides."""
    used = {(part, key) for part, key, _ in _keys(_loaded(everything))}
    known = {(part, key) for part, table in _parts().items() for key in table}
    elsewhere = {("merge", key) for key in _keys_of_policies()}

    assert known - used - elsewhere == {("file", "deploy"), ("effect", "to"), ("output", "to")}
    assert used | elsewhere <= known


def test_a_key_is_needed_where_the_page_says_so(everything: Path) -> None:
    """Without a needed key the file is refused for it, and without any other it is not."""
    compile_file(everything / "topology" / "everything.yaml")
    contracts = schemas.load(everything / "schemas" / "avro")
    document = _loaded(everything)
    doors = [(path.name, path.read_bytes()) for path in (everything / "topology").glob("invoices.yaml")]
    told = {}
    for part, key, place in _keys(document):
        if "read-simply" not in place:  # a fallback takes from its step what it lacks
            told[part, key] = bool(_refused(_without(document, place), contracts, doors) & LACKING)

    tables_say = {(part, key): entry.default == keys.NEEDED for part, t in _parts().items() for key, entry in t.items()}
    assert {at: needed for at, needed in told.items() if at not in VOTING} == {
        at: tables_say[at] for at in told if at not in VOTING
    }


def test_tables_are_renewed_in_place() -> None:
    """What stands between the marks is replaced, and nothing else."""
    page = "before\n<!-- generated: properties -->\nstale\n<!-- end -->\nafter\n"

    fresh = renewed(page)

    assert fresh.startswith("before\n<!-- generated: properties -->\n`")
    assert fresh.endswith("\n<!-- end -->\nafter\n")
    assert renewed(fresh) == fresh


def test_every_table_stands_on_a_page() -> None:
    """No table is made for nobody."""
    pages = [ROOT / "ARCHITECTURE.md", *(ROOT / "docs").glob("*.md")]
    used = {
        name for page in pages for name in re.findall(r"<!-- generated: ([\w-]+) -->", page.read_text(encoding="utf-8"))
    }

    assert used == set(tables())


def _parts() -> dict[str, dict[str, keys.Key]]:
    return {"file": keys.FILE, "limits": keys.LIMITS, "reviews": keys.REVIEWS, "ingress": keys.INGRESS,
            "edge": keys.EDGE, "attempts": keys.ATTEMPTS, "halt": keys.HALT, "breaker": keys.BREAKER,
            "on_reject": keys.ON_REJECT, "check": keys.CHECK, "merge": keys.MERGE, **keys.STEP}  # fmt: skip


def _keys_of_policies() -> set[str]:
    """The keys that the examples in docs/merge-policies.md use."""
    page = (ROOT / "docs" / "merge-policies.md").read_text(encoding="utf-8")
    return {key for line in re.findall(r"merge: (\{.*\})", page) for key in YAML(typ="safe", pure=True).load(line)}


def _loaded(project: Path) -> dict[str, Any]:
    text = (project / "topology" / "everything.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return found


def _keys(document: dict[str, Any]) -> Iterator[tuple[str, str, Place]]:
    """Every key of a file: the part it belongs to, its name, and the way to it."""
    yield from (("file", key, (key,)) for key in document)
    for part in ("limits", "reviews", "ingress"):
        yield from ((part, key, (part, key)) for key in document[part])
    for name, step in document["steps"].items():
        for key, below in step.items():
            yield step["kind"], key, ("steps", name, key)
            if key in {"attempts", "halt", "breaker", "on_reject", "merge"}:
                yield from ((key, inner, ("steps", name, key, inner)) for inner in below)
            for at, check in enumerate(below if key == "checks" else ()):
                yield from (("check", inner, ("steps", name, key, at, inner)) for inner in check)
            for at, lead in enumerate(below if key == "to" else ()):
                if isinstance(lead, dict):
                    yield from (("edge", inner, ("steps", name, key, at, inner)) for inner in lead)


def _without(document: dict[str, Any], place: Place) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(document))
    within: Any = copy
    for part in place[:-1]:
        within = within[part]
    del within[place[-1]]
    return copy


def _refused(document: dict[str, Any], contracts: schemas.Schemas, doors: list[tuple[str, bytes]]) -> set[str]:
    try:
        compile_topology(json.dumps(document).encode(), "test.yaml", contracts, lambda _: _handler, lambda: doors)
    except Mistake as mistake:
        return {mistake.code, *(other.code for other in mistake.others)}
    return set()


def _handler(value: object) -> object:
    """Stands for every handler; where it does not fit, that is another code."""
    return value

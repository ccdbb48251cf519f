"""From the path of a topology to its plan: schemas and handlers are found beside it."""

from __future__ import annotations

import importlib
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from penstock.contracts import schemas
from penstock.errors import Misuse, Place
from penstock.topology.compiler import compile_topology
from penstock.topology.document import MAX_BYTES
from penstock.topology.plan import Plan

_CASES = ".test.yaml"


def compile_file(path: Path) -> Plan:
    """Compile a topology file, with `schemas/avro` and `services` beside its folder. Raises Mistake."""
    try:
        data = content(path, MAX_BYTES)
    except OSError as error:
        raise Misuse("E001", f"cannot read {path}", why=error.strerror or str(error), fix="name a topology file",
                     place=Place(str(path))) from error  # fmt: skip
    _import_from(path.resolve().parent.parent / "services")
    return compile_topology(data, str(path), contracts_beside(path), resolve, lambda: _beside(path))


def _beside(path: Path) -> Iterator[tuple[str, bytes]]:
    """The other topology files of a folder."""
    for other in sorted(path.parent.glob("*.yaml")):
        if not other.name.endswith(_CASES) and other.name != path.name:
            with suppress(OSError):
                yield str(other), content(other, MAX_BYTES)


def contracts_beside(path: Path) -> schemas.Schemas:
    """The contracts that a topology file can speak of."""
    return schemas.load(path.resolve().parent.parent / "schemas" / "avro")


def content(path: Path, most: int) -> bytes:
    """The first bytes of a regular file, one more than `most` at most. OSError where there is none to read.

    A pipe or a device may never end, or never begin.
    """
    kind = path.stat().st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise OSError(0, "it is a pipe or a device, not a file")
    with path.open("rb") as file:
        return file.read(most + 1)


def resolve(path: str) -> object:
    """The object behind `module:attribute`; ImportError says why there is none."""
    module, _, name = path.partition(":")
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise ImportError(f"{type(error).__name__}: {error}") from error
    try:
        return getattr(found, name)
    except AttributeError:
        near = get_close_matches(name, vars(found), n=1)
        hint = f"; did you mean “{near[0]}”?" if near else ""
        raise ImportError(f"module {module} has no “{name}”{hint}") from None


def _import_from(folder: Path) -> None:
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

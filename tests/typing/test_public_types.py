"""What a worker's author gets from the type checker: right uses pass, and every wrong one is an error at its line."""

from __future__ import annotations

import re
from pathlib import Path

from mypy import api

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_ERROR = re.compile(r"^[^:]+:(\d+): error: .*\[([\w-]+)\]$", re.MULTILINE)
_MARK = re.compile(r"# error: ([\w-]+)$")


def checked(path: Path, tmp_path: Path) -> dict[int, str]:
    """The rule that strict mypy names for each line of a file it refuses."""
    flags = ["--strict", "--config-file", "", "--no-error-summary", "--hide-error-context", "--no-pretty"]
    out, err, _ = api.run([*flags, "--cache-dir", str(tmp_path / "cache"), str(path)])
    assert not err, err
    return {int(line): rule for line, rule in _ERROR.findall(out)}


def test_right_uses_pass(tmp_path: Path) -> None:
    """Workers, checks, merges and sinks are accepted as the documentation shows them."""
    assert checked(HERE / "good.py", tmp_path) == {}


def test_every_wrong_use_is_an_error_at_its_line(tmp_path: Path) -> None:
    """A misspelt name, a wrong type and a forgotten argument are found before anything runs."""
    text = (HERE / "bad.txt").read_text(encoding="utf-8")
    marks = ((number, _MARK.search(line)) for number, line in enumerate(text.splitlines(), 1))
    marked = {number: found[1] for number, found in marks if found}
    path = tmp_path / "bad.py"
    path.write_text(text, encoding="utf-8")

    assert checked(path, tmp_path) == marked

"""The sink of JSON lines: each key once, whole lines only, whoever else appends to the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from penstock.effects.sinks import JsonLinesFile
from penstock.errors import Mistake
from pipelines import ROOT

_APPEND = """
import sys
from penstock.effects.sinks import JsonLinesFile
sink = JsonLinesFile({"path": sys.argv[1]})
print(sum(not sink.send({"by": sys.argv[2], "text": "x" * 500}, f"k{at}").duplicate for at in range(300)))
"""


def keys(path: Path) -> list[str]:
    """The keys of a file's lines, in their order."""
    return [json.loads(line)["key"] for line in path.read_bytes().splitlines()]


def sink(path: Path) -> JsonLinesFile:
    """A sink on a file."""
    return JsonLinesFile({"path": str(path)})


def test_a_key_is_written_once(tmp_path: Path) -> None:
    """The second time it is a duplicate, with the same reference and the first payload."""
    file = sink(tmp_path / "deep" / "effects.jsonl")
    first, again = file.send({"n": 1}, "k"), file.send({"n": 2}, "k")

    assert (first.duplicate, again.duplicate) == (False, True)
    assert first.reference == again.reference == "effects.jsonl@0"
    assert json.loads((tmp_path / "deep" / "effects.jsonl").read_bytes()) == {"key": "k", "effect": {"n": 1}}


def test_a_key_is_known_after_a_restart(tmp_path: Path) -> None:
    """The file is the memory."""
    sink(tmp_path / "f").send({"n": 1}, "k")

    assert sink(tmp_path / "f").send({"n": 1}, "k").duplicate


@pytest.mark.parametrize("kept", range(1, 30))
def test_a_torn_tail_is_cut_off(tmp_path: Path, kept: int) -> None:
    """Wherever a crash cut the last line short, it is removed and written whole."""
    path = tmp_path / "f"
    sink(path).send({"n": 1}, "a")
    whole = path.read_bytes()
    path.write_bytes(whole + whole.replace(b"a", b"b", 1)[:kept])

    assert not sink(path).send({"n": 2}, "b").duplicate
    assert keys(path) == ["a", "b"]


def test_lines_of_others_are_left_alone(tmp_path: Path) -> None:
    """What is not ours has no key, and stays where it is."""
    path = tmp_path / "f"
    foreign = b'\n# a remark\n[1]\n{"key": 7}\n{"no": "key"}\n\xff\n\x00\x00\n'
    path.write_bytes(foreign)

    assert not sink(path).send({}, "k").duplicate
    assert path.read_bytes().startswith(foreign)
    assert sink(path).send({}, "k").duplicate


def test_a_file_made_shorter_is_read_again(tmp_path: Path) -> None:
    """Somebody rotated it: the keys are known all the same."""
    path = tmp_path / "f"
    file = sink(path)
    file.send({"n": 1}, "a")
    os.truncate(path, 0)

    assert not file.send({"n": 2}, "b").duplicate
    assert file.send({"n": 1}, "a").duplicate
    assert keys(path) == ["b"]


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a line was written: it is taken back, and the key is not known."""
    path, write = tmp_path / "f", os.write
    file = sink(path)
    file.send({"n": 1}, "a")
    monkeypatch.setattr(os, "write", lambda to, line: write(to, line[:7]))
    with pytest.raises(OSError, match="only 7 of"):
        file.send({"n": 2}, "b")
    monkeypatch.undo()

    assert keys(path) == ["a"]
    assert not file.send({"n": 2}, "b").duplicate


def test_two_processes_write_each_key_once(tmp_path: Path) -> None:
    """Three hundred keys, sent by two processes at once: three hundred lines, and no process wrote them all twice."""
    path = tmp_path / "f"
    command = [sys.executable, "-c", _APPEND, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "services")}
    both = [subprocess.Popen([*command, who], stdout=subprocess.PIPE, env=environment) for who in ("a", "b")]
    fresh = [int(process.communicate(timeout=60)[0]) for process in both]

    assert sum(fresh) == 300
    assert sorted(keys(path)) == sorted(f"k{at}" for at in range(300))


@pytest.mark.parametrize("settings", [{}, {"path": ""}, {"path": 7}, {"path": "/"}, {"path": "/dev/null/x"}])
def test_a_file_that_cannot_be(settings: dict[str, Any]) -> None:
    """No path, a folder, a place nobody may write to: a person's mistake, with a code."""
    with pytest.raises(Mistake) as caught:
        JsonLinesFile(settings)

    assert caught.value.code in {"E131", "E132"}

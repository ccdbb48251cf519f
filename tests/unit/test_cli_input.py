"""Files and pipes that a person may hand in by mistake: each has its code, its place and its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = b'{"id": "e1", "number": 1.0}\n'


def penstock(*words: str, given: bytes = b"", **environment: str) -> tuple[int, dict[str, object], str]:
    """Exit code, document and stderr of a command with --json."""
    done = subprocess.run([sys.executable, "-m", "penstock", *words, "--json"], input=given, capture_output=True,
                          env={**os.environ, **environment}, cwd=ROOT, timeout=60, check=False)  # fmt: skip
    assert b"Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr.decode()


@pytest.mark.parametrize(
    ("given", "code", "line", "column"),
    [
        (GOOD + b"nonsense\n", "E340", 2, 1),
        (GOOD + b'{"id": "e2", number: 3}\n', "E340", 2, 14),
        (b'["e1"]\n', "E340", 1, 1),
        (b'{"id": "e1", "number": ' + b"[" * 100_000 + b"\n", "E340", 1, 1),
        (b'{"id": "e1", "id": "e2", "number": 1}\n', "E340", 1, 1),
        (b'{"id": "e1", "number": NaN}\n', "E340", 1, 1),
        (b'{"id": "e1", "number": 1' + b"0" * 5_000 + b"}\n", "E340", 1, 1),
        (b'{"id": "e1", "number": 1, "colour": 2}\n', "E341", 1, 1),
        (b'{"id": "e1"}\n', "E341", 1, 1),
        (b'{"id": 3, "number": 1}\n', "E342", 1, 1),
        (b'\n\n{"id": "\xff", "number": 1}\n', "E344", 3, 9),
        (b"\xff\xfe{\x00\n", "E344", 1, 1),
        (b"x" * 8_000_001, "E344", 1, 1),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else None,
)
def test_a_line_that_is_no_event(given: bytes, code: str, line: int, column: int) -> None:
    """Each is a mistake with line and column, exit code 1, in any locale."""
    exit_code, found, _ = penstock("send", "topology/diagram.yaml", "--dry-run", given=given, LC_ALL="C", LANG="C")

    assert (exit_code, found["code"]) == (1, code)
    assert found["where"] == {"file": "standard input", "line": line, "column": column}


@pytest.mark.parametrize("given", [b"", b"\n\n", b"\xef\xbb\xbf" + GOOD, GOOD.replace(b"\n", b"\r\n"), GOOD[:-1]])
def test_what_other_programs_write(given: bytes) -> None:
    """Nothing at all, empty lines, a byte order mark, Windows' line ends and a missing last one are no mistakes."""
    exit_code, found, _ = penstock("send", "topology/diagram.yaml", "--dry-run", given=given)

    assert (exit_code, found["checked"]) == (0, given.count(b"{"))


def test_a_topology_that_is_no_file(tmp_path: Path) -> None:
    """Nothing, a folder, a pipe nobody writes to and a device without an end are wrong use, at once."""
    os.mkfifo(tmp_path / "pipe")
    for path in ("nowhere.yaml", str(tmp_path), str(tmp_path / "pipe"), "/dev/zero"):
        exit_code, found, _ = penstock("check", path)

        assert (exit_code, found["code"]) == (2, "E001"), path


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "E010"), (b"\x00\x01", "E011"), (b"\xff\xfe\xff", "E019"), (b"a" * 2_000_000, "E021")],
    ids=["empty", "binary", "half a character", "large"],
)
def test_a_topology_of_other_bytes(tmp_path: Path, content: bytes, code: str) -> None:
    """Empty, binary and huge files are mistakes of the file, exit code 1."""
    (tmp_path / "odd.yaml").write_bytes(content)

    exit_code, found, _ = penstock("check", str(tmp_path / "odd.yaml"))

    assert (exit_code, found["code"]) == (1, code)


def test_data_that_cannot_be_read() -> None:
    """A file that is not there and a folder are wrong use; nothing is said of events that were not sent."""
    for path in ("nowhere.jsonl", "topology"):
        exit_code, found, told = penstock("send", "topology/diagram.yaml", "--dry-run", "--data", path)

        assert (exit_code, found["code"], told) == (2, "E343", "")


def test_a_step_or_setting_there_is_not(tmp_path: Path) -> None:
    """The nearest step is named; a setting has to be one."""
    home = str(tmp_path)
    misspelt = penstock("run", "topology/diagram.yaml", "chek", HOME=home)
    unset = penstock("run", "topology/diagram.yaml", "--set", "data", HOME=home)

    assert (misspelt[0], misspelt[1]["code"], misspelt[1]["fix"]) == (2, "E330", "did you mean “check”?")
    assert (unset[0], unset[1]["code"]) == (2, "E331")


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """Slots and brokers need a place to keep their locks; without one both say how to give one."""
    (tmp_path / "file").write_text("")
    broken = str(tmp_path / "file" / "below")

    slot = penstock("run", "topology/diagram.yaml", XDG_STATE_HOME=broken)
    broker = penstock("broker", "start", "--port", "0", "--dir", broken, XDG_CACHE_HOME=str(Path.home() / ".cache"))

    assert (slot[0], slot[1]["code"]) == (1, "E332")
    assert (broker[0], broker[1]["code"]) == (1, "E212")

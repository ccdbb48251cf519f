"""The demo, as its reader runs it: one document with everything in it, and nothing left behind by Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.provision import process

ROOT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, "-m", "triage.demo", "--json"]
KEYS = {"distinct", "statuses", "in_scope", "out_of_scope", "second_opinion", "effects", "seconds"}


def environment(folder: Path) -> dict[str, str]:
    """Temporary files go to a folder of the test's own."""
    return {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT / "services")}


def below(pid: int) -> list[process.Process]:
    """The living processes that descend from one."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(stat.parent.name))
    found, ahead = [], [pid]
    while ahead:
        children = parents.get(ahead.pop(), [])
        ahead += children
        found += children
    return [process.of(child) for child in found]


def test_the_sample_is_read_well(tmp_path: Path) -> None:
    """Every distinct message has a status, no effect happens twice, most are automated, and those are right."""
    done = subprocess.run(DEMO, env=environment(tmp_path), capture_output=True, text=True, timeout=280, check=False)

    assert done.returncode == 0, done.stderr
    result: Mapping[str, Any] = json.loads(done.stdout)
    inside, outside, effects = result["in_scope"], result["out_of_scope"], result["effects"]
    automated = inside["automated"] + outside["automated"]
    assert result.keys() >= KEYS
    assert result["distinct"] == 288 == sum(result["statuses"].values()) == inside["n"] + outside["n"]
    assert result["statuses"]["waiting"] > 0
    assert automated == result["statuses"].get("succeeded", 0) + result["statuses"].get("succeeded_by_fallback", 0)
    assert inside["right"] / automated >= 0.97
    assert inside["automated"] / inside["n"] >= 0.60
    assert result["second_opinion"].keys() == {"automated_without", "right_without"}
    assert (effects["duplicates"], effects["sent"] > automated) == (0, True)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    """Interrupted as a terminal does it the demo ends with 130; no process lives on and no folder stays."""
    with subprocess.Popen(
        DEMO, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as demo:  # fmt: skip
        assert demo.stderr
        told = []
        for line in demo.stderr:
            told.append(line)
            if "events sent" in line:
                break
        family = below(demo.pid)

        os.killpg(demo.pid, signal.SIGINT)
        told.append(demo.stderr.read())
        code = demo.wait(60)

    assert len(family) >= 3, "a broker, its watchman and the pipeline"
    assert (code, "Traceback" in "".join(told)) == (130, False), "".join(told)
    assert [one for one in family if not one.ended_within(5)] == []
    assert list(tmp_path.iterdir()) == []

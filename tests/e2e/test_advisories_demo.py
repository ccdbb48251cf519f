"""The second demo, as its reader runs it: by reference through a real Kafka, and what it lists is what was written."""

import json
import os
import subprocess
import sys
from pathlib import Path

from advisories.past import SAMPLE
from bench.contradictions import compared, findings

ROOT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, "-m", "advisories.demo", "--json"]


def run(tmp_path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The demo, its temporary files in a folder of the test's own."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT / "services")}
    return subprocess.run(
        [*DEMO, *arguments], env=environment, capture_output=True, text=True, timeout=280, check=False
    )


def test_the_sample_goes_through_kafka(tmp_path: Path) -> None:
    """Fourteen advisories of 25 vulnerabilities: nine are filed, five asked about, one score does not hold."""
    done = run(tmp_path)

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    found = [one for path in sorted(SAMPLE.glob("*.json")) for one in findings(path)]
    assert (result["advisories"], result["statuses"], result["filed"]) == (14, {"succeeded": 9, "waiting": 5}, 9)
    assert (result["vulnerabilities"], result["assessed"], result["scored"]) == (25, 24, 23)
    assert compared(found, result) == f"{len(found)} found by both, 0 by one alone"
    assert len(found) == 6
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_documents_is_told_at_once(tmp_path: Path) -> None:
    """Before a broker is started."""
    (tmp_path / "empty").mkdir()

    done = run(tmp_path, "--data", str(tmp_path / "empty"))

    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == "T002"

"""The advisories' pipeline on the broker in memory: its sample, with everything real but the effect."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from advisories.past import SAMPLE
from penstock.testing import Pipeline
from pipelines import ROOT

TOPOLOGY = ROOT / "topology" / "advisories.yaml"
# What was written into the sample: three whose prose differs by score, severity or place, a title, and a wrong score.
ASKED = {
    "SAMPLE-02": ["prose_score", "prose_vector"], "SAMPLE-03": ["prose_severity"],
    "SAMPLE-04": ["prose_misplaced", "prose_misplaced"], "SAMPLE-05": ["incomplete"], "SAMPLE-10": ["prose_score"],
}  # fmt: skip


def event(path: Path) -> dict[str, Any]:
    """The event about a document, as an upstream system would write it."""
    data = path.read_bytes()
    ref = {"uri": path.name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    advisory = json.loads(data)["document"]["tracking"]["id"]
    return {"advisory_id": advisory, "document": {**ref, "media_type": "application/json"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of documents that may be changed."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "documents"))


@pytest.fixture
def pipeline(folder: Path) -> Iterator[Pipeline]:
    """The whole pipeline on that folder."""
    with Pipeline(TOPOLOGY, artifacts=folder) as made:
        yield made


def test_the_sample_ends_as_it_was_written(pipeline: Pipeline, folder: Path) -> None:
    """Nine advisories are filed; five wait for a person, each for the reason that was put into it."""
    events = [event(path) for path in sorted(folder.glob("*.json"))]
    pipeline.send(*events)

    pipeline.settle()

    reviews = {review["event"]: sorted(reason["code"] for reason in review["reasons"]) for review in pipeline.reviews()}
    filed = {effect["advisory_id"]: effect for effect in pipeline.effects("file")}
    assert reviews == ASKED
    assert pipeline.ends() == {
        each["advisory_id"]: "waiting" if each["advisory_id"] in ASKED else "succeeded" for each in events
    }
    assert filed.keys() == {each["advisory_id"] for each in events} - ASKED.keys()
    assert [(a["number"], a["cve"], a["score"]) for a in filed["SAMPLE-12"]["assessments"]] == [
        (0, "CVE-1900-1201", 7.5), (1, "CVE-1900-1202", 9.8), (2, "CVE-1900-1203", 3.7),
    ]  # fmt: skip
    assert [(a["by"], a["score"]) for a in filed["SAMPLE-07"]["assessments"]] == [
        ("read-scores", 7.5), ("guess-severity", None),
    ]  # fmt: skip
    assert all(effect["count"] == len(effect["assessments"]) for effect in filed.values())


def test_a_document_that_was_changed_is_not_read(pipeline: Pipeline, folder: Path) -> None:
    """The event is about other bytes: no attempt but the first, and nothing behind it runs."""
    sent = event(folder / "sample-01.json")
    with (folder / "sample-01.json").open("ab") as file:
        file.write(b" ")
    pipeline.send(sent)

    pipeline.settle()

    (dead,) = pipeline.events("task_dead")
    assert dead["dead"] is not None
    assert (dead["step"], dead["attempt"], dead["dead"]["reasons"][0]["code"]) == ("read", 1, "artifact_differs")
    assert pipeline.ends() == {"SAMPLE-01": "failed"}


def test_a_document_that_goes_between_two_steps(pipeline: Pipeline, folder: Path) -> None:
    """Gone when the last gate looks for its prose: nothing passes a gate that could not look."""
    pipeline.hold("check-prose")
    pipeline.send(event(folder / "sample-01.json"))
    pipeline.settle()
    (folder / "sample-01.json").unlink()

    pipeline.resume("check-prose")
    pipeline.settle()

    assert [dead["dead"] and dead["dead"]["reasons"][0]["code"] for dead in pipeline.events("task_dead")] == [
        "artifact_gone"
    ]
    assert pipeline.effects() == []


def test_a_folder_that_is_away_is_asked_again(pipeline: Pipeline, folder: Path) -> None:
    """A volume that is not mounted is a transient failure: three attempts, then the end."""
    sent = event(folder / "sample-01.json")
    shutil.rmtree(folder)
    pipeline.send(sent)

    pipeline.settle()

    (dead,) = pipeline.events("task_dead")
    assert dead["dead"] is not None
    assert (dead["attempt"], dead["dead"]["reasons"][0]["code"]) == (3, "exception")
    assert "do not answer" in dead["dead"]["reasons"][0]["message"]

"""A worker that kills its process, and one that never works, as `penstock run` and its restarts meet them."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from e2e.project import ROOT, Project, project, until

KILLER = 17
EVENTS = "".join(json.dumps({"id": f"e{n}", "number": -1.0 if n == KILLER else float(n)}) + "\n" for n in range(60))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One project and one broker for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT / "tests"))
        with project(tmp_path_factory.mktemp("deadly")) as made:
            for name in ("deadly", "broken"):
                file = ROOT / "tests" / "e2e" / "topology" / f"{name}.yaml"
                (made.folder / "topology" / file.name).write_bytes(file.read_bytes())
            yield made


def results(home: Project) -> list[str]:
    """The ids of what came out."""
    return [value["id"] for value in home.values("deadly.out.results")]


def test_a_record_that_kills_is_found_and_its_neighbours_are_done(home: Project) -> None:
    """Killed by SIGKILL from within the handler and started again: four deaths, one dead letter, 59 results."""
    file = "topology/deadly.yaml"
    home.asked("apply", file)
    home.asked("send", file, given=EVENTS)
    deaths = 0
    with home.running(file, "ingress", "supervisor"):
        until(lambda: len(home.values("deadly.score")) == len(EVENTS.splitlines()), 60)
        while True:
            step = home.start(file, "score")
            try:
                until(lambda step=step: step.process.poll() is not None or len(results(home)) == 59, 60)  # type: ignore[misc]  # the default binds it
                if step.process.poll() is None:
                    until(lambda: len(home.values("deadly.status")) >= 60, 60)
                    assert step.stop() == 0
                    break
            finally:
                step.process.kill()
                step.process.wait()
            assert step.process.returncode == -signal.SIGKILL, step.said()
            deaths += 1
            assert deaths < 10

    dead = [event for event in home.values("deadly.runs") if event["kind"] == "task_dead"]
    states = {status["event"]: status["state"] for status in home.values("deadly.status")}
    assert deaths == 4
    assert [event["event"] for event in dead] == [f"e{KILLER}"]
    assert dead[0]["dead"]["reasons"][0]["code"] == "killed_the_process"
    assert sorted(results(home)) == sorted(f"e{number}" for number in range(60) if number != KILLER)
    assert {event for event, state in states.items() if state != "succeeded"} == {f"e{KILLER}"}
    assert states[f"e{KILLER}"] == "failed"


def test_a_bad_deploy_ends_with_its_code(home: Project) -> None:
    """However often it is started: exit code 1, E357 and what to do on stderr, and few dead letters."""
    file = "topology/broken.yaml"
    home.asked("apply", file)
    home.asked("send", file, given=EVENTS)
    said = []
    with home.running(file, "ingress"):
        for _ in range(3):
            step = home.start(file, "score")
            assert step.process.wait(60) == 1, step.said()
            said.append(step.said())

    dead = [event for event in home.values("broken.runs") if event["kind"] == "task_dead"]
    assert 0 < len(dead) <= 5 + 8
    assert all("error[E357]: score halted:" in text and "KeyError" in text for text in said)
    assert all("penstock run FILE score --forgive-failures" in text for text in said)

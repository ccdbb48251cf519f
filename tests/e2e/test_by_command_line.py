"""Everything by the command line alone: a broker, topics, each step its own process, events, a person, the end."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions  # the package's door does not re-export it for type checkers

from e2e.project import Project, lay_out, project, until
from penstock.runtime.kafka.admin import KafkaAdmin

EVENTS = "".join(json.dumps({"id": f"e{number}", "number": float(number)}) + "\n" for number in range(50))
STEPS = ("ingress", "a", "check", "b", "decide", "supervisor")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One project and one broker for all."""
    with project(tmp_path_factory.mktemp("project")) as made:
        yield made


def lag(home: Project, group: str, topic: str) -> int:
    """How many records, and marks of transactions, a group has not committed behind itself."""
    admin = KafkaAdmin({"bootstrap.servers": home.bootstrap})
    return sum(admin.ends(topic, 4, first=False).values()) - sum(admin.offsets(group, topic, 4).values())


def test_the_drawing_with_each_step_its_own_process(home: Project) -> None:
    """Fifty events, each sent twice, succeed once each; the processes stay small and end in good order."""
    file = "topology/diagram.yaml"
    first, second = (home.asked("apply", file) for _ in range(2))
    with home.running(file, *STEPS) as steps:
        sent = [home.asked("send", file, given=EVENTS)["sent"] for _ in range(2)]
        until(lambda: len(home.values("diagram.status")) >= 50, 60)
        probes = [step.get(path)[0] for step in steps for path in ("/livez", "/readyz", "/metrics")]
        until(lambda: not lag(home, "diagram.ingress", "diagram.in"), 30)
        until(lambda: not any(lag(home, f"diagram.{name}", f"diagram.{name}") for name in STEPS[1:-1]), 30)
        memory = {step.name: step.memory() for step in steps}
        codes = {step.name: step.stop() for step in steps}

    states = Counter(status["state"] for status in home.values("diagram.status"))
    results = [result["id"] for result in home.values("diagram.out.results")]
    assert (len(first["changes"]), second["changes"]) == (28, [])
    assert sent == [50, 50]
    assert states == {"succeeded": 50}
    assert sorted(results) == sorted(f"e{number}" for number in range(50))
    assert set(probes) == {200}
    assert codes == dict.fromkeys(STEPS, 0)
    assert max(memory.values()) < 150, memory


def test_a_person_decides_and_the_run_ends(home: Project) -> None:
    """A review is listed, shown and approved by the command line; its run ends as resolved_by_human, and only once."""
    file = "topology/ask.yaml"
    home.asked("apply", file)
    with home.running(file) as steps:
        home.asked("send", file, given='{"id": "large", "number": 99}\n{"id": "small", "number": 1}\n')
        until(lambda: len(home.asked("review", "list", file)["items"]) == 1, 60)
        (asked,) = home.asked("review", "list", file)["items"]
        shown = home.asked("review", "show", file, asked["review"][:8])
        bare = home.call("review", "reject", file, asked["review"], "-b", home.bootstrap)
        home.asked("review", "approve", file, asked["review"], "--as", "ana", "--note", "looked at it")
        until(lambda: {"succeeded", "resolved_by_human"} <= {s["state"] for s in home.values("ask.status")}, 60)
        until(lambda: home.asked("review", "list", file)["items"] == [], 30)
        late = home.call("review", "approve", file, asked["review"], "-b", home.bootstrap, "--json")
        memory = steps[0].memory()
        codes = [step.stop(signal.SIGINT) for step in steps]

    noted = [json.loads(line)["effect"]["id"] for line in (home.folder / "notes.jsonl").read_text().splitlines()]
    ends = {status["event"]: status["state"] for status in home.values("ask.status")}
    assert (shown["value"]["id"], shown["reasons"][0]["code"]) == ("large", "too-large")
    assert "error[E313]" in bare.stderr
    assert ends == {"large": "resolved_by_human", "small": "succeeded"}
    assert (late.returncode, json.loads(late.stdout)["code"]) == (6, "E311")
    assert sorted(result["id"] for result in home.values("ask.out.results")) == ["large", "small"]
    assert sorted(noted) == ["large", "small"]
    assert codes == [0]
    assert memory < 150


def test_a_process_waits_for_its_topics_and_says_so(home: Project) -> None:
    """Without topics nothing is made: /livez is well, /readyz and the log name what to do; `apply` sets it going."""
    file = "topology/late.yaml"
    text = (home.folder / "topology/diagram.yaml").read_text(encoding="utf-8")
    (home.folder / file).write_text(text.replace("pipeline: diagram", "pipeline: late"), encoding="utf-8")
    step = home.start(file, "a")
    try:
        until(lambda: "penstock apply" in step.get("/readyz")[1], 20)
        alive = step.get("/livez")[0]
        before = KafkaAdmin({"bootstrap.servers": home.bootstrap}).topics()
        home.asked("apply", file)
        until(step.ready, 30)
        code = step.stop()
    finally:
        step.process.kill()
        step.process.wait()

    assert alive == 200
    assert not any(name.startswith("late.") for name in before)
    assert "late.a" in step.said()
    assert code == 0


def test_another_plan_is_deployed_while_a_run_waits(home: Project) -> None:
    """A plan that was never applied does not begin, and says so; applied, it ends what began under the one before."""
    file = home.folder / "topology/moved.yaml"
    text = (home.folder / "topology/ask.yaml").read_text(encoding="utf-8").replace("pipeline: ask", "pipeline: moved")
    file.write_text(text, encoding="utf-8")
    old = home.asked("apply", str(file))["plan"]
    with home.running(str(file)):
        home.asked("send", str(file), given='{"id": "large", "number": 99}\n')
        until(lambda: len(home.asked("review", "list", str(file))["items"]) == 1, 60)
    file.write_text(text.replace("deadline: 2m", "deadline: 3m"), encoding="utf-8")
    step = home.start(str(file), "")
    try:
        until(lambda: "was never applied" in step.get("/readyz")[1], 20)
        applied = home.asked("apply", str(file))
        again = home.asked("apply", str(file))
        until(step.ready, 60)
        (asked,) = home.asked("review", "list", str(file))["items"]
        home.asked("review", "approve", str(file), asked["review"])
        until(lambda: any(status["terminal"] for status in home.values("moved.status")), 60)
        code = step.stop()
    finally:
        step.process.kill()
        step.process.wait()

    (end,) = [status for status in home.values("moved.status") if status["terminal"]]
    assert applied["plan"] != old
    assert applied["in_flight"] == again["in_flight"] == [{"plan": old, "runs": 1}]
    assert [change["kind"] for change in applied["changes"]] == ["plan"]
    assert again["changes"] == []
    assert (end["state"], end["plan"]) == ("resolved_by_human", old)
    assert code == 0


def test_a_topic_that_goes_or_widens_stops_who_needs_it(home: Project) -> None:
    """A step whose output topic is deleted, and one whose own topic is widened, halt, name it and make nothing."""
    file = "topology/gone.yaml"
    text = (home.folder / "topology/diagram.yaml").read_text(encoding="utf-8")
    (home.folder / file).write_text(text.replace("pipeline: diagram", "pipeline: gone"), encoding="utf-8")
    home.asked("apply", file)
    client = AdminClient({"bootstrap.servers": home.bootstrap})
    with home.running(file, "ingress", "a", "check") as (ingress, writer, reader):
        client.create_partitions([NewPartitions("gone.check", 6)])["gone.check"].result()
        client.delete_topics(["gone.b"])["gone.b"].result()
        home.asked("send", file, given=EVENTS)
        codes = [step.process.wait(90) for step in (writer, reader)]
        well = ingress.ready()

    assert codes == [1, 1]
    assert "error[E355]: the topic gone.b, to be written to, does not exist" in writer.said()
    assert "fix:   `penstock apply FILE` creates it" in writer.said()
    assert "error[E351]: check halted: topic gone.check has more partitions than it had" in reader.said()
    assert well
    assert "gone.b" not in KafkaAdmin({"bootstrap.servers": home.bootstrap}).topics()


def test_a_process_ends_when_told_to_without_a_broker(tmp_path: Path) -> None:
    """Where no broker answers a process waits and says why; SIGTERM ends it at once, with 0, and SIGINT too."""
    lay_out(tmp_path)
    nowhere = Project(tmp_path, "127.0.0.1:1")

    codes = []
    for number in (signal.SIGTERM, signal.SIGINT):
        step = nowhere.start("topology/diagram.yaml", "a")
        try:
            until(lambda step=step: "Connection refused" in step.get("/readyz")[1], 20)  # type: ignore[misc]  # bound now
            codes.append((step.get("/livez")[0], step.stop(number)))
        finally:
            step.process.kill()
            step.process.wait()

    assert codes == [(200, 0), (200, 0)]
    assert '"event": "waiting"' in step.said()


def test_an_editor_and_a_file_and_a_cancel(home: Project) -> None:
    """A value is changed in $EDITOR or read from a file, refused where the gate would refuse it; a run is cancelled."""
    file = "topology/edit.yaml"
    text = (home.folder / "topology/ask.yaml").read_text(encoding="utf-8").replace("pipeline: ask", "pipeline: edit")
    for old, new in (("score < 0.9", "score < 0.5"), ("notes.jsonl", "edited.jsonl"), (", waivable: true", "")):
        text = text.replace(old, new)
    (home.folder / file).write_text(text, encoding="utf-8")
    (home.folder / "high.json").write_text('{"id": "by-file", "number": 9.0, "score": 0.7, "label": "large"}')
    (home.folder / "low.json").write_text('{"id": "by-file", "number": 9.0, "score": 0.4, "label": "large"}')
    (home.folder / "editor").write_text('#!/bin/sh\nsed -i \'s/"score": [0-9.]*/"score": 0.3/\' "$1"\n')
    (home.folder / "editor").chmod(0o755)
    home.asked("apply", file)
    with home.running(file):
        names = ("by-file", "by-editor", "cancelled")
        home.asked("send", file, given="".join(json.dumps({"id": name, "number": 9.0}) + "\n" for name in names))
        until(lambda: len(home.asked("review", "list", file)["items"]) == 3, 60)
        reviews = {item["event"]: item for item in home.asked("review", "list", file)["items"]}
        edit = ("review", "edit", file)
        high = home.call(*edit, reviews["by-file"]["review"], "--from", "high.json", "-b", home.bootstrap, "--json")
        both = home.call(
            *edit, reviews["by-file"]["review"], "--from", "low.json", "--set", "/score=1", "-b", home.bootstrap
        )
        home.asked(*edit, reviews["by-file"]["review"], "--from", "low.json")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EDITOR", str(home.folder / "editor"))
            home.asked(*edit, reviews["by-editor"]["review"])
            patch.setenv("EDITOR", "true")
            same = home.call(*edit, reviews["cancelled"]["review"], "-b", home.bootstrap)
        home.asked("runs", "cancel", file, reviews["cancelled"]["run"][:13], "--reason", "enough")
        until(lambda: len([s for s in home.values("edit.status") if s["terminal"]]) == 3, 60)

    ends = {status["event"]: status["state"] for status in home.values("edit.status")}
    scores = {result["id"]: result["score"] for result in home.values("edit.out.results")}
    assert (high.returncode, json.loads(high.stdout)["code"]) == (5, "E317")
    assert (both.returncode, same.returncode) == (2, 1)
    assert "nothing was changed" in same.stderr
    assert ends == {"by-file": "resolved_by_human", "by-editor": "resolved_by_human", "cancelled": "cancelled"}
    assert scores == {"by-file": pytest.approx(0.4), "by-editor": pytest.approx(0.3)}

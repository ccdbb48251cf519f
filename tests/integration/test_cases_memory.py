"""Every topology of this repository passes its cases, and a case that expects what is not so fails where it stands."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagram import workers
from penstock import cli
from penstock.testing import cases
from penstock.testing.play import play
from penstock.testing.production import Production
from pipelines import ROOT

FOLDERS = (ROOT / "topology", ROOT / "tests" / "branches" / "topology")
TOPOLOGIES = sorted(
    path for folder in FOLDERS for path in folder.glob("*.yaml") if not path.name.endswith(cases.SUFFIX)
)
Try = Callable[..., tuple[int, str]]


@pytest.fixture
def attempt(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Try:
    """Runs `penstock test` on the drawing with cases of a test's own; answers the exit code and what was said."""
    (tmp_path / "topology").mkdir()
    (tmp_path / "schemas").symlink_to(ROOT / "schemas")
    topology = tmp_path / "topology" / "x.yaml"
    topology.write_text((ROOT / "topology" / "diagram.yaml").read_text())
    monkeypatch.chdir(topology.parent)

    def run(text: str, *arguments: str) -> tuple[int, str]:
        Path("x.test.yaml").write_text(text)
        code = cli.main(["test", "x.yaml", *arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.fixture(scope="module")
def inbox() -> Production:
    """The bank's inbox, compiled once."""
    return Production.of(ROOT / "topology" / "triage.yaml")


@pytest.mark.parametrize("path", TOPOLOGIES, ids=lambda path: path.stem)
def test_every_topology_passes_its_cases(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every topology ships its cases, and all of them pass."""
    code = cli.main(["test", str(path)])

    said = capsys.readouterr()
    assert code == 0, said.out + said.err


def test_a_hundred_cases_take_little(inbox: Production, capsys: pytest.CaptureFixture[str]) -> None:
    """The cases of the largest topology, over and over: what one takes is printed, and a model would be far more."""
    script = cases.read(ROOT / "topology" / "triage.test.yaml", inbox)
    chosen = [script.cases[at % len(script.cases)] for at in range(100)]

    began = time.process_time()
    results = list(play(script, inbox, chosen))
    seconds = time.process_time() - began

    with capsys.disabled():
        sys.stdout.write(f"\n100 cases of triage: {seconds:.2f} s of processor time\n")
    assert all(result.passed for result in results)


WRONG = """\
event: {id: j1, number: 1.0}
cases:
  all of it is wrong:
    expect:
      status: rejected
      path: [a, b]
      never: [decide]
      outputs: {results: {score: 0.75, agreed: false}}
      attempts: {a: 2}
      reasons: [split]
      dead: {b: exception}
      reviews: [check]
      cost: 1 USD
      duplicates: 1
"""
TOLD = """\
✗ all of it is wrong
  status  x.test.yaml:5:15
    expected  rejected
    actual    succeeded
  path  x.test.yaml:6:13
    expected  ["a", "b"]
    actual    ["a", "check", "b", "decide", "results"]
  never  x.test.yaml:7:15
    expected  decide does not run
    actual    it ran
  outputs/results/score  x.test.yaml:8:34
    expected  0.75
    actual    0.5
  attempts/a  x.test.yaml:9:21
    expected  2
    actual    1
  reasons  x.test.yaml:10:16
    expected  ["split"]
    actual    []
  dead/b  x.test.yaml:11:17
    expected  exception
    actual    []
  reviews  x.test.yaml:12:16
    expected  ["check"]
    actual    []
  cost  x.test.yaml:13:13
    expected  1 USD
    actual    0 USD
  duplicates  x.test.yaml:14:19
    expected  1
    actual    0
  what ran  j1: a → check → b → decide → results
"""


def test_a_wrong_expectation_fails_where_it_stands(attempt: Try) -> None:
    """Each field that is not as expected: what was expected, what happened, and the place of the expectation."""
    code, said = attempt(WRONG)

    assert code == 1
    assert said.startswith(TOLD)
    assert re.search(r"1 of 1 case failed in \d+\.\d\d s\n$", said)


def test_what_nobody_mentioned_must_not_have_happened(attempt: Try) -> None:
    """Outputs, effects and dead letters are told whole: one that is not expected is a difference."""
    code, said = attempt("cases: {a: {send: {id: j1, number: -3.0}, expect: {dead: {}, outputs: {}}}}")

    assert code == 1
    assert 'dead/check  x.test.yaml:1:52\n    expected  none\n    actual    ["out-of-range"]' in said
    assert "j1: a → check ✗ out-of-range → b → decide ✗ branch_missing" in said


def test_a_handler_that_must_not_be_loaded(attempt: Try) -> None:
    """Under `stub: all` a worker without a stub is not loaded, and whoever reaches it learns which one."""
    code, said = attempt("stub: all\ncases: {a: {send: {id: j1, number: 1.0}, expect: {runs: 1}}}")

    assert code == 1
    assert "stubs/a  x.test.yaml:2:9\n    expected  a stub, since `stub: all` loads nothing" in said


def test_nobody_can_decide_what_is_not_asked(attempt: Try) -> None:
    """A decision without a review is wrong wherever it can be told: here as the file is read."""
    code, said = attempt("cases: {a: {send: {id: j1, number: 1.0}, then: [approve: check], expect: {runs: 1}}}")

    assert code == 2
    assert "error[E162]: nobody is ever asked about “check”" in said


def test_a_step_that_stops_is_told(attempt: Try) -> None:
    """A step that halts is a difference, unless the case foresees it."""
    events = ", ".join(f"{{id: j{number}, number: 1.0}}" for number in range(60))
    text = f"cases: {{a: {{send: [{events}], stubs: {{b: {{raise: broken}}}}, expect: {{%s: %s}}}}}}"

    assert attempt(text % ("halted", "[b]"))[0] == 0
    code, said = attempt(text % ("status", "running"))
    assert code == 1
    assert "b  x.test.yaml:1:9\n    expected  it goes on\n    actual    50 tasks in a row of b failed" in said


TWO = """\
cases:
  a good one: {send: {id: j1, number: 1.0}, expect: {status: succeeded}}
  a bad one: {send: {id: j1, number: 1.0}, expect: {status: failed}}
"""


@pytest.mark.parametrize(("name", "code"), [("GOOD", 0), ("bad", 1), ("one", 1)])
def test_some_cases_can_be_chosen(attempt: Try, name: str, code: int) -> None:
    """-k takes a part of a case's name, in any case; the others are not played."""
    assert attempt(TWO, "-k", name)[0] == code


def test_a_name_that_no_case_has(attempt: Try) -> None:
    """Choosing nothing is wrong use, and not a success."""
    code, said = attempt(TWO, "-k", "a god one")

    assert code == 2
    assert "E164" in said
    assert "did you mean “a good one”?" in said


def test_one_document_for_programs(attempt: Try) -> None:
    """With --json all results are one document on stdout, differences with their places."""
    code, said = attempt(TWO, "--json")

    found = json.loads(said)
    assert code == 1
    assert (found["kind"], found["version"], found["passed"], found["failed"]) == ("TestReport", 1, 1, 1)
    assert found["cases"][0] == {
        "name": "a good one", "passed": True, "where": {"file": "x.test.yaml", "line": 2, "column": 3},
        "differences": [], "ran": [],
    }  # fmt: skip
    assert found["cases"][1]["differences"] == [
        {"path": "status", "expected": "failed", "actual": "succeeded",
         "where": {"file": "x.test.yaml", "line": 3, "column": 61}}
    ]  # fmt: skip


def test_all_mistakes_of_a_file_at_once(attempt: Try) -> None:
    """A file that cannot be read is wrong use: no case is played, and every mistake is shown in its line."""
    code, said = attempt("cases:\n  a: {sent: {}, expect: {statsu: failed}}\n")

    assert code == 2
    assert "x.test.yaml:2:7" in said
    assert "did you mean “send”?" in said
    assert "did you mean “status”?" in said
    assert "2 errors" in said


def test_a_broken_topology_is_the_compilers(attempt: Try) -> None:
    """What is wrong with the topology itself is told as `penstock check` tells it."""
    Path("x.yaml").write_text("pipeline: x\n")

    code, said = attempt(TWO)

    assert code == 1
    assert "error[E010]" in said


def test_control_c_ends_it(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interruption is one, also where a handler was at work and took it for a failure of its own."""

    def interrupted(job: dict[str, Any]) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGINT)
        return job

    monkeypatch.setattr(workers, "score", interrupted)

    code, said = attempt(TWO)

    assert code == 130
    assert "a bad one" not in said
    assert "interrupted" in said
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_model_is_loaded_once(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real worker is made once for all cases, when it is first reached, with the settings that were given."""
    made: list[dict[str, Any]] = []

    class Model:
        def __init__(self, settings: dict[str, Any]) -> None:
            made.append(settings)

        def __call__(self, value: dict[str, Any]) -> dict[str, Any]:
            return {**value, "score": 0.5, "label": "large"}

    monkeypatch.setattr(workers, "score", Model)

    code, _ = attempt(TWO, "--set", "data=there", "--set", "a:depth=3", "--set", "b:depth=4")

    assert code == 1
    assert made == [{"data": "there", "depth": "3"}]


def test_a_model_that_cannot_be_loaded(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real worker that cannot be made is told as what it is, and not as a failed attempt."""

    class Model:
        def __init__(self) -> None:
            raise OSError("no weights")

        def __call__(self, value: dict[str, Any]) -> dict[str, Any]:
            return value

    monkeypatch.setattr(workers, "score", Model)

    code, said = attempt(TWO, "-k", "good")

    assert code == 1
    assert "diagram.workers:score, which is “a”, cannot be made: OSError: no weights" in said


@pytest.mark.parametrize(
    "wrong",
    [
        "status: waiting", "path: []", "path: [understand, understand]", "never: [decisions]", "attempts: 8",
        "attempts: {assign: 2}", "attempts: {understand-simply: 1}", "cost: 0.001 USD", "fallbacks: 1",
        "reasons: [unsure]", "reasons: [{code: unsure}]", "dead: {decide: split_vote}", "in_doubt: [assign]",
        "reviews: [decide]", "reviews: [{step: decide}]", "effects: {}", "effects: {assign: 2, acknowledge: 1}",
        "effects: {assign: 0, acknowledge: 1}", "effects: {assign: {agreement: 3}, acknowledge: 1}",
        "effects: {assign: [{}, {}], acknowledge: 1}", "outputs: {}", "outputs: {decisions: {intent: null}}",
        "refused: 1", "duplicates: 1", "halted: [decide]", "runs: 2", "runs: {m2: {status: succeeded}}",
        "runs: {m1: {status: failed}}", "runs: {m1: {never: [decide]}}",
    ],
)  # fmt: skip
def test_every_expectation_can_fail(wrong: str, inbox: Production, tmp_path: Path) -> None:
    """Each kind of expectation, where it is wrong about a run that goes well, fails the case at its own place."""
    above = (ROOT / "topology" / "triage.test.yaml").read_text().partition("\ncases:\n")[0]
    file = tmp_path / "wrong.test.yaml"
    file.write_text(f"{above}\ncases: {{a: {{expect: {{{wrong}}}}}}}\n")
    script = cases.read(file, inbox)

    (result,) = play(script, inbox, script.cases)

    assert not result.passed
    assert all(found.spot.line == len(file.read_text().splitlines()) for found in result.differences)
    assert all(found.expected != found.actual for found in result.differences)

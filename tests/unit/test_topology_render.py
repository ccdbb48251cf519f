"""The report of `penstock check`: lines for a terminal, one JSON document, and a Mermaid chart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock.assembly.plans import compile_file, resolve
from penstock.cli import main
from penstock.cli.check import check
from penstock.contracts.schemas import load
from penstock.topology import render
from penstock.topology.compiler import compile_topology
from penstock.topology.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
BANK = ROOT / "tests" / "topologies" / "bank.yaml"
DIAGRAM = ROOT / "topology" / "diagram.yaml"


@pytest.fixture(scope="module")
def bank() -> Plan:
    return compile_topology(BANK.read_bytes(), "bank.yaml", load(ROOT / "schemas" / "avro"), resolve)


def test_draws_the_drawing() -> None:
    """The diagram, top down: two branches, and their join drawn once."""
    plan = compile_file(DIAGRAM)

    assert list(render.tree(plan)) == [
        "ingress  known by id for 24h  → diagram.Job",
        "a  worker  3 x 5s  → diagram.Scored",
        "├─ check  validator of a  1 check  → diagram.Scored",
        "│  ▷ decide, below",
        "└─ b  worker  3 x 5s  → diagram.Second",
        "   decide  aggregator of check, b  all  → diagram.Result",
        "   results  output  keyed by id",
    ]


def test_fits_a_terminal(bank: Plan) -> None:
    """No line is wider than 80 columns, and every step is drawn once."""
    lines = render.page(bank).splitlines()

    assert max(map(len, lines)) <= 80
    tree = [line.lstrip("├─└│ ") for line in render.tree(bank)]
    for name in bank.steps:
        drawn = [line for line in tree if line.startswith((f"{name}  ", f"else {name}  "))]
        assert len(drawn) == 1, name


def test_names_the_dominating_term(bank: Plan) -> None:
    """The worst case stands beside what is allowed, and what makes most of it is named."""
    page = render.page(bank)

    assert "tasks     25 (allowed 40)" in page
    assert "most: reviews: 8 of 25 tasks (2 decisions x 4 attempts)" in page
    assert "cost      0.013 USD (allowed 0.05 USD)" in page


def test_mermaid_has_every_edge(bank: Plan) -> None:
    """The chart for pages has the contracts on its edges, and fallbacks dashed."""
    lines = render.mermaid(bank).splitlines()

    assert lines[0] == "flowchart TD"
    assert "  ingress -->|diagram.Job| read" in lines
    assert "  read -.->|fallback| read-simply" in lines
    assert "  check-reading -->|diagram.Scored| thank" in lines
    assert len([line for line in lines if "-->" in line]) == 9  # one from ingress, eight between steps


def test_a_gate_that_asks_again_is_drawn() -> None:
    """In words, how often, and as a dashed edge back to the worker."""
    for reruns, words in ((1, "asks again"), (3, "asks 3 times again")):
        asks = f"{{reruns: {reruns}, fallback: true}}"
        data = BANK.read_text(encoding="utf-8").replace("{fallback: true, review: true}", asks).encode()
        plan = compile_topology(data, "bank.yaml", load(ROOT / "schemas" / "avro"), resolve)
        gate = next(line for line in render.tree(plan) if "check-reading" in line)
        assert f"1 check  {words}" in gate
        assert f"  check-reading -.->|{words}| read" in render.mermaid(plan)


def test_a_name_that_is_a_word_of_mermaid() -> None:
    """Steps called `end` or `b-` are drawn under another id, and labelled with their names."""
    text = DIAGRAM.read_text(encoding="utf-8").replace("results", "end").replace("[check, b]", "[check, b-]")
    data = text.replace("  b:\n", "  b-:\n").encode()
    plan = compile_topology(data, "odd.yaml", load(ROOT / "schemas" / "avro"), resolve)

    lines = render.mermaid(plan).splitlines()

    assert '  step_end[("end")]' in lines
    assert "  decide -->|diagram.Result| step_end" in lines
    assert "  step_b_ -->|diagram.Second| decide" in lines


def test_check_draws_for_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    """With --mermaid the answer is the chart, to be put into a page as it is."""
    assert main(["check", str(DIAGRAM), "--mermaid"]) == 0

    assert capsys.readouterr().out == render.mermaid(compile_file(DIAGRAM))


def test_check_answers_with_one_document() -> None:
    """With --json the answer is one document with steps, edges and the worst case with its terms."""
    answer = CliRunner().invoke(check, [str(DIAGRAM), "--json"], catch_exceptions=False)

    found = json.loads(answer.output)
    assert (found["kind"], found["version"], found["pipeline"]) == ("CheckReport", 1, "diagram")
    assert {"from": "check", "to": "decide", "contract": "diagram.Scored"} in found["edges"]
    assert len(found["edges"]) == 6
    assert found["worst_case"]["tasks"] == sum(term["tasks"] for term in found["worst_case"]["terms"]) == 8


def test_check_shows_all_mistakes_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """A broken file is answered with every mistake at its place, and exit code 1."""
    code = main(["check", str(ROOT / "tests" / "broken" / "several.yaml")])

    shown = capsys.readouterr()
    assert code == 1
    assert [line.split()[-1].rpartition("several.yaml")[2] for line in shown.err.splitlines() if "-->" in line] == [
        ":5:1", ":11:10", ":12:11", ":16:5",
    ]  # fmt: skip
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_check_of_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is a mistake like any other."""
    assert main(["check", "nowhere/at-all.yaml"]) == 2
    assert "E001" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["diagram.workers:nothing", "no.such.module:x", "broken.breaks:work"])
def test_resolve_says_why_not(path: str) -> None:
    """What cannot be found, or breaks while it is imported, is an ImportError with a reason."""
    with pytest.raises(ImportError, match=r"\S"):
        resolve(path)

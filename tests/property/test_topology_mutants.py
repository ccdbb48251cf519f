"""Good topologies with a line, a word or some bytes changed: a plan that keeps the rules, or mistakes with places."""

from __future__ import annotations

import os
import re
from pathlib import Path
from random import Random

import pytest

from penstock.assembly.plans import resolve
from penstock.contracts.schemas import load
from penstock.errors import Mistake
from penstock.topology import render
from penstock.topology.compiler import compile_topology
from penstock.topology.plan import Aggregator, Effect, Plan, Step, Validator

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = load(ROOT / "schemas" / "avro")
GOOD = [(ROOT / "topology" / name).read_bytes() for name in ("triage.yaml", "diagram.yaml")]
MUTANTS = int(os.environ.get("MUTANTS", "300"))  # of each seed; 5,000 take two minutes
_TOKEN = re.compile(rb"\s+|[\w.\-/]+|.", re.DOTALL)
_NASTY = (
    b"null", b"[]", b"{}", b"-1", b"1e400", b".nan", b'"', b"'", b": ", b"? ", b"!!python/object:os.system x", b"&a",
    b"*a", b"%", b"|-9", b"---\n", b"\x00", b"\xff", b"\xe2\x80\xa8", b"\xc2\x85", b"\r", b"\t", b"#", b"{{{{", b"[[[[",
    b"<<: ", b"9" * 400, b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b"{0}", b"%s", b'"\\ud800"', b'"\\x00"',
    b"true", b"no", b"0777", b"1:30", b"2026-01-01", b"%YAML 9.9\n---\n",
)  # fmt: skip


def mutant(data: bytes, random: Random) -> bytes:
    """One to three changes: a line or a word deleted, doubled or replaced, some bytes, or the end cut off."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        match random.choice("llltttbc"):
            case "l":
                data = b"\n".join(changed(data.split(b"\n"), random, ()))
            case "t":
                data = b"".join(changed(_TOKEN.findall(data), random, _NASTY))
            case "b":
                at = random.randrange(len(data) + 1)
                data = data[:at] + random.randbytes(random.choice((1, 2, 8))) + data[at + random.choice((0, 1, 8)) :]
            case _:
                data = data[: random.randrange(len(data) + 1)]
    return data


def changed(parts: list[bytes], random: Random, others: tuple[bytes, ...]) -> list[bytes]:
    """Without one of the parts, with one twice, or with one in another's place."""
    at = random.randrange(len(parts)) if parts else 0
    other = random.choice([*parts, *others]) if parts or others else b""
    return (
        random.choice((parts[:at], [*parts[:at], other, *parts[at : at + 1]], [*parts[:at], other])) + parts[at + 1 :]
    )


def wrong_with(mistake: Mistake, lines: list[str]) -> str:
    """What is wrong with a mistake itself: its words, or a place outside the file; nothing is well."""
    place = mistake.place
    if not (mistake.what and mistake.fix and place):
        return f"{mistake.code} lacks words or a place"
    if not 1 <= place.line <= len(lines) + 1:
        return f"{mistake.code} points at line {place.line} of {len(lines)}"
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    return "" if 1 <= place.column <= len(line) + 1 else f"{mistake.code} at column {place.column} of {len(line)}"


def check_rules(plan: Plan) -> None:
    """Effects behind gates only, joins of what leads to them, the bound within the limits, and it can be drawn."""
    leading: dict[str, list[Step]] = {}
    for step in plan.steps.values():
        for target in render.after(step):
            leading.setdefault(target, []).append(step)
    for step in plan.steps.values():
        before = leading.get(step.name, [])
        assert not isinstance(step, Effect) or (before and all(isinstance(gate, Validator) for gate in before))
        assert not isinstance(step, Aggregator) or sorted(one.name for one in before) == sorted(step.of)
    assert plan.bound.tasks <= plan.limits.tasks
    assert plan.bound.cost_usd <= plan.limits.cost_usd
    assert plan.bound.work_ms <= plan.limits.deadline_ms
    assert plan.pipeline in render.page(plan)
    assert render.mermaid(plan)


@pytest.mark.parametrize("seed", range(2))
def test_a_mutant_is_a_plan_or_mistakes(seed: int) -> None:
    """Whatever was changed there is no fault of ours, and every mistake points into the file."""
    random = Random(seed)  # noqa: S311 - the same mutants each time
    for _ in range(MUTANTS):
        data = mutant(random.choice(GOOD), random)
        lines = re.split("\r\n|\n|\r", data.decode("utf-8", "replace").removeprefix("\ufeff"))
        try:
            plan = compile_topology(data, "mutant.yaml", SCHEMAS, resolve)
        except Mistake as mistake:
            wrong = [text for one in (mistake, *mistake.others) if (text := wrong_with(one, lines))]
            assert wrong == [], data
        else:
            check_rules(plan)

"""`python -m tests.docs.catalogues`: writes the tables in the documentation that are read off the code.

A table stands between `<!-- generated: NAME -->` and `<!-- end -->`. With `--check` nothing is written, and pages with
stale tables are named.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "services")]

from docs import keys, sources  # noqa: E402 - found by the line above
from docs.keys import Key  # noqa: E402 - the same
from penstock import errors  # noqa: E402 - the same
from penstock.assembly.plans import compile_file  # noqa: E402 - the same
from penstock.cli import connection, end  # noqa: E402 - the same
from penstock.provision.apply import topics_of  # noqa: E402 - the same
from penstock.runtime import watchdog  # noqa: E402 - the same
from penstock.runtime.metrics import Metrics  # noqa: E402 - the same
from penstock.supervisor import ladder  # noqa: E402 - the same
from penstock.testing.codes import CODES as CASE_CODES  # noqa: E402 - the same
from penstock.topology import wanted  # noqa: E402 - the same
from penstock.topology.codes import CODES, Code  # noqa: E402 - the same

_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_DAY_MS: Final = 86_400_000

REASONS: Final = {
    "bad_check": "a check in Python answered something that is no series of reasons",
    "bad_choice": "a router named no successor, or something that is none of its successors",
    "bad_condition": "the rule of an edge cannot be answered for this value",
    "bad_envelope": "the `penstock` header is missing, damaged or of another version",
    "bad_event_id": "the event id is not 1 to 200 printable characters",
    "bad_merge": "an exception came out of a merge function",
    "bad_sink": "a sink answered something that leaves open whether the effect happened",
    "bad_weight": "a branch brought something that is no weight",
    "branch_missing": "a branch of a join did not come, with the reason why",
    "cancelled": "a person has cancelled the run: who, and why",
    "decision_gone": "the decision that a gate was sent to read was taken by retention",
    "empty": "a record without a value",
    "event_id_reused": "a known event id with another body",
    "exception": "an exception came out of a handler: its class and message",
    "expired": "no attempt, and no effect, begins after the run's deadline",
    "in_doubt": "an effect was claimed, nobody knows what came of it, and it may not be repeated",
    "input_gone": "what a re-run, a fallback or a later attempt should read was taken by retention",
    "invalid_input": "the handler's model refuses what the contract allows",
    "invalid_output": "a handler's answer does not fit the contract, or an output's key is empty",
    "no_suggestion": "a warning: a suggestion does not fit its contract, or is too large to travel",
    "not_a_number": "a branch brought something that has no mean",
    "not_awaited": "a join concluded without this branch",
    "note": "what a person said who let a worker try again",
    "output_too_large": "an answer of more bytes than travel inline",
    "over_budget": "an attempt would have spent more than its step declares",
    "reserved_header": "an upstream record with a header whose name begins with `penstock`",
    "retry": "the handler answered `Retry`, for the last time or before a long wait",
    "schema_unknown": "no contract has this fingerprint, or it is in a registry's format",
    "split_vote": "the branches of a vote differ, and too few agree",
    "timeout": "an attempt took longer than it may",
    "too_few_votes": "fewer branches came than have to agree",
    "too_far_apart": "the numbers of a mean lie farther apart than its `spread`",
    "too_few_items": "fewer items came than have to be gathered",
    "too_large": "a record of more bytes than travel inline, or a branch that cannot be kept beside the others",
    "too_many_items": "a list is longer than its edge declares",
    "undecodable": "no Avro value, or a damaged one",
    "unknown": "no reason was given",
    "unnamed": "a handler gave a text where a `Reason` was expected",
    "wrong_command": "a command that this kind of step cannot carry out",
    "wrong_contract": "a record of a contract that the step does not take from there",
    "wrong_decision": "a decision about another run, gate, review or payload",
    "wrong_item": "a record for an item that no list has",
}

# The topics of a pipeline `p`, in the order of their making; `{step}` stands for each step that has one.
TOPICS: Final = {
    "p.in": ("upstream systems, `penstock send`, outputs `into` it", "ingress", "event id, or the upstream's own key"),
    "p.runs": ("every step, the desk", "supervisor", "run id"),
    "p.status": ("supervisor", "clients", "run id"),
    "p.reviews": ("supervisor", "the desk", "review id"),
    "p.decisions": ("the desk", "gates, by address", "review id"),
    "p.control": ("supervisor", "effects", "run id"),
    "p.plans": ("nobody yet", "nobody yet", "digest"),
    "p.{step}": ("the steps before it; who calls a branch of it off; the supervisor", "that step", "run id"),
    "p.{step}.dlq": ("that step; ingress and supervisor have one too", "the desk, by address", "original key"),
    "p.{step}.state": ("joins, effects, ingress, supervisor", "the same, when they get a partition", "state key"),
    "p.out.{output}": ("the step before it", "downstream systems", "the declared field"),
}


class Differs(Exception):  # noqa: N818 - named for what it says
    """A sentence written here is missing, or stands for something that is gone."""


def tables() -> dict[str, Callable[[], Iterator[str]]]:
    """Every table by its name."""
    return {
        "keys": _keys,
        "codes-topology": _topology_codes,
        "codes-cases": _case_codes,
        "codes": _codes,
        "exit-codes": _exit_codes,
        "metrics": _metrics,
        "reasons": _reasons,
        "properties": _properties,
        "topics": _topics,
        "ladder": _ladder,
    }


def _keys() -> Iterator[str]:
    parts: list[tuple[str, Mapping[str, Key], Sequence[str]]] = [
        ("the file", keys.FILE, wanted.TOP),
        ("limits", keys.LIMITS, wanted.LIMITS),
        ("reviews", keys.REVIEWS, wanted.REVIEWS),
        ("ingress", keys.INGRESS, wanted.INGRESS),
        *((f"a step of kind {kind}", known, wanted.STEP[kind]) for kind, known in keys.STEP.items()),
        ("an edge, where it is not just a name", keys.EDGE, wanted.EDGE),
        ("attempts", keys.ATTEMPTS, wanted.ATTEMPTS),
        ("on_reject, of a validator", keys.ON_REJECT, wanted.ON_REJECT),
        ("a check", keys.CHECK, wanted.CHECK),
        ("merge, of an aggregator", keys.MERGE, wanted.MERGE),
    ]
    if keys.STEP.keys() != wanted.STEP.keys():
        raise Differs("tests/docs/keys.py does not know every kind of step")
    for part, known, grammar in parts:
        if differs := set(known) ^ set(grammar):
            raise Differs(f"tests/docs/keys.py and the grammar differ about {part}: {', '.join(sorted(differs))}")
        yield f"**{part[0].upper()}{part[1:]}**"
        yield ""
        yield from _table(("key", "where left out", "says"), ((f"`{n}`", _bold(k), k.says) for n, k in known.items()))
        yield ""


def _topology_codes() -> Iterator[str]:
    yield from _code_table(CODES)


def _case_codes() -> Iterator[str]:
    yield from _code_table({name: code for name, code in CASE_CODES.items() if name not in CODES})


def _code_table(codes: Mapping[str, Code]) -> Iterator[str]:
    rows = ((f"`{code.code}`", _filled(code.what), _filled(code.why)) for code in codes.values())
    yield from _table(("code", "what is wrong", "why it matters"), rows)


def _codes() -> Iterator[str]:
    rows = ((f"`{said.code}`", said.sentence, str(said.exit_code)) for said in sources.mistakes())
    yield from _table(("code", "what is wrong", "exit code"), rows)


def _exit_codes() -> Iterator[str]:
    rows = (
        (0, "done"),
        (
            errors.Mistake.exit_code,
            "it ran and the answer is no: the file is wrong, the broker does not run, a step halted",
        ),
        (end.WRONG_USE, "wrong use of the command"),
        (errors.Unreached.exit_code, "a broker or a mirror did not answer: trying again may help"),
        (errors.Refused.exit_code, "refused: not permitted, destructive without a yes, not on offer"),
        (errors.Conflict.exit_code, "somebody else was first"),
        (errors.TimedOut.exit_code, "waited long enough"),
        (end.OUR_BUG, "a fault of ours, a report was written"),
        (watchdog.STUCK, "`penstock run`: the loop did not move for 30 s; the stacks are on stderr"),
        (end.INTERRUPTED, "interrupted"),
        (end.READER_GONE, "nobody reads the output any more"),
    )
    yield from _table(("exit code", "means"), ((str(code), says) for code, says in rows))


def _metrics() -> Iterator[str]:
    kinds: dict[str, tuple[str, str]] = {}
    labels: dict[str, Sequence[str]] = {}
    for figure in (found for found in vars(Metrics("p")).values() if hasattr(found, "describe")):
        (family,) = figure.describe()
        name = family.name + "_total" * (family.type == "counter")
        kinds[name] = family.type, family.documentation
        labels[name] = figure._labelnames
    for name, sentence in sources.figures():
        kinds[name] = "counter" if name.endswith("_total") else "gauge", sentence
        labels[name] = ("pipeline", "step")
    rows = ((f"`{n}`", kind, ", ".join(labels[n]), says) for n, (kind, says) in sorted(kinds.items()))
    yield from _table(("name", "kind", "labels", "says"), rows)


def _reasons() -> Iterator[str]:
    if differs := sources.reasons() ^ set(REASONS):
        raise Differs(f"REASONS and the code differ: {', '.join(sorted(differs))}")
    yield from _table(("code", "means"), ((f"`{code}`", says) for code, says in REASONS.items()))


def _ladder() -> Iterator[str]:
    """The rungs as a drawing: which outcome begins where, and what comes after what is passed over."""
    yield "```mermaid"
    yield "flowchart TD"
    first = {outcome: next(row.name for row in ladder.TABLE if outcome in row.outcomes) for outcome in ladder.ENDS}
    for name in dict.fromkeys(first.values()):
        outcomes = [outcome.replace("_", " ") for outcome, rung in first.items() if rung == name]
        yield f'  from_{name}(["{", ".join(outcomes)}"]) --> rung_{name}'
    yield from (f'  rung_{row.name}["{row.does}"]' for row in ladder.TABLE)
    yield from (f'  rung_{row.name} -->|"{row.passed}"| rung_{after.name}' for row, after in pairwise(ladder.TABLE))
    yield "```"
    yield ""
    rows = ((f"`{outcome}`", f"`{status}`") for outcome, status in ladder.ENDS.items())
    yield from _table(("a task died as", "where no rung is left, its part of the run ends"), rows)


def _properties() -> Iterator[str]:
    names = (f"`{name}`" + " (secret)" * (name in connection.SECRET) for name in sorted(connection.ALLOWED))
    yield ", ".join(names) + "."


def _topics() -> Iterator[str]:
    plan = compile_file(ROOT / "topology" / "triage.yaml")
    found: dict[str, str] = {}
    steps = {name for name, step in plan.steps.items() if step.kind != "output"}
    for topic in topics_of(plan, 4):
        found.setdefault(_general(topic.name.removeprefix(plan.pipeline), steps), _kept(topic.config))
    if differs := set(found) ^ set(TOPICS):
        raise Differs(f"TOPICS and `apply` differ: {', '.join(sorted(differs))}")
    rows = ((f"`{name}`", key, found[name], writers, readers) for name, (writers, readers, key) in TOPICS.items())
    yield from _table(("topic", "key", "kept", "written by", "read by"), rows)


def _general(name: str, steps: set[str]) -> str:
    if name.startswith(".out."):
        return "p.out.{output}"
    first, *rest = name.removeprefix(".").split(".")
    return ".".join(("p", "{step}" if first in steps or rest else first, *rest))


def _kept(config: Mapping[str, str]) -> str:
    kept = config.get("retention.ms")
    return f"{int(kept) // _DAY_MS} days" if kept else "compacted"


def _bold(key: Key) -> str:
    return "**needed**" if key.default == keys.NEEDED else key.default


def _filled(sentence: str) -> str:
    return re.sub(r"\{[^}]*\}", "…", sentence)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        cells = (cell.replace("|", "\\|").replace("<", "&lt;") for cell in row)
        yield f"| {' | '.join(cells)} |"


def renewed(text: str) -> str:
    """A page with its tables as the code has them now."""
    known = tables()

    def table(found: re.Match[str]) -> str:
        return found[1] + "\n".join(known[found[2]]()).rstrip() + "\n" + found[3]

    return _PART.sub(table, text)


def main(*, check: bool) -> int:
    """Write the pages, or say which are stale."""
    stale = []
    for page in [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        try:
            fresh = renewed(text)
        except Differs as error:
            sys.stderr.write(f"{page.name}: {error}\n")
            return 1
        if fresh != text:
            stale.append(page.relative_to(ROOT).as_posix())
            if not check:
                page.write_text(fresh, encoding="utf-8")
    if stale:
        advice = "run `.venv/bin/python -m tests.docs.catalogues`" if check else "written"
        sys.stderr.write(f"stale: {', '.join(stale)}; {advice}\n")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))

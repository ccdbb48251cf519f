"""What a sound topology is compiled to: defaults, contracts, ladders and the worst case, all worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from penstock.assembly.plans import compile_file, resolve
from penstock.contracts.schemas import load
from penstock.errors import Mistake
from penstock.topology.bound import terms
from penstock.topology.compiler import compile_topology
from penstock.topology.plan import Aggregator, Attempts, Effect, Ladder, Plan, Validator, Worker

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = load(ROOT / "schemas" / "avro")

BANK = (ROOT / "tests" / "topologies" / "bank.yaml").read_text(encoding="utf-8")


def compiled(text: str) -> Plan:
    return compile_topology(text.encode(), "bank.yaml", SCHEMAS, resolve)


@pytest.fixture(scope="module")
def bank() -> Plan:
    return compiled(BANK)


def test_the_drawing_compiles() -> None:
    """The shipped drawing is a plan: a gate beside a worker, since it asks for neither fallback nor people."""
    plan = compile_file(ROOT / "topology" / "diagram.yaml")

    assert list(plan.steps) == ["a", "check", "b", "decide", "results"]
    decide = plan.steps["decide"]
    assert isinstance(decide, Aggregator)
    assert dict(decide.reads) == {"check": "diagram.Scored", "b": "diagram.Second"}
    assert decide.ladder == Ladder()
    assert plan.steps["check"].ladder.missing == (("decide", "check"),)  # type: ignore[union-attr]  # it is no output
    assert plan.steps["b"].ladder.missing == (("decide", "b"),)  # type: ignore[union-attr]  # the same
    assert plan.steps["a"].ladder.missing == ()  # type: ignore[union-attr]  # the same: the join never begins


def test_a_fallback_speaks_for_its_step(bank: Plan) -> None:
    """It reads, writes, leads on and is judged like the step it acts for, and has no fallback itself."""
    fallback = bank.steps["read-simply"]

    assert isinstance(fallback, Worker)
    assert (fallback.acts_for, fallback.reads, fallback.writes) == ("read", "diagram.Job", "diagram.Scored")
    assert fallback.to == ("check-reading",)
    assert fallback.ladder == Ladder("read", 0, "read-simply", gate="check-reading")


def test_ladders(bank: Plan) -> None:
    """A gate that asks takes the judged step's fallback; a join that asks is answered through its gate.

    Who is judged, and leads to nothing else, can be asked again by people.
    """
    ladders = {
        name: step.ladder for name, step in bank.steps.items() if isinstance(step, Worker | Validator | Aggregator)
    }

    again = Ladder("read", 0, "read-simply", "read-simply", gate="check-reading")
    assert ladders["read"] == again
    assert ladders["check-reading"] == replace(again, review=True)
    assert ladders["second"] == Ladder(missing=(("decide", "second"),))
    assert ladders["decide"] == Ladder(review=True, gate="check-decision")
    assert ladders["check-decision"] == Ladder(gate="check-decision")


def test_contracts_flow_along_the_edges(bank: Plan) -> None:
    """What a step reads is derived from what the one before it writes; a gate passes on what it read."""
    reads = {name: step.reads for name, step in bank.steps.items()}

    assert reads["second"] == reads["thank"] == "diagram.Scored"
    assert reads["decide"] == {"check-reading": "diagram.Scored", "second": "diagram.Second"}
    assert reads["check-decision"] == reads["file"] == reads["decisions"] == "diagram.Second"


def test_defaults_are_those_of_the_kind(bank: Plan) -> None:
    """Rules are asked once, checks in Python twice, sinks three times; a vote needs more than half."""
    assert bank.steps["check-reading"].attempts == Attempts(1, 1_000, ())  # type: ignore[union-attr]  # a validator
    assert bank.steps["check-decision"].attempts == Attempts(2, 5_000, (200,))  # type: ignore[union-attr]  # the same
    assert bank.steps["file"].attempts == Attempts(3, 10_000, (200, 2_000))  # type: ignore[union-attr]  # an effect
    assert bank.steps["decide"].merge.min_agree == 2  # type: ignore[union-attr]  # an aggregator of two
    assert bank.steps["check-decision"].checks[0].code == "check"  # type: ignore[union-attr]  # named by its function


def test_settings_are_frozen(bank: Plan) -> None:
    """Nobody changes a plan."""
    effect = bank.steps["file"]

    assert isinstance(effect, Effect)
    with pytest.raises(TypeError):
        effect.settings["path"] = "elsewhere"  # type: ignore[index]  # that is the point
    with pytest.raises(TypeError):
        bank.steps["more"] = effect  # type: ignore[index]  # the same


def test_every_term_of_the_worst_case(bank: Plan) -> None:
    """Attempts x rounds: the gate runs again for the fallback; two decisions let the reader try again."""
    tasks = {term.step: term.tasks for term in terms(bank)}

    assert tasks == {
        "read": 3, "read-simply": 2, "check-reading": 2, "thank": 3, "second": 1, "decide": 1, "check-decision": 2,
        "file": 3, "reviews": 2 * (3 + 1),
    }  # fmt: skip


def test_the_bound_adds_up(bank: Plan) -> None:
    """Tasks, money, work and time, each by hand."""
    assert bank.bound.tasks == 25
    assert bank.bound.cost_usd == pytest.approx(3 * 0.001 + 2 * 0.002 + 2 * 3 * 0.001)
    # read 3x5s + 0.2s + 2s, gate 1s, second 10s, join 0, gate 2x5s + 0.2s, effect 3x10s + 0.2s + 2s
    assert bank.bound.work_ms == 17_200 + 1_000 + 10_000 + 10_200 + 32_200
    # the first round, one for the fallback and two for decisions; two hours of people; the last call; skew
    assert bank.bound.wall_ms == 4 * 120_000 + 2 * 3_600_000 + 10_000 + 2_000
    assert bank.bound.dominated_by == "reviews: 8 of 25 tasks (2 decisions x 4 attempts)"


def test_messages_are_counted(bank: Plan) -> None:
    """Each message of the worst case, kind by kind."""
    sent = {
        "ingress": 1,
        "read": 1,
        "read-simply": 1,
        "check-reading": 3,
        "second": 1,
        "decide": 1,
        "check-decision": 2,
    }
    events = {"run": 2, "read": 1, "read-simply": 1, "check-reading": 2, "second": 1, "decide": 1, "check-decision": 1}
    effects = {"thank": 1 + 1, "file": 1 + 1}  # an event, and a dead letter at the worst
    wait = 4  # that it waits, the command after it, and two statuses
    waits = {"read": 2 * wait, "read-simply": wait}  # after each attempt but the last
    asked = {"request": 1, "question": 1, "its end": 1, "decision": 1, "decided": 1, "statuses": 2, "gate": 3}
    retry = {"command": 1, "event": 1, "output": 1, "waits": 2 * wait}
    ends = {"status": 1, "ending": 1, "cancel": 1, "stop": 2}
    rest = {"command": 1, "rejected once": 1, "missing": 1, "late": 1,
            "reviews": 2 * sum((*asked.values(), *retry.values()))}  # fmt: skip

    counted = (sent, events, effects, waits, ends, rest)
    assert bank.bound.messages == sum(sum(part.values()) for part in counted)


RERUNS = BANK.replace("on_reject: {fallback: true, review: true}", "on_reject: {reruns: 2, fallback: true}")


def test_reruns_are_in_the_bound() -> None:
    """Two of them: the reader's attempts and money three times, four judgements with the fallback's, two rounds."""
    plan, plain = compiled(RERUNS), compiled(BANK.replace(", review: true}", "}"))
    tasks = {term.step: term.tasks for term in terms(plan)}

    assert plan.steps["check-reading"].ladder.reruns == 2  # type: ignore[union-attr]  # a validator
    assert plan.steps["read"].ladder.reruns == 0  # type: ignore[union-attr]  # its own death asks nobody again
    assert (tasks["read"], tasks["check-reading"], tasks["read-simply"]) == (3 * 3, 4, 2)
    assert plan.bound.cost_usd == pytest.approx(plain.bound.cost_usd + 2 * 3 * 0.001)
    assert plan.bound.wall_ms == plain.bound.wall_ms + 2 * 120_000
    # each: a command, the reader's output, event and two waits; the gate's event and dead letter
    assert plan.bound.messages == plain.bound.messages + 2 * (1 + 1 + 1 + 2 * 4 + 1 + 1)
    assert plan.digest != plain.digest


def test_what_a_gate_finds_can_be_mended_where_it_asks_again(bank: Plan) -> None:
    """Unless a check says otherwise; where nobody is asked again, nothing can be."""
    plan = compiled(RERUNS)
    said = compiled(RERUNS.replace("waivable: true", "waivable: true, retryable: false"))

    assert [gate.steps["check-reading"].checks[0].retryable for gate in (bank, plan, said)] == [False, True, False]  # type: ignore[union-attr]  # a validator


def test_long_pauses_of_a_gate_are_counted() -> None:
    """A gate waits in memory for what its file says, up to ten seconds; what is longer takes four messages each."""
    gate = 'checks: [{run: "broken.handlers:check"}]\n'
    short, long = (compiled(BANK.replace(gate, f"{gate}    attempts: {{max: 3, timeout: 1s, backoff: [{pauses}]}}\n"))
                   for pauses in ("10s", "1s, 11s"))  # fmt: skip

    # one of two pauses is long; the decisions of the other gate, with a reader that may wait, stay the dearest
    assert long.bound.messages == short.bound.messages + 4
    assert long.bound.tasks == short.bound.tasks


def test_a_join_that_waits_shortens_the_path() -> None:
    """The longest path goes through a join no later than its first branch and the wait allow."""
    slow = BANK.replace("timeout: 10s}", "timeout: 80s}")

    # by the gate at 18.2s, the join at 48.2s, then 10.2s and 32.2s
    assert compiled(slow.replace("deadline: 2m", "deadline: 3m")).bound.work_ms == 18_200 + 80_000
    assert compiled(slow.replace("deadline: 2m", "deadline: 3m").replace("wait: 30s", "wait: 60s")).bound.work_ms == (
        18_200 + 60_000 + 10_200 + 32_200
    )


def test_a_fallback_has_a_round_of_its_own() -> None:
    """A slow fallback is held against the deadline together with what follows it, and not with what it replaces."""
    slow = BANK.replace("attempts: {max: 2, timeout: 1s, backoff: [1s]}", "attempts: {max: 1, timeout: 66s}")

    assert compiled(slow).bound.work_ms == 70_600  # 66s + 1s + 10s + 10.2s + 32.2s is 119.4s, below two minutes
    with pytest.raises(Mistake) as caught:
        compiled(slow.replace("timeout: 66s", "timeout: 67s"))
    assert caught.value.code == "E090"
    assert "read-simply > check-reading > second > decide > check-decision > file may take 121s" in caught.value.what


def test_a_nested_join_spares_the_outer_one() -> None:
    """What dies before an inner join that lives on cuts nothing off behind it."""
    plan = compiled("""
pipeline: nest
limits: {deadline: 1h, tasks: 100}
ingress: {contract: diagram.Job, event_id: id, to: [a]}
steps:
  a: {kind: worker, run: "diagram.workers:score", writes: diagram.Scored, to: [b, c, d]}
  b: {kind: worker, run: "diagram.workers:second", writes: diagram.Second, to: [inner]}
  c: {kind: worker, run: "diagram.workers:second", writes: diagram.Second, to: [inner]}
  inner: {kind: aggregator, of: [b, c], merge: {policy: all}, writes: diagram.Second, to: [outer]}
  d: {kind: worker, run: "diagram.workers:second", writes: diagram.Second, to: [e]}
  e: {kind: worker, run: "diagram.workers:second", writes: diagram.Second, to: [outer]}
  outer: {kind: aggregator, of: [inner, e], merge: {policy: all}, writes: diagram.Second, to: [out]}
  out: {kind: output, key: id}
""")
    missing = {name: step.ladder.missing for name, step in plan.steps.items() if isinstance(step, Worker | Aggregator)}

    assert missing == {
        "a": (), "b": (("inner", "b"),), "c": (("inner", "c"),), "inner": (("outer", "inner"),),
        "d": (("outer", "e"),), "e": (("outer", "e"),), "outer": (),
    }  # fmt: skip


def test_an_output_may_be_called_like_a_topic_of_the_system(bank: Plan) -> None:
    """`bank.out.decisions` is not `bank.decisions`."""
    assert bank.steps["decisions"].kind == "output"


def test_the_digest_is_known() -> None:
    """The digest is 16 hex digits, the same for two spellings of one meaning."""
    respelt = BANK.replace("2m, tasks", "120s, tasks").replace("[200ms, 2s]", '["200ms", 2000ms]')

    assert len(bytes.fromhex(compiled(BANK).digest)) == 8
    assert compiled(respelt).digest == compiled(BANK).digest
    assert compiled(BANK.replace('0.5"', '0.6"')).digest != compiled(BANK).digest

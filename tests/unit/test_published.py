"""What a process knows of the plans that were applied: what it hears, what it cannot read, and whose code it uses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from penstock.assembly.by_plan import with_code_of
from penstock.assembly.published import Plans, written
from penstock.contracts.records import PUBLISHED_PLAN, PublishedPlan
from penstock.contracts.schemas import Schemas
from penstock.errors import Poison
from penstock.runtime.codec import Codec
from penstock.runtime.ports import Record
from penstock.topology.archive import VERSION
from penstock.topology.plan import Effect, Plan, Worker
from pipelines import DESK, DIAGRAM, contracts
from pipelines import _compiled as compiled

OWN = compiled(DESK)
OTHER = replace(compiled(DESK.replace("deadline: 1m", "deadline: 2m")), description="")


def record(plan: Plan, /, **changed: Any) -> Record:  # noqa: ANN401 - any field of the record
    """What is published of a plan."""
    codec = Codec(contracts())
    found: PublishedPlan = {**written(plan, codec), **changed}  # type: ignore[typeddict-item]  # a test's own fields
    return Record("desk.plans", 0, 0, plan.digest.encode(), codec.encode(PUBLISHED_PLAN, found), [], 0)


def plans() -> Plans:
    """Those that a process knows when it begins."""
    return Plans(OWN, Codec(contracts()))


def test_a_published_plan_is_known_by_its_digest() -> None:
    """It is the plan that was compiled, and the process's own is known without being told."""
    known = plans()
    before = known.get(OTHER.digest)
    known.hear(record(OTHER))

    assert before is None
    assert known.get(OTHER.digest) == OTHER
    assert known.get(OWN.digest) is OWN


def test_a_tombstone_forgets_a_plan_but_not_ones_own() -> None:
    """What nobody keeps any more is unknown again."""
    known = plans()
    for plan in (OTHER, OWN):
        known.hear(record(plan))
        known.hear(record(plan)._replace(value=None))

    assert known.get(OTHER.digest) is None
    assert known.lack(OTHER.digest) == f"plan {OTHER.digest} was never applied"
    assert known.get(OWN.digest) is OWN


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"version": VERSION + 1}, "version 2"),
        ({"plan": "{}"}, "Field required"),
        ({"plan": "nonsense"}, "Invalid JSON"),
        ({"schemas": ['{"type": "record", "name": "X", "fields": [{"name": "a", "type": "lost"}]}']}, "lost"),
        ({"schemas": ["nonsense"]}, "Expecting value"),
    ],
)
def test_what_cannot_be_read_is_unknown_and_says_why(changed: dict[str, Any], why: str) -> None:
    """A newer Penstock's plan, for one: the process goes on, and whoever asks is told."""
    known = plans()
    known.hear(record(OTHER, **changed))

    assert known.get(OTHER.digest) is None
    assert why in known.lack(OTHER.digest)


def test_a_plan_under_another_name_is_not_believed() -> None:
    """The key says which plan it is."""
    known = plans()
    known.hear(record(compiled(DIAGRAM))._replace(key=OTHER.digest.encode()))

    assert known.get(OTHER.digest) is None
    assert "of diagram" in known.lack(OTHER.digest)


def older() -> Schemas:
    """The contracts as they were before `diagram.Job` had a number, when there was a `diagram.Gone`."""
    job = contracts().by_name["diagram.Job"]
    without = {**job, "fields": [field for field in job["fields"] if field["name"] != "number"]}
    gone = {**without, "name": "Gone"}
    return Schemas({**contracts().by_name, "diagram.Job": without, "diagram.Gone": gone}, contracts().files)


def newer() -> Schemas:
    """The contracts with a number that an older event need not have."""
    job = contracts().by_name["diagram.Job"]
    fields = [{**f, "default": 7.0} if f["name"] == "number" else f for f in job["fields"]]
    return Schemas({**contracts().by_name, "diagram.Job": {**job, "fields": fields}}, contracts().files)


def test_a_plan_teaches_its_contracts() -> None:
    """What was written under an older contract has the fields of today's; one that is gone is read as it was."""
    old, new = Codec(older()), Codec(newer())
    job, gone = (old.encode(f"diagram.{name}", {"id": "e1"}) for name in ("Job", "Gone"))
    with pytest.raises(Poison, match="fingerprint"):
        new.decode(job)

    for name in ("diagram.Job", "diagram.Gone"):
        new.learn(json.loads(json.dumps(older().closure(name))))

    assert new.decode(job) == ("diagram.Job", {"id": "e1", "number": 7.0})
    assert new.decode(gone) == ("diagram.Gone", {"id": "e1"})
    assert new.decode(new.encode("diagram.Job", {"id": "e1", "number": 1.0}))[1]["number"] == 1.0
    assert "diagram.Gone" in new.contracts


def test_a_contract_that_changed_under_one_digest_is_published_beside_the_older_one() -> None:
    """The digest is the topology's; whoever reads what was written before needs both."""
    first = written(OWN, Codec(older()))
    second = written(OWN, Codec(newer()), first["schemas"])
    third = written(OWN, Codec(newer()), second["schemas"])

    assert set(second["schemas"]) > set(first["schemas"])
    assert third == second


def handlers(plan: Plan) -> dict[str, str]:
    """What each worker and effect runs."""
    return {name: step.run for name, step in plan.steps.items() if isinstance(step, Worker | Effect)}


def test_an_older_plan_is_served_with_todays_code() -> None:
    """At the step that is asked for, and where it still reads and writes the same: else the older handler is named."""
    today = compiled(
        DESK.replace("cast:read_simply", "cast:new_simply").replace("cast:sink_file", "cast:sink_new")
    )  # fmt: skip
    file = OWN.steps["file"]
    assert isinstance(file, Effect)
    then = replace(OWN, steps={**OWN.steps, "file": replace(file, reads="diagram.Job")})

    worker, effect = with_code_of(today, then, "read-simply"), with_code_of(today, then, "file")

    assert handlers(worker) == {**handlers(then), "read-simply": "cast:new_simply"}
    assert effect == then
    assert worker.digest == then.digest


def test_who_may_be_asked_is_part_of_the_digest() -> None:
    """A ladder with a person at its end is another plan than one without: runs under the two end differently."""
    asking = compiled(DESK)
    silent = compiled(DESK.replace("    review: true\n", ""))

    assert asking.steps["read"] != silent.steps["read"]
    assert asking.digest != silent.digest

"""Names of things: the same cause has the same name, another cause another."""

from __future__ import annotations

from uuid import UUID

from penstock.contracts.identity import digest, effect_key, run_id, task_id


def test_names_stay_what_they_are() -> None:
    """A release that names things differently would repeat effects and orphan runs."""
    assert run_id("triage", "triage.in[0]@7") == "960e97af-7d3d-5350-b34f-a32114b03deb"
    assert task_id("run", "step", "item", 1, "branch") == "e5a07c55b4d2fc9e"
    assert effect_key("triage", "e1", "file") == "f606225de63263ca4fa49c704ec9b5eb"
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_run_id_is_a_uuid_of_version_5() -> None:
    """36 characters, RFC 9562."""
    assert UUID(run_id("p", "cause")).version == 5


def test_parts_do_not_run_into_each_other() -> None:
    """("a", "bc") and ("ab", "c") are different causes."""
    assert run_id("a", "bc") != run_id("ab", "c")
    assert effect_key("a", "bc", "d") != effect_key("ab", "c", "d")
    assert task_id("r", "ab", "c") != task_id("r", "a", "bc")


def test_what_tells_tasks_apart() -> None:
    """Step, item, round and branch each make another task; nothing else does."""
    tasks = {
        task_id("r", "s"), task_id("r", "t"), task_id("r", "s", "1"), task_id("r", "s", "", 1),
        task_id("r", "s", "", 0, "b"), task_id("q", "s"),
    }  # fmt: skip

    assert len(tasks) == 6
    assert task_id("r", "s") in tasks


def test_an_effect_is_the_same_in_every_run_of_its_event() -> None:
    """The key knows pipeline, event, step and item, and no run."""
    assert len({effect_key("p", "e", "s"), effect_key("p", "e", "s", "1"), effect_key("p", "f", "s")}) == 3

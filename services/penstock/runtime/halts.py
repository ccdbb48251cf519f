"""Why a step halts: each cause with a code of its own, what it means, and what to do about it."""

from __future__ import annotations

from penstock.errors import Halt

TOPIC_GONE = frozenset({"E352", "E354"})  # where no place on the topic means anything any more
_APPLY = "`penstock apply FILE` creates it"


def no_offset(group: str, topic: str, partition: int) -> Halt:
    """Nobody ever said where the group begins, or its offsets were deleted."""
    return Halt(
        "E350", f"group {group} has no offset on {topic}[{partition}]",
        why="nobody may guess where to begin: records could be jumped over, or done again",
        fix="`penstock apply FILE` sets a new group's first offsets; then start it again",
    )  # fmt: skip


def more_partitions(group: str, topic: str, partition: int) -> Halt:
    """The group has its place on other partitions of the topic, and none on this one."""
    return Halt(
        "E351", f"topic {topic} has more partitions than it had: group {group} has no offset on [{partition}]",
        why="a run keeps the number of its partition, and keys go to other partitions now",
        fix="let the pipeline run empty, then make its topics again with `penstock apply FILE --partitions`; a topic "
        "cannot lose partitions",
    )  # fmt: skip


def made_again(group: str, topic: str) -> Halt:
    """Another topic of the same name lies there."""
    return Halt(
        "E352", f"topic {topic} was deleted and made again",
        why=f"what was in it is gone, and the offsets of group {group} mean nothing in the new one",
        fix=f"decide where to begin: {_reset(group, topic)}; then start it again",
    )  # fmt: skip


def offset_gone(group: str, topic: str, partition: int, offset: int, begins: int) -> Halt:
    """Retention took records before the group read them; `begins` is where the partition begins now, -1 if unknown."""
    lost = f"{offset} to {begins - 1}" if 0 <= offset < begins else f"from {offset} on"
    return Halt(
        "E353", f"{topic}[{partition}]: the group's offset is gone from the topic (offsets {lost})",
        why="records were deleted before this step had read them; going on would skip them in silence",
        fix=f"find out what is lost; then {_reset(group, f'{topic}:{partition}')} jumps over it, and start it again",
    )  # fmt: skip


def missing(topic: str) -> Halt:
    """The topic that a step reads is not there."""
    return Halt("E354", f"topic {topic} does not exist", why="it was deleted, or never made", fix=_APPLY)


def missing_output(topic: str) -> Halt:
    """A topic that a step writes is not there, and stays away."""
    return Halt("E355", f"the topic {topic}, to be written to, does not exist", why="it was deleted, or never made",
                fix=_APPLY)  # fmt: skip


def deaths(step: str, topic: str, partition: int, offset: int, count: int) -> Halt:
    """The process ends again and again before anything of a partition is finished."""
    return Halt(
        "E356", f"{step} died {count} times in a row on {topic}[{partition}], at offset {offset}",
        why="it ends before one record is finished, and even records dispatched one by one do not say which of them "
        "does it",
        fix="look at the process's own end (memory, a native library, who kills it); then `penstock run FILE "
        f"{step} --forgive-deaths`",
    )  # fmt: skip


def failures(step: str, told: str, address: str, reason: str) -> Halt:
    """Too much of a step's work fails; `told` says how much, and `reason` why the last of it."""
    return Halt(
        "E357", f"{told} of {step} failed, the last one at {address}: {reason}",
        why="whatever is wrong would make a dead letter of every record; nothing is lost, the last one is not done",
        fix=f"mend it and start it again, and the first task that goes well acquits it; where these records are bad "
        f"themselves, `penstock run FILE {step} --forgive-failures` counts anew",
    )  # fmt: skip


def _reset(group: str, topic: str) -> str:
    """Kafka's own command; there is no second one of ours."""
    return f"`kafka-consumer-groups.sh --group {group} --topic {topic} --reset-offsets --to-earliest --execute`"

"""Every key of a topology file with what it defaults to and what it says; `catalogues` holds it against the grammar."""

from __future__ import annotations

from typing import Final, NamedTuple

NEEDED: Final = "needed"


class Key(NamedTuple):
    """A key: what is assumed where it is left out, or that it is needed, and what it says."""

    default: str
    says: str


_TO = Key(NEEDED, "the steps it leads to, by name or as below; a fallback has none of its own")
_ATTEMPTS = "how often, how long and with which pauses; see below"
_CONCURRENCY = Key("16", "tasks at once in one process, 1 to 10,000")
_SETTINGS = Key("none", "a free mapping, given to the handler when it is made")
_END = Key("never", "it is an end")

FILE: Final = {
    "pipeline": Key(
        NEEDED, "its name, in front of every topic and group: a letter, then up to 39 of `a-z`, `0-9` and `-`"
    ),
    "description": Key("none", "a sentence for people; no part of the digest"),
    "limits": Key(NEEDED, "what one run may use; a graph that could use more is refused"),
    "reviews": Key("one, for 24h", "how people are asked"),
    "ingress": Key(NEEDED, "what comes in"),
    "steps": Key(NEEDED, "the steps by name, in the order in which data meets them"),
    "deploy": Key("none", "settings of a deployment; not read, and no part of the digest"),
}
LIMITS: Final = {
    "deadline": Key(NEEDED, "of one round of a run, 100ms to 168h; a person's decision opens the next round"),
    "tasks": Key(NEEDED, "attempts, merges and judgements together"),
    "cost": Key("0 USD", "money, as `0.05 USD`"),
}
REVIEWS: Final = {
    "expires": Key("24h", "how long a question stays open"),
    "times": Key("1", "how many one run may ask, 0 to 20"),
}
INGRESS: Final = {
    "contract": Key(NEEDED, "of the records in `p.in`"),
    "event_id": Key(NEEDED, "a text field by which an event is known again"),
    "remember": Key(
        "24h, 2,000,000", "`{for: 24h, ids: 2_000_000}`: how long and how many events of a partition are known"
    ),
    "to": Key(NEEDED, "the workers it leads to"),
}
STEP: Final = {
    "worker": {
        "kind": Key(NEEDED, "`worker`"),
        "run": Key(NEEDED, "the handler, `module:attribute`; see [Workers](workers.md)"),
        "reads": Key("what comes", "its contract, said again and held against what the step before it writes"),
        "writes": Key(NEEDED, "the contract of what it answers"),
        "attempts": Key("3 x 30s", _ATTEMPTS),
        "cost": Key("0 USD", "the most that one attempt may spend"),
        "concurrency": _CONCURRENCY,
        "fallback": Key("none", "the worker that acts for it when it is dead"),
        "review": Key("false", "whether a person is asked when nothing else is left"),
        "settings": _SETTINGS,
        "to": _TO,
    },
    "router": {
        "kind": Key(NEEDED, "`router`"),
        "run": Key(NEEDED, "the handler, `module:attribute`, that names successors; see [Branching](branching.md)"),
        "many": Key("false", "whether it may name several"),
        "reads": Key("what comes", "its contract, said again and held against what the step before it writes"),
        "attempts": Key("3 x 30s", _ATTEMPTS),
        "cost": Key("0 USD", "the most that one attempt may spend"),
        "concurrency": _CONCURRENCY,
        "settings": _SETTINGS,
        "to": Key(NEEDED, "the steps it chooses from, by name"),
    },
    "validator": {
        "kind": Key(NEEDED, "`validator`"),
        "of": Key(NEEDED, "the step it judges, which is the one right before it"),
        "checks": Key(NEEDED, "what it asks; see [Gates](gates.md) and below"),
        "on_reject": Key(
            "the run ends",
            "`{reruns: 1, fallback: true, review: true}`: what follows, in this order; see [The ladder](ladder.md)",
        ),
        "attempts": Key("1 x 1s for rules, 2 x 5s with Python", _ATTEMPTS),
        "concurrency": _CONCURRENCY,
        "to": _TO,
    },
    "aggregator": {
        "kind": Key(NEEDED, "`aggregator`"),
        "of": Key(NEEDED, "its branches: exactly the steps that lead to it"),
        "gather": Key("none", "the list field under which the items of a fan-out come together again"),
        "merge": Key(NEEDED, "the policy; see [Joins](joins.md) and below"),
        "wait": Key(
            "until no branch can come",
            "how long it waits after the first branch came, at most the rest of the deadline",
        ),
        "writes": Key(NEEDED, "the contract of what it makes"),
        "review": Key("false", "whether a person is asked about a conflict; `tie: review` says the same"),
        "to": _TO,
    },
    "effect": {
        "kind": Key(NEEDED, "`effect`"),
        "run": Key(NEEDED, "the sink, a class; see [Effects](effects.md)"),
        "settings": _SETTINGS,
        "attempts": Key("3 x 10s", _ATTEMPTS),
        "concurrency": _CONCURRENCY,
        "to": _END,
    },
    "output": {
        "kind": Key(NEEDED, "`output`"),
        "contract": Key("what comes", "its contract, said again and held against what the step before it writes"),
        "key": Key(NEEDED, "the text or whole-number field that is the record's key"),
        "into": Key("its own topic", "another pipeline, whose door it is written to; `key` is that one's event id"),
        "to": _END,
    },
}
EDGE: Final = {
    "step": Key(NEEDED, "the step it leads to"),
    "when": Key("always", "a CEL expression over `value`: it is taken by the values for which it is true"),
    "otherwise": Key("false", "it is taken by the values that no `when` of the step takes"),
    "each": Key("none", "a list of records: each item goes on by itself, under its own contract"),
    "most": Key("needed with `each`", "so many items at the most, 1 to 1,000; more of them are a dead task"),
}
ATTEMPTS: Final = {
    "max": Key("see the step", "attempts, 1 to 100"),
    "timeout": Key("see the step", "of one attempt, 1ms to 1h"),
    "backoff": Key(
        "[200ms, 2s]",
        "the pauses between, each at most 1h, of an effect 10s; the last one repeats, and all vary by a fifth",
    ),
}
ON_REJECT: Final = {
    "reruns": Key("0", "how often the judged worker is asked again with the verdict, before anything else, 0 to 100"),
    "fallback": Key("false", "ask the judged worker's fallback first"),
    "review": Key("false", "ask a person"),
}
CHECK: Final = {
    "rule": Key("or `run`", "a CEL expression over `value`"),
    "run": Key("or `rule`", "a check in Python, `module:attribute`"),
    "code": Key("the name in `run`", "names the reason; a rule needs one"),
    "path": Key("none", "JSON pointer to what it is about"),
    "hint": Key("none", "what could help"),
    "waivable": Key("false", "whether a person's approval stands above it"),
    "retryable": Key("false, true with `reruns`", "whether the worker could do better knowing the reason"),
    "severity": Key("error", "`error` rejects, `warning` is only noted"),
    "settings": _SETTINGS,
}
MERGE: Final = {
    "policy": Key(
        NEEDED,
        "`all`, `any`, `first`, `quorum`, `vote`, `weighted`, `mean`, `prefer` or `judge`; see "
        "[Merge policies](merge-policies.md)",
    ),
    "field": Key("needed to compare", "the field or fields that are compared, or of which the mean is taken"),
    "min_agree": Key("more than half", "how many must say the same"),
    "weights": Key("one of both", "what each branch's voice weighs"),
    "weight": Key("one of both", "the field that says what a voice weighs"),
    "threshold": Key("0.5", "the share of the weight that an answer needs"),
    "tolerance": Key("none", "how far numbers may lie apart and still agree"),
    "spread": Key("needed for a mean", "how far numbers may lie apart and still have a mean"),
    "order": Key("needed to prefer", "the branches, the preferred one first"),
    "judge": Key("needed to judge", "the worker that is asked about a conflict"),
    "missing": Key(
        "by the policy",
        "`conflict`, `ignore` or `{at_least: 2}`: what a missing branch or item means; of items also `{share: 0.8}`",
    ),
    "tie": Key(
        "where there may be one", "`review` asks a person, `reject` ends the run, `first` and `{prefer: [...]}` choose"
    ),
    "run": Key("none", "a function `(votes, concluded)` that makes the value"),
}

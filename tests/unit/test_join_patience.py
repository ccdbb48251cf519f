"""How long a join waits where the topology does not say."""

from __future__ import annotations

import pytest

from penstock.aggregator.patience import rounds
from penstock.topology.compiler import compile_topology
from penstock.topology.plan import Aggregator, Plan
from pipelines import Cast, contracts

FALLBACK = ", fallback: {0}-simply"
TEXT = """
pipeline: p
limits: {deadline: 24h, tasks: 100, cost: 0 USD}
ingress: {contract: diagram.Job, event_id: id, to: [a]}
steps:
  a: {kind: worker, run: "cast:a", writes: diagram.Scored%(a)s, to: [b, c]}
  b: {kind: worker, run: "cast:b", writes: diagram.Second%(b)s, to: [b2]}
  b2: {kind: worker, run: "cast:b2", writes: diagram.Second%(b2)s, to: [join]}
  c: {kind: worker, run: "cast:c", writes: diagram.Second%(c)s, to: [join]}
  join:
    kind: aggregator
    of: [b2, c]
    merge: {policy: vote, field: label, tie: reject}
    writes: diagram.Second
    to: [out]
  out: {kind: output, key: id}
"""


def compiled(*with_fallback: str) -> Plan:
    """The graph where these steps have a fallback."""
    text = TEXT % {name: FALLBACK.format(name) if name in with_fallback else "" for name in ("a", "b", "b2", "c")}
    text += "".join(f'  {name}-simply: {{kind: worker, run: "cast:x"}}\n' for name in with_fallback)
    return compile_topology(text.encode(), "test.yaml", contracts(), Cast().resolve)


@pytest.mark.parametrize(
    ("with_fallback", "more"), [((), 0), (("a",), 0), (("b",), 1), (("c",), 1), (("b", "b2"), 2), (("a", "b", "c"), 2)]
)
def test_each_fallback_of_one_branch_is_a_round(with_fallback: tuple[str, ...], more: int) -> None:
    """A fallback before the branches part delays them all, and counts for none."""
    plan = compiled(*with_fallback)
    join = plan.steps["join"]

    assert isinstance(join, Aggregator)
    assert rounds(plan, join) == more

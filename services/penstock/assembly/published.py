"""Every plan of a pipeline that was applied, by digest, as `p.plans` says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from penstock.contracts.records import PUBLISHED_PLAN, PublishedPlan
from penstock.contracts.topics import Topics
from penstock.errors import Poison
from penstock.runtime.codec import Codec
from penstock.runtime.service import Follows
from penstock.topology.archive import VERSION, dump, load
from penstock.topology.plan import Aggregator, Effect, Output, Plan, Step

if TYPE_CHECKING:
    from penstock.runtime.ports import Record


class Plans:
    """Follows the topic. A process's own plan is known without it; the codec learns the contracts of all others."""

    def __init__(self, own: Plan, codec: Codec) -> None:
        self.own = own
        self._codec = codec
        self._plans = {own.digest: own}
        self._unread: dict[str, str] = {}
        self.follows = Follows(Topics(own.pipeline).plans, self.hear)

    def get(self, digest: str) -> Plan | None:
        """The plan under a digest, or None."""
        return self._plans.get(digest)

    def lack(self, digest: str) -> str:
        """Why there is no plan under a digest, in words."""
        why = self._unread.get(digest)
        return f"plan {digest[:40]} cannot be read: {why}" if why else f"plan {digest[:40]} was never applied"

    def hear(self, record: Record) -> None:
        """Take one record of the topic, in its order."""
        digest = (record.key or b"").decode(errors="replace")
        self._unread.pop(digest, None)
        self._plans.pop(digest, None)
        try:
            if record.value is not None:
                self._plans[digest] = self._read(digest, read(record.value, self._codec))
        except ValueError as error:
            self._unread[digest] = str(error)[:300]
        self._plans[self.own.digest] = self.own

    def _read(self, digest: str, published: PublishedPlan) -> Plan:
        for text in published["schemas"]:
            self._codec.learn(json.loads(text))
        plan = plan_of(published)
        if (plan.pipeline, plan.digest) != (self.own.pipeline, digest):
            raise ValueError(f"it is plan {plan.digest} of {plan.pipeline}")
        return plan


def written(plan: Plan, codec: Codec, known: Iterable[str] = ()) -> PublishedPlan:
    """What is published of a plan; `known` are schemas that were published under its digest before."""
    own = {name for name in codec.schemas.by_name if name.startswith("penstock.")}
    closures = (codec.schemas.closure(contract) for contract in sorted(own | _spoken(plan)))
    schemas = [json.dumps(closure, separators=(",", ":")) for closure in closures]
    return PublishedPlan(
        pipeline=plan.pipeline, digest=plan.digest, version=VERSION, plan=dump(plan),
        schemas=list(dict.fromkeys([*schemas, *known])),
    )  # fmt: skip


def read(value: bytes, codec: Codec) -> PublishedPlan:
    """A record's value; ValueError when it is none."""
    try:
        contract, found = codec.decode(value)
    except Poison as poison:
        raise ValueError(str(poison)) from poison
    if contract != PUBLISHED_PLAN:
        raise ValueError(f"a {contract} lies in its place")
    published: PublishedPlan = found  # type: ignore[assignment]  # decoded under that very contract
    return published


def plan_of(published: PublishedPlan) -> Plan:
    """The plan that was published; ValueError when this build cannot read it."""
    if published["version"] > VERSION:
        raise ValueError(f"it is written in version {published['version']}, and this build reads {VERSION}")
    return load(published["plan"])


def _spoken(plan: Plan) -> set[str]:
    """Every contract that a message of a plan can be under."""
    return {plan.ingress.contract, *(contract for step in plan.steps.values() for contract in _of(step))}


def _of(step: Step) -> set[str]:
    if isinstance(step, Aggregator):
        return {*step.reads.values(), step.writes}
    return {step.reads} if isinstance(step, Effect | Output) else {step.reads, step.writes}

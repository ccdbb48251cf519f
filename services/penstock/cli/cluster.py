"""Asks the cluster first, so that a command says at once where no broker answers or nothing is prepared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from penstock.contracts.topics import Topics
from penstock.errors import Mistake, Unreached
from penstock.provision.survey import lacking, uneven
from penstock.runtime.kafka.admin import KafkaAdmin
from penstock.runtime.service import Service
from penstock.topology.plan import Plan

_LOOK = 2.0  # s that one look of a waiting process may take


def prepared(connection: Mapping[str, str], *topics: str) -> None:
    """Return when a broker answers and these topics are there; Unreached E301 or Mistake E306 otherwise."""
    if (missing := lacking(topics, KafkaAdmin(connection).topics())) is not None:
        raise missing


def lacks(plan: Plan, services: Sequence[Service], connection: Mapping[str, str]) -> Callable[[], str]:
    """A question for a process that waits: what its services still lack, in words; nothing when they can begin.

    Only topics these services read are looked at: of others they may not be permitted to know. A group that is joined
    before it has its first offsets could not be given any; a run that began under a plan which was never applied could
    not go on elsewhere. Refused E304 where partition counts differ, which no waiting mends.
    """
    admin = KafkaAdmin(connection, _LOOK)
    plans = Topics(plan.pipeline).plans
    numbered = [topic for service in services for topic in _read_by(service) if topic != plans]

    def look() -> str:
        try:
            there = admin.topics()
            missing = (
                lacking([*numbered, plans], there)
                or _without_offsets(services, admin, there)
                or _unpublished(plan, plans, admin)
            )
        except Unreached as error:
            return f"{error.what}: {error.why}"
        if missing is not None:
            return f"{missing.what}; {missing.fix}"
        if (refused := uneven(numbered, there)) is not None:
            raise refused
        return ""

    return look


def _without_offsets(services: Sequence[Service], admin: KafkaAdmin, there: Mapping[str, int]) -> Mistake | None:
    for service in services:
        if len(admin.offsets(service.group, service.source, there[service.source])) < there[service.source]:
            return Mistake("E306", f"group {service.group} has no first offsets", fix="`penstock apply` sets them")
    return None


def _unpublished(plan: Plan, topic: str, admin: KafkaAdmin) -> Mistake | None:
    if any(record.key == plan.digest.encode() and record.value for record in admin.records(topic, {0: 0})):
        return None
    return Mistake("E306", f"plan {plan.digest} of {plan.pipeline} was never applied",
                   fix="`penstock apply` publishes it")  # fmt: skip


def _read_by(service: Service) -> Sequence[str]:
    kept = [service.keeps.topic] if service.keeps is not None else []
    return [service.source, service.runs, *kept, *(follows.topic for follows in service.follows)]

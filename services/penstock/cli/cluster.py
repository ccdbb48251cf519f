"""Asks the cluster first, so that a command says at once where no broker answers or nothing is prepared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from penstock.errors import Mistake, Unreached
from penstock.provision.survey import lacking, uneven
from penstock.runtime.kafka.admin import KafkaAdmin
from penstock.runtime.service import Service

_LOOK = 2.0  # s that one look of a waiting process may take


def prepared(connection: Mapping[str, str], *topics: str) -> None:
    """Return when a broker answers and these topics are there; Unreached E301 or Mistake E306 otherwise."""
    if (missing := lacking(topics, KafkaAdmin(connection).topics())) is not None:
        raise missing


def lacks(services: Sequence[Service], connection: Mapping[str, str]) -> Callable[[], str]:
    """A question for a process that waits: what its services still lack, in words; nothing when they can begin.

    Only topics these services read are looked at: of others they may not be permitted to know. A group that is joined
    before it has its first offsets could not be given any. Refused E304 where partition counts differ, which no
    waiting mends.
    """
    admin = KafkaAdmin(connection, _LOOK)
    numbered = [topic for service in services for topic in _read_by(service)]

    def look() -> str:
        try:
            there = admin.topics()
            missing = lacking(numbered, there) or _without_offsets(services, admin, there)
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


def _read_by(service: Service) -> Sequence[str]:
    return [service.source, service.runs, *([service.keeps.topic] if service.keeps is not None else [])]

"""A payload on its way to the next steps: envelopes, task ids and the headers of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.contracts.envelope import HEADER, Envelope
from penstock.contracts.identity import task_id
from penstock.contracts.records import Spawned
from penstock.contracts.routes import Outlet, Routes
from penstock.errors import Poison
from penstock.runtime.ports import BY_KEY, Headers
from penstock.runtime.service import SAME, Send


def forward(
    routes: Routes, around: Envelope, address: str, payload: bytes, value: Mapping[str, Any]
) -> tuple[list[Send], list[Spawned]]:
    """Records for every successor of a step that answered `around`'s message, and the tasks they begin.

    `address` is where that message lies; `value` is the payload, decoded, for the keys of outputs: Poison
    `invalid_output` where it has none.
    """
    run, item, turn = around.run, around.item, around.round
    key = run.encode()
    header = around.heir(routes.source, address)
    sends: list[Send] = []
    spawned: list[Spawned] = []
    for route in routes.steps:
        step, branch = route.step, route.branch
        task = task_id(run, step, item, 0 if branch else turn, branch)
        sends.append(Send(route.topic, key, payload, "", None, SAME, [(HEADER, header(task))]))
        spawned.append({"task": task, "step": step, "item": item})
    sends += [_handed_over(outlet, around, routes.source, payload, value) for outlet in routes.outlets]
    return sends, spawned


def _handed_over(outlet: Outlet, around: Envelope, source: str, payload: bytes, value: Mapping[str, Any]) -> Send:
    business = value.get(outlet.key)
    if business is None:
        raise Poison(
            "invalid_output", f"output {outlet.name} is keyed by a field without a value", path=f"/{outlet.key}"
        )
    headers = _cloud_event(outlet, around, source)
    return Send(outlet.topic, str(business).encode(), payload, "", None, BY_KEY, headers)


def _cloud_event(outlet: Outlet, around: Envelope, source: str) -> Headers:
    """CloudEvents 1.0, Kafka binding, binary mode. The id is the task's, so a consumer can drop a repeat."""
    event = task_id(around.run, outlet.name, around.item)
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.encode()),
        ("ce_source", f"/penstock/{outlet.topic}/{source}".encode()),
        ("ce_type", outlet.contract.encode()),
        ("ce_correlationid", around.run.encode()),
        ("content-type", b"application/avro"),
    ]

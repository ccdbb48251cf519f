"""The gate's checks in Python: no personal data, and a message that is the bank's business at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock import Context, Reason
from triage.contracts import Understanding
from triage.personal import find

_LOSES = 0.02


def no_personal_data(value: Understanding, _ctx: Context) -> Iterable[Reason]:
    """Nothing that the mask knows may be left in the text; the reason does not repeat what was found."""
    return [
        Reason("personal_data", f"a {found.kind} number or address is left", "/text", "masked", found.kind)
        for found in find(value.text)
    ]


class InScope:
    """The message must be nearer to a labelled one than to texts known to be out of scope, and have an intent.

    Settings: `data`, and `loses`, the share of labelled messages that may be lost to this check (0.02).
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        from triage.bench import bench  # noqa: PLC0415 - only a process that hosts a model pays for its libraries

        self._scope = bench(settings).scope(float(settings.get("loses", _LOSES)))

    def __call__(self, value: Understanding, _ctx: Context) -> Iterable[Reason]:
        """Judge one text, whatever the worker that read it says."""
        near, lead = self._scope.lead(value.text)
        if value.intent is None:
            return [Reason("no_intent", "the worker found nothing that is the bank's business", "/intent")]
        if lead < self._scope.least:
            wanted = f"{self._scope.least:.2f} nearer to a labelled message than to a text out of scope"
            return [
                Reason(
                    "out_of_scope", "it is not like the messages we know", "/text", wanted, f"{near:.2f}, {lead:.2f}"
                )
            ]
        return []

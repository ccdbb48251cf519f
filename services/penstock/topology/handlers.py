"""Whether what `run:` names can be imported and called the way it will be called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from penstock.topology.draft import Draft, StepDraft
    from penstock.topology.report import At, Report

Resolve: TypeAlias = Callable[[str], object]
"""Finds the object behind `module:attribute`; raises ImportError, whose text says why, when it cannot."""

_WANTED = {
    "worker": "(value) or (value, ctx)",
    "router": "(value) or (value, ctx)",
    "check": "(value) or (value, ctx)",
    "merge": "(votes, concluded)",
    "send": "a class made with its settings, with send(effect, key)",
}
_PAIR = 2


def check(draft: Draft, resolve: Resolve, report: Report) -> None:
    """Resolve every handler of a draft and hold its signature."""
    for step in draft.steps.values():
        for path, role in _named(step):
            try:
                found = resolve(path.value)
            except ImportError as error:
                advice = "modules are looked for in services/ beside topology/, and where Python looks"
                report.add("E080", path.spot, path=path.value, problem=str(error), advice=advice)
            else:
                _fits(found, path, role, report)


def _named(step: StepDraft) -> Iterator[tuple[At[str], str]]:
    if step.run is not None:
        yield step.run, "send" if step.kind == "effect" else step.kind or "worker"
    if step.merge is not None and step.merge.run is not None:
        yield step.merge.run, "merge"
    for one in step.checks:
        if one.run is not None:
            yield one.run, "check"


def _fits(found: object, path: At[str], role: str, report: Report) -> None:
    if not callable(found):
        named = f"{type(found).__name__} {found!r}"
        report.add("E081", path.spot, path=path.value, found=named, advice="name a function or a class")
        return
    if role == "send":
        trouble = _of_a_sink(found)
    elif role == "merge":
        trouble = _unfit(found, _PAIR)
    else:
        trouble = _of_a_class(found) if isinstance(found, type) else _of_a_function(found)
    if trouble:
        report.add("E082", path.spot, path=path.value, wanted=_WANTED[role], problem=trouble)


def _of_a_sink(found: object) -> str:
    send = getattr(found, "send", None)
    if not isinstance(found, type) or not callable(send):
        return "it is no class with a method send"
    return _unfit(found, 1) or _unfit(send, 1 + _PAIR)


def _of_a_class(found: type) -> str:
    called = next((vars(kind)["__call__"] for kind in found.__mro__ if "__call__" in vars(kind)), None)
    if called is None:
        return "its instances cannot be called: it has no __call__"
    if (trouble := _unfit(found, 0)) and _unfit(found, 1):
        return f"it is made without arguments, or with its settings: {trouble}"
    return _of_a_function(called, bound=1)


def _of_a_function(called: Callable[..., object], bound: int = 0) -> str:
    """A handler takes the value, and the context if it has a second parameter; a third would never be given."""
    try:
        count = len(inspect.signature(called).parameters) - bound
    except (TypeError, ValueError):
        return ""  # a builtin without a signature: nobody can tell
    if not 1 <= count <= _PAIR:
        return f"it has {count} parameters"
    return _unfit(called, bound + count)


def _unfit(called: Callable[..., object], count: int) -> str:
    """Why something cannot be called with so many positional arguments, or nothing."""
    try:
        inspect.signature(called).bind(*range(count))
    except TypeError as error:
        return str(error)
    except ValueError:
        return ""  # a builtin without a signature: nobody can tell
    return ""

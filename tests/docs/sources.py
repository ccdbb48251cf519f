"""Reads the code for what it says to people: error codes, codes of reasons, figures for Prometheus."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from penstock import errors

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "services" / "penstock"
_CODE = re.compile(r"[ET]\d{3}")
_MAKERS = {"refuse", "kind"}  # local names for what makes a mistake
_MISTAKES = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.Mistake)
}
# Sentences that the code puts together from parts, where no constant can be read off it.
_PUT_TOGETHER = {
    "E302": "the cluster refused what an administrator asks",
    "E306": "a topic is not as the plan needs it",
    "E310": "there is no review “…”, or several begin like that",
    "E900": "a step halted, or the process cannot go on; the sentence says why",
    "E370": "there is no run “…”, or several begin like that",
    "E342": "a line has no event id that can be used",
    "E901": "wrong use of the command line",
}


class Said(NamedTuple):
    """A code, the sentence that goes with it, and the exit code where it ends a command."""

    code: str
    sentence: str
    exit_code: int = 1


def mistakes() -> list[Said]:
    """Every error code outside a topology file, once for each sentence."""
    found = dict.fromkeys([Said("E342", _PUT_TOGETHER["E342"])])  # its call names the code by a variable
    for call in (call for path in sorted(SOURCES.rglob("*.py")) for call in _calls(path)):
        if _name(call) not in {*_MISTAKES, *_MAKERS} or not call.args:
            continue
        for code in _constants(call.args[0]):
            if _CODE.fullmatch(code):
                sentence = _PUT_TOGETHER.get(code) or _text(call.args[1])
                if _name(call) == "refuse":  # contracts: the sentence goes on after the contract's name
                    sentence = f"contract …: {sentence}"
                found[Said(code, sentence, _exit(call, code))] = None
    if unread := [said.code for said in found if said.sentence in {"", "…"}]:
        raise AssertionError(f"no sentence can be read for {', '.join(unread)}: see _PUT_TOGETHER")
    return sorted(found)


def reasons() -> set[str]:
    """Every code that the system itself gives as a reason of a dead letter or a verdict."""
    calls = (call for path in sorted(SOURCES.rglob("*.py")) for call in _calls(path))
    named = (call for call in calls if _name(call) in {"Poison", "Reason"} and call.args)
    return {code for call in named for code in _constants(call.args[0])}


def figures() -> list[tuple[str, str]]:
    """What the loop counts by itself: the name and sentence of every figure that is read at a scrape."""
    tree = ast.parse((SOURCES / "runtime" / "host.py").read_text(encoding="utf-8"))
    yields = (
        node.value for node in ast.walk(tree) if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple)
    )
    return [(str(ast.literal_eval(part.elts[0])), str(ast.literal_eval(part.elts[1]))) for part in yields]


def _calls(path: Path) -> Iterator[ast.Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _name(call: ast.Call) -> str:
    return (
        call.func.id
        if isinstance(call.func, ast.Name)
        else call.func.attr
        if isinstance(call.func, ast.Attribute)
        else ""
    )


def _exit(call: ast.Call, code: str) -> int:
    kind = _MISTAKES.get(_name(call), errors.Mistake)
    return {"E301": 4, "E302": 4, "E901": 2, "E999": 70}.get(code, kind.exit_code)


def _constants(node: ast.expr | None) -> Iterator[str]:
    """The text a first argument may be: itself, or either side of a choice."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)


def _text(node: ast.expr) -> str:
    """A sentence with `…` for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.Subscript):
        return _text(node.value)
    return "…"

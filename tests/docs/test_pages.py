"""The documentation is true: its pages are followed word by word on a real Kafka, and nothing it names is missing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from docs.pages import PAGES, ROOT, Block, before, blocks, commands
from docs.project import Project
from penstock.cli import COMMANDS
from penstock.cli.group import Lazy
from penstock.provision.broker import Broker

DOCS = ROOT / "docs"
FOLLOWED = [page for page in PAGES if page.parent == DOCS and any(b.language == "console" for b in blocks(page))]
LONGEST = 180
_LINK = re.compile(r"\[[^\]]*\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CALL = re.compile(r"(?<![\w./-])penstock((?: [\w.:/=<>{}\[\]|,*-]+)+)")
_MAKE = re.compile(r"(?:^|\$ |`)make ([a-z]+)", re.MULTILINE)
SPELLED = ("sh", "console")


@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, kafka: Broker, tmp_path: Path) -> None:
    """Who types what a page shows sees what the page shows."""
    project = Project(tmp_path, kafka.bootstrap)
    project.write(before(page))
    try:
        for block in blocks(page):
            if block.file:
                project.write({block.file: block.text})
            for command in commands(block) if block.language == "console" else ():
                trouble = project.follow(command)

                assert not trouble, f"{page.name}:{command.line}: $ {command.text}\n{trouble}"
    finally:
        project.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link leads to a file, and its anchor to a heading in it."""
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve()

        assert path.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor[1:] in _anchors(path), f"{page.name} links to {target}{anchor}"


def _anchors(page: Path) -> set[str]:
    headings = _HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_exists(page: Path) -> None:
    """Every `penstock` command, with its flags, and every `make` target that a page names is there."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for code in _code(page):
        assert set(_MAKE.findall(code)) <= targets, code
        for words in _CALL.findall(code):
            _exists(words.split(), f"{page.name}: penstock{words}")


def _code(page: Path) -> Iterator[str]:
    """What a page shows to be typed: blocks of the shell, and code within lines."""
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        if block.language == "sh":
            yield block.text
        elif block.language == "console":
            yield from (command.text for command in commands(block))
    yield from re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def _exists(words: list[str], where: str) -> None:
    command: click.Command = Lazy("penstock", COMMANDS, help="")
    context = click.Context(command)
    for word in words:
        if isinstance(command, click.Group) and not word.startswith("-"):
            names = word.split("|")
            assert all(command.get_command(context, name) for name in names), where
            command = command.get_command(context, names[0]) or command
        elif word.startswith("-"):
            flags = {flag for parameter in command.params for flag in (*parameter.opts, "--help", "-h", "--version")}
            assert word.partition("=")[0] in flags, where


def test_pages_are_short() -> None:
    """No page of docs/ has more than 180 lines of its own; tables that are generated do not count."""
    pages = (page for page in PAGES if page.parent == DOCS)
    own = {page.name: len(_written(page).splitlines()) for page in pages}

    assert {name: count for name, count in own.items() if count > LONGEST} == {}


def _written(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    return re.sub(r"<!-- generated: .*?<!-- end -->", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_on_pages_is_python(page: Path) -> None:
    """Every block of Python can be parsed, whether it becomes a file or not."""
    shown: list[Block] = [block for block in blocks(page) if block.language == "python"]

    for block in shown:
        ast.parse(block.text, f"{page.name}:{block.line}")

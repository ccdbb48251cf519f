"""Reads the pages of the documentation: which files they show, which commands they call, and what these answer.

A line that is nothing but a path in backticks names the file that the block below it becomes. In a `console` block a
line that begins with `$` is run, and what follows it is what it prints: `…` stands for anything within a line, and a
line that is nothing but `…` for any number of lines. A command ends with 0 unless `# exit N` stands behind it, or
`# refused`, which is anything else. Blocks of `sh` are shown and not run. `<!-- continues PAGE -->` begins with the
files of another page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
_FENCE = re.compile(r"^(`{3,})(\w*)\s*$")
_TITLE = re.compile(r"^`([\w./-]+)`:?$")
_CONTINUES = re.compile(r"<!-- continues (\S+) -->")
_EXIT = re.compile(r"#\s*exit (\d+)\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the line of its first line of text, and the file it becomes, if any."""

    language: str
    text: str
    line: int
    file: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page, and what it should print."""

    text: str
    expected: str
    line: int

    def ends(self, code: int) -> bool:
        """Whether it should end with this exit code."""
        if self.text.endswith("# refused"):
            return code != 0
        found = _EXIT.search(self.text)
        return code == (int(found[1]) if found else 0)

    @property
    def stays(self) -> bool:
        """Whether it goes on beside those that follow."""
        return self.text.endswith("&")

    def fits(self, printed: str) -> bool:
        """Whether what it printed is what the page shows."""
        return _pattern(self.expected).fullmatch(_tidy(printed)) is not None

    def begins(self, printed: str) -> bool:
        """Whether all that the page shows has been printed by now, between other lines."""
        lines = iter(printed.splitlines())
        wanted = [_pattern(line) for line in self.expected.splitlines() if line.strip() != "…"]
        return all(any(pattern.fullmatch(_tidy(line)) for line in lines) for pattern in wanted)


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in their order."""
    title, fence, language, start = "", "", "", 0
    held: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if fence:
            if line.rstrip() == fence:
                yield Block(language, "\n".join(held) + "\n", start, title)
                fence, title, held = "", "", []
            else:
                held.append(line)
        elif found := _FENCE.match(line):
            fence, language, start = found[1], found[2], number + 1
        elif line.strip():
            named = _TITLE.match(line.strip())
            title = named[1] if named else ""


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    line = block.line + parts[0].count("\n")
    for part in parts[1:]:
        typed = re.match(r"(?:.*\\\n)*.*\n", part)
        assert typed is not None
        yield Command(typed[0].strip(), _tidy(part[typed.end() :]), line)
        line += part.count("\n")


def files(page: Path) -> dict[str, str]:
    """The files a page's project begins with and gets, by path; of several versions of one the last."""
    found: dict[str, str] = {}
    if continued := _CONTINUES.search(page.read_text(encoding="utf-8")):
        found |= files(page.parent / continued[1])
    return found | {block.file: block.text for block in blocks(page) if block.file}


def before(page: Path) -> dict[str, str]:
    """The files that a page finds there already."""
    continued = _CONTINUES.search(page.read_text(encoding="utf-8"))
    return files(page.parent / continued[1]) if continued else {}


def _pattern(expected: str) -> re.Pattern[str]:
    lines = expected.split("\n")
    parts = [r"(?:.*(?:\n|$))*" if line.strip() == "…" else _of_line(line) + r"(?:\n|$)" for line in lines]
    return re.compile("".join(parts) if expected else "")


def _of_line(line: str) -> str:
    """Columns of a table may be wider or narrower than the page shows them."""
    exact = r"[^\n]*?".join(re.escape(piece) for piece in line.split("…"))
    return re.sub(r"(?:\\ )+", " +", exact)


def _tidy(text: str) -> str:
    """Without what a reader does not see: spaces at the ends of lines and empty lines at the end."""
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())

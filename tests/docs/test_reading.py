"""The reader of pages can fail: it finds what differs, and takes only what is marked for anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.pages import Command, before, blocks, commands, files

PAGE = """# Title

`a/b.py`

```python
x = 1
```

Not a title: `a/b.py` stands in a line.

```console
$ one \\
    more
first
…
$ two # exit 3
```

`a/b.py`:

```python
x = 2
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page, and another that goes on with it."""
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "next.md").write_text("<!-- continues page.md -->\n`c`\n\n```text\nd\n```\n", encoding="utf-8")
    return tmp_path / "page.md"


@pytest.mark.parametrize(
    ("expected", "printed", "fits"),
    [
        ("", "", True),
        ("", "something", False),
        ("a 1", "a 1\n", True),
        ("a 1", "a   1", True),
        ("a 1", "a 2", False),
        ("a 1", "a 1\nb", False),
        ("a …", "a b c", True),
        ("a …", "a b\nc", False),
        ("…", "", True),
        ("…\nlast", "first\nsecond\nlast", True),
        ("…\nlast", "first\nlast\nmore", False),
        ("first\n…", "first", True),
        ("a.c", "abc", False),
    ],
)
def test_an_answer_fits_or_not(expected: str, printed: str, *, fits: bool) -> None:
    """Every character counts, but for marks, widths of columns and spaces nobody sees."""
    assert Command("x", expected, 1).fits(printed) is fits


def test_what_goes_on_is_ready_when_all_its_lines_are_there() -> None:
    """The lines of a command that stays come in their order, others between them."""
    command = Command("x &", "one\ntwo", 1)

    assert command.begins("zero\none\nmore\ntwo\n")
    assert not command.begins("two\none\n")
    assert not command.begins("one\n")


def test_commands_have_their_answers_and_exit_codes(page: Path) -> None:
    """A command may go on over lines; what follows it is its answer."""
    (console,) = (block for block in blocks(page) if block.language == "console")

    first, second = commands(console)

    assert (first.text, first.expected) == ("one \\\n    more", "first\n…")
    assert [first.ends(0), first.ends(1)] == [True, False]
    assert second.expected == ""
    assert [second.ends(3), second.ends(0)] == [True, False]
    assert [Command("x # refused", "", 1).ends(code) for code in (0, 1, 2)] == [False, True, True]


def test_the_last_version_of_a_file_counts(page: Path) -> None:
    """A block is a file only below a line with nothing but its path; the next page begins with its last version."""
    assert [block.file for block in blocks(page)] == ["a/b.py", "", "a/b.py"]
    assert before(page.parent / "next.md") == {"a/b.py": "x = 2\n"}
    assert files(page.parent / "next.md") == {"a/b.py": "x = 2\n", "c": "d\n"}

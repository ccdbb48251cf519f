"""Whatever way a command ends, the person reads what happened and the shell gets the exit code for it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from penstock import cli
from penstock.cli import end, flags, render
from penstock.errors import Conflict, Halt, Mistake, Place, Refused, Retriable, TimedOut, Unreached


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Reports go to a directory of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def raising(error: BaseException) -> Callable[[], None]:
    """A command that ends so."""

    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Mistake("E1", "x"), 1),
        (Unreached("E1", "x"), 4),
        (Refused("E1", "x"), 5),
        (Conflict("E1", "x"), 6),
        (TimedOut("E1", "x"), 7),
        (Halt("E350", "x"), 1),
        (click.UsageError("x"), 2),
        (click.exceptions.Exit(3), 3),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
)
def test_each_end_has_its_exit_code(error: BaseException, code: int) -> None:
    """Exit codes are those of the table, whatever raises."""
    assert end.of(raising(error), flags.Flags()) == code


@pytest.mark.parametrize("error", [ValueError("x"), Retriable("x"), BrokenPipeError("a socket's")])
def test_a_fault_of_ours_is_written_down(error: Exception, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody foresaw is exit code 70 and a report that holds the traceback, of which the screen shows the path."""
    code = end.of(raising(error), flags.Flags())

    (written,) = (state / "penstock" / "reports").iterdir()
    shown = capsys.readouterr().err
    assert code == 70
    assert str(written) in shown
    assert "Traceback" not in shown
    assert "Traceback" in written.read_text()


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """With --debug the traceback of a mistake follows it."""
    end.of(raising(Mistake("E1", "x")), flags.Flags(debug=True))

    assert "Traceback" in capsys.readouterr().err


def test_json_errors_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json an error is one document on stdout, those found beside it within, and stderr stays empty."""
    other = Mistake("E015", "another")
    mistake = Mistake("E014", "what", "why", "fix", Place("a.yaml", 7, 13), (other,))

    end.of(raising(mistake), flags.Flags(json=True))

    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "kind": "Error",
        "version": 1,
        "code": "E014",
        "what": "what",
        "where": {"file": "a.yaml", "line": 7, "column": 13},
        "why": "why",
        "fix": "fix",
        "others": [{"code": "E015", "what": "another", "where": None, "why": "", "fix": ""}],
    }
    assert err == ""


def test_a_mistake_in_a_file_is_shown_in_its_line() -> None:
    """The line of the file stands in the text with a mark as wide as the word under it."""
    place = Place("claims.yaml", 7, 13, source="    after: [clasify]", width=7)
    mistake = Mistake(
        "E014", "step “route” waits for “clasify”", "it must be a step", "did you mean “classify”?", place
    )

    assert click.unstyle(render.text(mistake)).splitlines() == [
        "error[E014]: step “route” waits for “clasify”",
        "  --> claims.yaml:7:13",
        "   |",
        " 7 |     after: [clasify]",
        "   |             ^^^^^^^",
        "   |",
        "  = why:  it must be a step",
        "  = fix:  did you mean “classify”?",
    ]


def test_a_mistake_elsewhere_names_the_setting() -> None:
    """Without a line there is no snippet: where, why and fix stand under each other, further lines under the first."""
    mistake = Mistake("E213", "what", "one\ntwo", "fix", Place("PENSTOCK_X (environment)"))

    assert click.unstyle(render.text(mistake)).splitlines() == [
        "error[E213]: what",
        "  where: PENSTOCK_X (environment)",
        "  why:   one",
        "         two",
        "  fix:   fix",
    ]


def test_all_errors_of_a_file_are_shown() -> None:
    """Those beside the first follow in order, and their number ends the text."""
    beside = tuple(Mistake(f"E02{n}", f"number {n}") for n in range(3))

    shown = click.unstyle(render.text(Mistake("E010", "first", others=beside)))

    assert [line for line in shown.splitlines() if line] == [
        "error[E010]: first",
        "error[E020]: number 0",
        "error[E021]: number 1",
        "error[E022]: number 2",
        "4 errors",
    ]


def test_a_long_line_is_cut_around_its_place() -> None:
    """Of a line longer than the screen the part around the place is shown, the mark under the right character."""
    place = Place("a.yaml", 1, 501, source="x" * 500 + "Y" + "x" * 500)

    line, mark = click.unstyle(render.text(Mistake("E1", "x", place=place))).splitlines()[3:5]

    assert len(line) < 120
    assert line.index("Y") == mark.index("^")


def test_what_a_file_says_cannot_move_the_cursor() -> None:
    """Escape characters in a user's file or word are not passed to the terminal."""
    place = Place("a.yaml", 1, 1, source="\x1b[2Jgone\t!")

    shown = click.unstyle(render.text(Mistake("E1", "word \x1b]0;x\x07", place=place)))

    assert not set(shown) & {"\x1b", "\x07", "\t"}


def test_a_typo_is_answered_with_the_nearest_command(capsys: pytest.CaptureFixture[str]) -> None:
    """A command there is not is exit code 2 and names the nearest, at the root and below."""
    codes = [cli.main(["brokr"]), cli.main(["broker", "strat"])]

    shown = capsys.readouterr().err
    assert codes == [2, 2]
    assert "“broker”" in shown
    assert "“start”" in shown


@pytest.mark.parametrize(
    "arguments", [["--nope"], ["broker", "start", "--port", "x"], ["broker", "start", "--timeout", "9"]]
)
def test_wrong_use_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Options that are not there and values that do not fit are wrong use, as JSON too."""
    code = cli.main([*arguments, "--json"])

    assert code == 2
    assert json.loads(capsys.readouterr().out)["code"] == "E901"


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """`penstock` alone is exit code 2 and the list of commands."""
    code, shown = cli.main([]), capsys.readouterr().err

    assert code == 2
    assert all(name in shown for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_of_the_table_is_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each row names a click command that shows its help, with the common flags."""
    assert cli.main([name, "--help"]) == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("90s", 90.0), ("15m", 900.0), ("2h", 7200.0), ("1.5s", 1.5)]
)
def test_durations(text: str, seconds: float) -> None:
    """A duration is a number with its unit."""
    assert flags.Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["9", "-1s", "1 s", "s", "1e3s", ""])
def test_what_is_no_duration(text: str) -> None:
    """A number without a unit and the like are refused."""
    with pytest.raises(click.BadParameter):
        flags.Duration().convert(text, None, None)


def test_a_closed_pipe_is_quiet() -> None:
    """`penstock … | head` ends without a word on stderr."""
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-m", "penstock", "--help"], stdout=writing, stderr=subprocess.PIPE, check=False
    )

    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_name_that_is_no_text_does_not_break_the_output() -> None:
    """An argument with bytes that are no UTF-8 is wrong use like any other."""
    done = subprocess.run([sys.executable, "-m", "penstock", b"\xff\xfe"], capture_output=True, check=False)

    assert done.returncode == 2
    assert b"Traceback" not in done.stderr

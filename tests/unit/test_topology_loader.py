"""The strict loader: what a file may look like, and what each word in it means."""

from __future__ import annotations

import codecs
import math
from pathlib import Path

import pytest

from penstock.assembly.plans import resolve
from penstock.contracts.schemas import load
from penstock.errors import Mistake
from penstock.topology import scalars
from penstock.topology.compiler import compile_topology
from penstock.topology.document import MAX_BYTES
from penstock.topology.grammar import MAX_STEPS
from penstock.topology.plan import Plan, Worker

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = load(ROOT / "schemas" / "avro")
DIAGRAM = (ROOT / "topology" / "diagram.yaml").read_bytes()


def compiled(data: bytes) -> Plan:
    return compile_topology(data, "some.yaml", SCHEMAS, resolve)


def refused(data: bytes) -> list[tuple[str, int, int]]:
    with pytest.raises(Mistake) as caught:
        compiled(data)
    found = (caught.value, *caught.value.others)
    return [(one.code, one.place.line, one.place.column) for one in found if one.place]


@pytest.mark.parametrize(
    "data",
    [codecs.BOM_UTF8 + DIAGRAM, DIAGRAM.replace(b"\n", b"\r\n"), DIAGRAM.decode().encode("utf-16")],
    ids=["byte order mark", "CRLF", "UTF-16"],
)
def test_accepts_other_editors(data: bytes) -> None:
    """A byte order mark, Windows line ends and UTF-16 with its mark change nothing."""
    assert compiled(data).digest == compiled(DIAGRAM).digest


def test_leaves_deploy_to_others() -> None:
    """What stands under `deploy` is neither checked nor digested: the file is a Helm values file too."""
    deploy = b'deploy: {replicas: 3, flags: [no, 0777], 1: x, env: "${HOME}", password: abc}\n'

    assert compiled(DIAGRAM + deploy).digest == compiled(DIAGRAM).digest


def test_refuses_a_file_that_is_too_large() -> None:
    """More than a megabyte is not even parsed."""
    assert refused(b"#" * (MAX_BYTES + 1)) == [("E021", 1, 1)]


def test_refuses_too_many_steps() -> None:
    """10,001 steps are one too many."""
    steps = b"".join(b" s%d:\n" % number for number in range(MAX_STEPS + 1))

    assert refused(b"pipeline: p\nlimits: {deadline: 1m, tasks: 1}\ningress: {contract: a.B, event_id: id, to: [s1]}\n"
                   b"steps:\n" + steps) == [("E022", 4, 1)]  # fmt: skip


def test_a_page_of_brackets_is_refused_at_once() -> None:
    """What crashes other readers is refused at the fifty-first bracket."""
    assert refused(b"[" * 200_000) == [("E020", 1, 51)]


@pytest.mark.parametrize("name", ["ingress", "supervisor"])
def test_nobody_else_speaks_as_the_system(name: str) -> None:
    """Even an output may not take the name under which ingress or supervisor speak."""
    renamed = DIAGRAM.replace(b"to: [results]", f"to: [{name}]".encode()).replace(b"  results:", f"  {name}:".encode())

    assert "E031" in {code for code, _, _ in refused(renamed)}


@pytest.mark.parametrize("text", ["a: b\0c", "a: \x1b[31m", "\x07"])
def test_refuses_what_a_terminal_would_obey(text: str) -> None:
    """Control characters are no part of a topology."""
    assert [code for code, _, _ in refused(text.encode())] == ["E011"]


def test_shows_the_line_and_how_much_of_it() -> None:
    """A mistake carries its source line and the width of the word, so that it can be marked."""
    with pytest.raises(Mistake) as caught:
        compiled(DIAGRAM.replace(b"kind: aggregator", b"kind: agregator"))

    place = caught.value.place
    assert place is not None
    assert (place.source, place.width) == ("    kind: agregator", len("agregator"))
    assert caught.value.fix == "did you mean “aggregator”?"


def test_a_terminal_is_not_written_to_by_a_file() -> None:
    """Words of the file are shown without what could move a cursor."""
    with pytest.raises(Mistake) as caught:
        compiled(DIAGRAM.replace(b"kind: aggregator", b'kind: "a\\e[2Jb"'))

    assert "\x1b" not in caught.value.what


def test_settings_arrive_as_they_were_written() -> None:
    """A handler's settings keep their types and nesting."""
    settings = b'    settings: {model: tiny, shots: 3, warm: true, rate: 0.5, more: [a, {b: null}], quoted: "3"}\n'
    plan = compiled(DIAGRAM.replace(b"    writes: diagram.Scored\n", b"    writes: diagram.Scored\n" + settings))

    worker = plan.steps["a"]
    assert isinstance(worker, Worker)
    assert dict(worker.settings) == {
        "model": "tiny", "shots": 3, "warm": True, "rate": 0.5, "more": ["a", {"b": None}], "quoted": "3",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [("api_key", "abc"), ("db-password", "abc"), ("TOKEN", "abc"), ("secret", '"a b"')],
)
def test_notices_secrets(key: str, value: str) -> None:
    """A text under a key that is named like a secret is refused."""
    settings = f"    writes: diagram.Scored\n    settings: {{{key}: {value}}}\n".encode()

    assert [code for code, _, _ in refused(DIAGRAM.replace(b"    writes: diagram.Scored\n", settings))] == ["E036"]


@pytest.mark.parametrize("entry", ["max_tokens: 500", "password_file: /run/x", "token_env: X", "secret: null"])
def test_does_not_cry_secret(entry: str) -> None:
    """Numbers, names of files and of variables are no secrets."""
    settings = f"    writes: diagram.Scored\n    settings: {{{entry}}}\n".encode()

    assert compiled(DIAGRAM.replace(b"    writes: diagram.Scored\n", settings)).steps


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("-3", -3), ("2_000_000", 2_000_000), ("0x1F", 31), ("0", 0), ("0.5", 0.5), ("1e3", 1000.0),
     ("true", True),
     ("False", False), ("null", None), ("~", None), ("", None), ("no more", "no more"), ("y", "y"), ("1.2.3", "1.2.3"),
     ("9" * 40, "9" * 40), ("-.inf", -math.inf), ("_1", "_1"), ("200ms", "200ms")],
)  # fmt: skip
def test_words_mean_what_yaml_1_2_says(text: str, value: scalars.Scalar) -> None:
    """Unquoted words under the core schema, with underscores in whole numbers."""
    assert scalars.value(text) == value
    assert type(scalars.value(text)) is type(value)


@pytest.mark.parametrize("text", ["no", "Yes", "ON", "off", "0777", "0o17", "1:30", "12:30:45.5", "2026-01-01", "0b11"])
def test_words_that_older_readers_take_otherwise(text: str) -> None:
    """Each of them is asked to be put in quotes."""
    assert scalars.surprise(text)


@pytest.mark.parametrize("text", ["none", "0", "10", "a:b", "noon", "1.5", "2026", "10.0.0.1"])
def test_words_that_all_readers_take_alike(text: str) -> None:
    """None of them is."""
    assert scalars.surprise(text) is None


@pytest.mark.parametrize(
    ("text", "ms"), [("200ms", 200), ("90s", 90_000), ("15m", 900_000), ("2h", 7_200_000), ("24h", 86_400_000),
                     ("1.5s", None), ("-1s", None), ("90", None), ("1d", None), ("s", None), ("٣s", None)],
)  # fmt: skip
def test_durations(text: str, ms: int | None) -> None:
    """A whole number and ms, s, m or h; nothing else."""
    assert scalars.duration(text) == ms


@pytest.mark.parametrize(
    ("text", "dollars"), [("0.05 USD", 0.05), ("3 USD", 3.0), ("0 USD", 0.0), ("3USD", None), ("3", None),
                          ("-1 USD", None), ("1e3 USD", None), ("1 EUR", None)],
)  # fmt: skip
def test_money(text: str, dollars: float | None) -> None:
    """A number and USD; nothing else."""
    assert scalars.money(text) == dollars


@pytest.mark.parametrize("ms", [1, 200, 1_000, 1_500, 90_000, 93_000, 900_000, 86_400_000])
def test_a_spelt_duration_can_be_read_again(ms: int) -> None:
    """What a fix tells a person to write is what the file can say."""
    assert scalars.duration(scalars.spell(ms)) == ms


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0s"), (200, "0.2s"), (34_400, "34.4s"), (127_000, "2m 7s"), (86_400_000, "24h")]
)
def test_a_spoken_duration(ms: int, text: str) -> None:
    """Durations in a report read like speech."""
    assert scalars.spoken(ms) == text

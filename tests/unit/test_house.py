"""The house keeps its own rules: small rooms, opening sentences, a light door, no silence unexplained."""

import ast
import re
import resource
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "services").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
ROOMS = (
    "ingress",
    "worker",
    "validator",
    "aggregator",
    "supervisor",
    "effects",
    "replay",
)  # escalation: moved by people
LONGEST_MODULE, LONGEST_FUNCTION = 400, 50
VAGUE = {"base", "common", "helper", "helpers", "impl", "manager", "managers", "misc", "stuff", "util", "utils"}
HEAVY = {
    "avro",
    "cel_expr_python",
    "confluent_kafka",
    "fastavro",
    "numpy",
    "prometheus_client",
    "pydantic",
    "rich",
    "ruamel",
    "structlog",
}
DOOR_LIMIT = 0.3

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def short(path: Path) -> str:
    """A path as the checkout has it."""
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[Function]:
    """All functions and methods of a file."""
    return (node for node in ast.walk(parsed(path)) if isinstance(node, Function))


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """All comments of a file, with their lines."""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def loaded_by(program: str) -> set[str]:
    """The heavy packages that are loaded after a program ran in a fresh interpreter."""
    ending = f"\nimport sys; print(*({HEAVY!r} & {{name.partition('.')[0] for name in sys.modules}}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program + ending], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_one_sentence_opens_every_module() -> None:
    """Every module, of the tests too, begins with one sentence that says what it is for."""
    openings = {short(path): (ast.get_docstring(parsed(path)) or "").partition("\n\n")[0] for path in SOURCES + TESTS}

    assert [path for path, opening in openings.items() if not re.fullmatch(r"\S.*[.:]", opening, re.DOTALL)] == []
    assert [path for path, opening in openings.items() if re.search(r"[a-z]\. [A-Z]", opening)] == []


def test_no_module_is_too_long() -> None:
    """No module of the services has more than 400 lines."""
    lengths = {short(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}

    assert {path: length for path, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_no_function_is_too_long() -> None:
    """No function of the services has more than 50 lines, decorators and docstring included."""
    lengths = {
        f"{short(path)}:{function.name}": (function.end_lineno or 0)
        - function.lineno
        + 1
        + len(function.decorator_list)
        for path in SOURCES
        for function in functions(path)
    }

    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_names_say_something() -> None:
    """No module or folder is named for what it is not about: utils, helpers, common, manager and their kind."""
    names = {
        short(path): set(re.split(r"[_./]", path.relative_to(ROOT).with_suffix("").as_posix())) for path in SOURCES
    }

    assert {path: words & VAGUE for path, words in names.items() if words & VAGUE} == {}


def test_names_do_not_shadow_the_standard_library() -> None:
    """No module of the services is named like one of Python's own."""
    named = [path for path in SOURCES if not path.stem.startswith("__")]

    assert [short(path) for path in named if path.stem in sys.stdlib_module_names] == []


def test_nothing_is_left_for_later() -> None:
    """No TODO, FIXME or XXX, and nothing that raises NotImplementedError."""
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")

    assert [short(path) for path in SOURCES if marks.search(path.read_text(encoding="utf-8"))] == []


def test_every_silence_gives_its_reason() -> None:
    """Each noqa and each type: ignore names its rule and says why beside it."""
    silence = re.compile(r"#\s*(noqa|type:\s*ignore)")
    reasoned = re.compile(r"# noqa: [A-Z]+\d+(, ?[A-Z]+\d+)* - \S|# type: ignore\[[a-z-]+(, ?[a-z-]+)*\]\s+# \S")
    bare = [
        f"{short(path)}:{line}"
        for path in SOURCES + TESTS
        for line, comment in comments(path)
        if silence.match(comment) and not reasoned.match(comment)
    ]

    assert bare == []


def test_every_test_states_its_claim() -> None:
    """Each test function has a docstring."""
    files = [path for path in TESTS if path.name.startswith("test_")]
    silent = [
        f"{short(path)}:{function.name}"
        for path in files
        for function in functions(path)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]

    assert silent == []


def test_test_files_have_names_of_their_own() -> None:
    """No two test files share a basename, which would make one hide the other in reports."""
    counts = Counter(path.name for path in TESTS if path.name.startswith("test_"))

    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("room", ROOMS)
def test_who_has_read_one_room_can_read_all(room: str) -> None:
    """Every room the loop moves has a service.py with a `build` whose docstring says what it makes."""
    folder = ROOT / "services" / "penstock" / room
    if not any(folder.glob("*.py")):
        pytest.skip(f"{room} is not built yet")

    builds = [
        node for node in parsed(folder / "service.py").body if isinstance(node, Function) and node.name == "build"
    ]

    assert len(builds) == 1
    assert ast.get_docstring(builds[0])


def test_a_workers_author_imports_nothing_heavy() -> None:
    """`import penstock` loads neither Kafka nor Avro nor metrics nor models nor a terminal library."""
    assert loaded_by("import penstock") == set()


def test_the_front_door_is_light() -> None:
    """`penstock --help` loads no heavy package and no command."""
    assert loaded_by("from penstock.cli import main; assert main(['--help']) == 0") == set()


def test_the_front_door_opens_quickly() -> None:
    """`penstock --help` takes under 0.3 s of processor time, which is its whole time on a machine at rest."""
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "penstock", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    assert min(times) < DOOR_LIMIT

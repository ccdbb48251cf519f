"""The project that the reader of a page makes: its folder, the environment, and the commands that are run in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka.admin import AdminClient

from docs.pages import Command
from penstock.provision import ports

_PATIENCE = 40.0  # s for a command that stays to say that it is ready, or for an answer to come
_DRAIN = 30.0  # s; the longest drain is 20
_LOOK = 0.1
_PORT = "9474"  # the one that pages show for health; a free one is taken in its place
_NAME = re.compile(r"^pipeline: ([\w-]+)$", re.MULTILINE)
_LOOKS = ("cat ", "sort ", "tail ", "curl ", "penstock review list", "penstock review show", "python look.py")


@dataclass
class Project:
    """A folder in which a page is followed word by word; `close` ends what still runs there."""

    folder: Path
    bootstrap: str
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    port: int = field(default_factory=ports.pick)

    def write(self, files: Mapping[str, str]) -> None:
        """Save files as an editor would."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def follow(self, command: Command) -> str:
        """Do what a line says; what is wrong with its answer, or nothing.

        A command that only looks is asked again until its answer is there: a pipeline takes a moment.
        """
        if command.stays:
            return self._beside(command)
        until = time.monotonic() + (_PATIENCE if command.text.startswith(_LOOKS) else 0)
        while True:
            code, printed = self._run(command.text)
            if command.ends(code) and command.fits(printed):
                return ""
            if time.monotonic() >= until:
                return f"ended with {code} and printed\n{printed}"
            time.sleep(_LOOK)

    def close(self) -> None:
        """End what was started, as Ctrl-C would, and leave the broker as it was for the next page."""
        for process in self.running:
            process.terminate()
        for process in self.running:
            try:
                process.wait(_DRAIN)
            except subprocess.TimeoutExpired:
                process.kill()
        client = AdminClient({"bootstrap.servers": self.bootstrap})
        names = {found[1] for path in self.folder.glob("topology/*.yaml") if (found := _NAME.search(path.read_text()))}
        gone = [topic for topic in client.list_topics(timeout=10).topics if topic.partition(".")[0] in names]
        for future in client.delete_topics(gone).values() if gone else ():
            future.result(10)

    def _run(self, text: str) -> tuple[int, str]:
        done = subprocess.run(
            self._shell(text), cwd=self.folder, env=self._environment(), timeout=_PATIENCE, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.returncode, done.stdout.decode()

    def _beside(self, command: Command) -> str:
        log = self.folder / f"output-{len(self.running)}.txt"
        call = self._shell(f"exec {command.text.removesuffix('&')}")
        with log.open("wb") as output:
            process = subprocess.Popen(call, cwd=self.folder, env=self._environment(), stdout=output, stderr=output)
        self.running.append(process)
        until = time.monotonic() + _PATIENCE
        while not command.begins(log.read_text(encoding="utf-8")):
            if process.poll() is not None or time.monotonic() > until:
                return f"printed\n{log.read_text(encoding='utf-8')}"
            time.sleep(_LOOK)
        return ""

    def _shell(self, text: str) -> list[str]:
        return ["/bin/bash", "-c", text.replace(_PORT, str(self.port))]

    def _environment(self) -> dict[str, str]:
        state = str(self.folder / ".state")
        return {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
            "HOME": str(self.folder), "XDG_STATE_HOME": state, "XDG_CONFIG_HOME": state, "LANG": "C.UTF-8",
            "PENSTOCK_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap, "COLUMNS": "100",
        }  # fmt: skip

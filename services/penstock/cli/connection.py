"""Where the cluster is: flags before environment before files before the default, in librdkafka's words."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from penstock.errors import Mistake, Place

DEFAULT = "127.0.0.1:9092"
_PREFIX = "PENSTOCK_KAFKA_"
_SERVERS = "bootstrap.servers"

# What a person may set: nothing that loads code, turns verification off or sends a token to an address.
ALLOWED = frozenset({
    "bootstrap.servers", "client.id", "client.rack", "security.protocol", "sasl.mechanism", "sasl.username",
    "sasl.password", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password",
    "ssl.cipher.suites", "socket.timeout.ms", "group.protocol", "session.timeout.ms", "max.poll.interval.ms",
    "fetch.wait.max.ms", "fetch.max.bytes", "queued.max.messages.kbytes", "compression.type", "linger.ms",
    "broker.address.family", "message.max.bytes",
})  # fmt: skip
_CONSUMER_ONLY = frozenset({"group.protocol", "session.timeout.ms", "max.poll.interval.ms", "fetch.wait.max.ms",
                            "fetch.max.bytes", "queued.max.messages.kbytes"})  # fmt: skip
_PRODUCER_ONLY = frozenset({"compression.type", "linger.ms"})
SECRET = frozenset({"sasl.password", "ssl.key.password"})


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The connection flags; the command gets `connection`, a mapping of librdkafka's properties."""

    @click.option("-b", "--bootstrap-servers", "--bootstrap-server", "servers", metavar="HOST:PORT",
                  help=f"The brokers.  [default: {DEFAULT}]")  # fmt: skip
    @click.option("-X", "properties", metavar="KEY=VALUE", multiple=True, help="A client property; may be repeated.")
    @click.option("-F", "--command-config", "config", metavar="FILE", help="A file of client properties.")
    @click.pass_context
    def with_connection(
        context: click.Context, /, servers: str | None, properties: tuple[str, ...], config: str | None, **rest: Any
    ) -> Any:
        rest["connection"] = read(servers, properties, config, os.environ)
        return context.invoke(command, **rest)

    with_connection.__name__, with_connection.__doc__ = command.__name__, command.__doc__
    with_connection.__click_params__ = [  # type: ignore[attr-defined]  # click keeps a function's options there
        *getattr(command, "__click_params__", []), *getattr(with_connection, "__click_params__", []),
    ]  # fmt: skip
    return with_connection


def read(
    servers: str | None, properties: tuple[str, ...], file: str | None, environment: Mapping[str, str]
) -> dict[str, str]:
    """The connection's properties. Mistake E320 to E323 for what is no property, not allowed or not readable."""
    settings: dict[str, str] = {_SERVERS: DEFAULT}
    user = Path(environment.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()) / "penstock/client.properties"
    for path in (user, Path("client.properties"), Path(file) if file else None):
        if path is not None and (path.is_file() or str(path) == file):
            settings.update(_of_file(path))
    settings.update(_of_environment(environment))
    for text in properties:
        name, separator, value = text.partition("=")
        if not separator:
            raise Mistake(
                "E320", f"“{text}” is no property", why="-X takes KEY=VALUE", fix="write -X security.protocol=SSL"
            )
        settings[_allowed(name.strip(), Place("-X", source="flag"))] = value.strip()
    if servers:
        settings[_SERVERS] = servers
    _check_servers(settings[_SERVERS])
    return settings


def _of_file(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake("E321", f"cannot read the properties file {path}", why=str(error),
                      fix="name a readable text file", place=Place(str(path))) from error  # fmt: skip
    found = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith(("#", "!")):
            continue
        name, separator, value = text.partition("=")
        if not separator:
            raise Mistake("E320", f"“{text[:40]}” is no property", why="a line is KEY=VALUE", fix="write it so",
                          place=Place(str(path), number, 1))  # fmt: skip
        found[_allowed(name.strip(), Place(str(path), number, 1))] = value.strip()
    return found


def _of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for variable, value in environment.items():
        if not variable.startswith(_PREFIX):
            continue
        name = variable.removeprefix(_PREFIX)
        text = value
        if name.endswith("_FILE") and _property(name.removesuffix("_FILE")) in SECRET:
            name, text = name.removesuffix("_FILE"), _secret(variable, Path(value))
        found[_allowed(_property(name), Place(variable, source="environment"))] = text
    return found


def _property(name: str) -> str:
    return name.lower().replace("_", ".")


def _secret(variable: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Mistake("E321", f"cannot read the secret file {path}", why=str(error), fix="mount it, or change the path",
                      place=Place(variable, source="environment")) from error  # fmt: skip


def _allowed(name: str, place: Place) -> str:
    if name in ALLOWED:
        return name
    near = get_close_matches(name, ALLOWED, n=1)
    hint = f"did you mean “{near[0]}”?" if near else f"allowed are: {', '.join(sorted(ALLOWED))}"
    why = "it is unknown, or it could load code, turn a check off or undo what exactly-once needs"
    raise Mistake("E322", f"the client property “{name[:80]}” is not allowed here", why, hint, place)


def _check_servers(text: str) -> None:
    for server in text.split(","):
        host, separator, port = server.strip().rpartition(":")
        if not (separator and host and port.isdigit() and 0 < int(port) < 65_536) or "//" in host:  # noqa: PLR2004 - TCP
            raise Mistake("E323", f"“{server[:80]}” is no broker address", why="expected HOST:PORT",
                          fix="write it like kafka-1.example:9092")  # fmt: skip

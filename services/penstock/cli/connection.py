"""Where the cluster is: flags before environment before files before the default, in librdkafka's words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import click

from penstock.errors import Misuse, Place

DEFAULT = "127.0.0.1:9092"
_PREFIX = "PENSTOCK_KAFKA_"
_SERVERS = "bootstrap.servers"
_SHOWN = 80

# What a person may set: nothing that loads code, turns verification off or sends a token to an address.
ALLOWED = frozenset({
    "bootstrap.servers", "client.id", "client.rack", "security.protocol", "sasl.mechanism", "sasl.username",
    "sasl.password", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password",
    "ssl.cipher.suites", "socket.timeout.ms", "group.protocol", "session.timeout.ms", "max.poll.interval.ms",
    "fetch.wait.max.ms", "fetch.max.bytes", "queued.max.messages.kbytes", "compression.type", "linger.ms",
    "broker.address.family", "message.max.bytes",
})  # fmt: skip
SECRET = frozenset({"sasl.password", "ssl.key.password"})
_ELSEWHERE = {  # what people bring along from Java's clients
    "sasl.jaas.config": "set sasl.mechanism, sasl.username and sasl.password instead",
    "ssl.truststore.location": "export the CA as PEM (`keytool -exportcert -rfc -keystore FILE -alias NAME`) and set "
    "ssl.ca.location",
    "ssl.keystore.location": "export certificate and key as PEM and set ssl.certificate.location and ssl.key.location",
    "enable.ssl.certificate.verification": "set ssl.ca.location to the PEM of the CA that signed the brokers' names",
}
_MECHANISMS = "sasl.mechanism=SCRAM-SHA-512 (others here: PLAIN, SCRAM-SHA-256)"


class Setting(NamedTuple):
    """A property's value and where it was set."""

    value: str
    place: Place


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
    """The connection's properties.

    Misuse E320 to E324 for what is no property, cannot be read, is not allowed, is no address or is not taken.
    """
    found: dict[str, Setting] = {_SERVERS: Setting(DEFAULT, Place("the default"))}
    for path in _files(file, environment):
        found |= _of_file(path)
    found |= _of_environment(environment)
    found |= _of_flags(properties)
    if servers:
        found[_SERVERS] = Setting(servers, Place("-b"))
    _check_servers(found[_SERVERS])
    settings = {name: setting.value for name, setting in found.items()}
    if len(settings) > 1:
        _try(settings, found)
    return settings


def _files(given: str | None, environment: Mapping[str, str]) -> Iterator[Path]:
    """The user's, the project's and the given one: the first two where they are there."""
    own = [Path("client.properties")]
    with suppress(RuntimeError):  # no home
        own.insert(0, Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "penstock" / own[0])
    yield from (path for path in own if path.is_file())
    if given:
        yield Path(given)


def _of_file(path: Path) -> dict[str, Setting]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise Misuse("E321", f"cannot read the properties file {path}", why, "name a readable text file",
                     Place(str(path))) from error  # fmt: skip
    found = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith(("#", "!")):
            place = Place(str(path), number, line.index(text[0]) + 1)
            name, separator, value = text.partition("=")
            if not separator:
                raise Misuse("E320", f"“{text[:_SHOWN]}” is no property", "a line is KEY=VALUE", "write it so", place)
            found[_allowed(name.strip(), place)] = Setting(value.strip(), place)
    return found


def _of_environment(environment: Mapping[str, str]) -> dict[str, Setting]:
    found = {}
    for variable, value in environment.items():
        if not variable.startswith(_PREFIX):
            continue
        name = variable.removeprefix(_PREFIX)
        place = Place(f"{variable} (environment)")
        text = value
        if name.endswith("_FILE") and _property(name.removesuffix("_FILE")) in SECRET:
            name, text = name.removesuffix("_FILE"), _secret(Path(value), place)
        found[_allowed(_property(name), place)] = Setting(text, place)
    return found


def _of_flags(properties: tuple[str, ...]) -> dict[str, Setting]:
    found = {}
    for text in properties:
        name, separator, value = text.partition("=")
        if not separator:
            raise Misuse("E320", f"“{text[:_SHOWN]}” is no property", "-X takes KEY=VALUE",
                         "write for example -X security.protocol=SSL", Place("-X"))  # fmt: skip
        found[_allowed(name.strip(), Place("-X"))] = Setting(value.strip(), Place("-X"))
    return found


def _property(name: str) -> str:
    return name.lower().replace("_", ".")


def _secret(path: Path, place: Place) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse("E321", f"cannot read the secret file {path}", str(error), "mount it, or change the path",
                     place) from error  # fmt: skip


def _allowed(name: str, place: Place) -> str:
    if name in ALLOWED:
        return name
    near = get_close_matches(name, ALLOWED, n=1)
    hint = f"did you mean “{near[0]}”?" if near else f"allowed are: {', '.join(sorted(ALLOWED))}"
    why = "it is unknown, or it could load code, turn a check off or undo what exactly-once needs"
    raise Misuse("E322", f"the client property “{name[:_SHOWN]}” is not allowed here", why,
                 _ELSEWHERE.get(name, hint), place)  # fmt: skip


def _check_servers(setting: Setting) -> None:
    for server in setting.value.split(","):
        host, separator, port = server.strip().rpartition(":")
        sound = separator and host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536  # noqa: PLR2004 - TCP
        if not sound or "/" in host or " " in host:
            raise Misuse("E323", f"“{server[:_SHOWN]}” is no broker address", "expected HOST:PORT",
                         "write it like kafka-1.example:9092", setting.place)  # fmt: skip


def _try(settings: Mapping[str, str], found: Mapping[str, Setting]) -> None:
    """Let the client look at them, and find the one it does not take; its own name for it may be another."""
    from penstock.runtime.kafka import trial  # noqa: PLC0415 - loads the client, and only somebody with properties waits

    why = trial.refusal(settings)
    if not why:
        return
    unfit = (name for name in settings if "configuration property" in trial.refusal({name: settings[name]}))
    named = (name for name in settings if why.startswith(f"{name} failed"))  # a file it cannot load
    if name := next(unfit, "") or next(named, ""):
        raise Misuse("E324", f"the client does not take the property “{name}”", why, "correct or remove it",
                     found[name].place)  # fmt: skip
    no_mechanism = "GSSAPI" in why  # the client's default, and not in it
    why = "no sasl.mechanism is set, and there is no default for it" if no_mechanism else why
    raise Misuse("E324", "the client properties do not go together", why,
                 f"set {_MECHANISMS}" if no_mechanism else "complete them",
                 found.get("security.protocol", found[_SERVERS]).place)  # fmt: skip

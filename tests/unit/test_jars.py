"""The jars of the dev broker come once, whole and as they were pinned."""

import base64
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from penstock.errors import Mistake, Refused, Unreached
from penstock.provision import download, jars
from penstock.provision.download import Pin

BODIES = {f"org/example/{name}.jar": name.encode() * 70_000 for name in ("one", "two", "three", "four", "five", "six")}


def pinned(path: str) -> Pin:
    """The pin of one of the bodies."""
    return Pin(hashlib.sha256(BODIES[path]).hexdigest(), len(BODIES[path]), path)


PINS = tuple(pinned(path) for path in BODIES)


@dataclass
class Mirror:
    """A Maven repository on this machine that can be told to misbehave, and remembers what it was asked."""

    files: dict[str, bytes] = field(default_factory=lambda: dict(BODIES))
    ranges: bool = True
    break_off: int = 0
    moved_to: str = ""
    credentials: list[str] = field(default_factory=list)
    connections: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""

    def asked_for(self, path: str) -> list[str]:
        """The Range headers of the requests for one file, an empty text for none."""
        return [header for asked, header in self.asked if asked == path]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        path = re.sub(r"^http://[^/]+", "", request.path).removeprefix("/")
        header = request.headers.get("Range", "")
        self.asked.append((path, header))
        self.credentials.append(request.headers.get("Authorization", ""))
        if self.moved_to:
            request.send_response(302)
            request.send_header("Location", f"{self.moved_to}/{path}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        body = self.files.get(path)
        if body is None:
            request.send_error(404)
            return
        start = int(header.removeprefix("bytes=").removesuffix("-")) if header and self.ranges else 0
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body) - start))
        request.end_headers()
        end = len(body)
        if self.break_off:
            self.break_off -= 1
            end = start + (len(body) - start) // 2
            request.close_connection = True
        request.wfile.write(body[start:end])


class Server(ThreadingHTTPServer):
    """A server that takes it as given when a client hangs up."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving() -> Iterator[Mirror]:
    """A well-behaved mirror that keeps connections."""
    state = Mirror()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            state.connections += 1
            super().setup()

        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the overridden method's name for it
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        state.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """One of them."""
    with serving() as state:
        yield state


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between tries, and do not go through this machine's proxy."""
    monkeypatch.setattr(download, "_PAUSES", (0.0, 0.0))
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


class Counter:
    """A watcher that adds up."""

    def __init__(self) -> None:
        self.files = self.size = self.have = self.ends = 0
        self._lock = threading.Lock()

    def begin(self, files: int, size: int) -> None:
        """Take down what comes."""
        self.files, self.size = files, size

    def got(self, size: int) -> None:
        """Add."""
        with self._lock:
            self.have += size

    def end(self) -> None:
        """Count the end."""
        self.ends += 1


def test_the_lock_pins_44_jars_and_one_binding() -> None:
    """The lock file names 45 different jars with plausible checksums, Kafka 4.4.0 and one SLF4J binding among them."""
    pins = jars.pins()

    assert len({pin.name for pin in pins}) == len(pins) == 45
    assert all(re.fullmatch(r"[0-9a-f]{64}", pin.sha256) and pin.size > 1000 for pin in pins)
    assert "kafka_2.13-4.4.0.jar" in {pin.name for pin in pins}
    assert [pin.name for pin in pins if pin.name.startswith("slf4j-") and "api" not in pin.name] == [
        "slf4j-simple-1.7.36.jar"
    ]
    assert 40_000_000 < sum(pin.size for pin in pins) < 48_000_000


def test_fetches_all_and_asks_no_second_time(mirror: Mirror, tmp_path: Path) -> None:
    """Every jar arrives with its bytes, the watcher hears of all of them, and a second call asks the mirror nothing."""
    counter = Counter()
    paths = jars.ensure(PINS, tmp_path / "cache", mirror.address, counter)
    first = len(mirror.asked)

    again = jars.ensure(PINS, tmp_path / "cache", mirror.address, counter)

    assert [path.read_bytes() for path in paths] == list(BODIES.values())
    assert again == paths
    assert len(mirror.asked) == first == len(PINS)
    assert (counter.files, counter.have, counter.ends) == (6, counter.size, 1)
    assert not list((tmp_path / "cache").glob("*.part"))


def test_goes_on_where_an_earlier_run_stopped(mirror: Mirror, tmp_path: Path) -> None:
    """Of a half that is there only the rest is asked for."""
    pin = PINS[0]
    (tmp_path / f"{pin.name}.part").write_bytes(BODIES[pin.path][:1000])

    jars.ensure([pin], tmp_path, mirror.address, jars.Silent())

    assert mirror.asked_for(pin.path) == ["bytes=1000-"]
    assert (tmp_path / pin.name).read_bytes() == BODIES[pin.path]


def test_goes_on_after_a_broken_connection(mirror: Mirror, tmp_path: Path) -> None:
    """A connection that ends half-way is taken up at the byte where it ended."""
    pin = PINS[0]
    mirror.break_off = 1

    jars.ensure([pin], tmp_path, mirror.address, jars.Silent())

    assert mirror.asked_for(pin.path) == ["", f"bytes={pin.size // 2}-"]
    assert (tmp_path / pin.name).read_bytes() == BODIES[pin.path]


def test_a_mirror_without_ranges_is_good_enough(mirror: Mirror, tmp_path: Path) -> None:
    """Where the server ignores the Range the file is written from its beginning, and counted once."""
    pin, counter = PINS[0], Counter()
    mirror.ranges = False
    (tmp_path / f"{pin.name}.part").write_bytes(b"x" * 1000)

    jars.ensure([pin], tmp_path, mirror.address, counter)

    assert (tmp_path / pin.name).read_bytes() == BODIES[pin.path]
    assert counter.have == pin.size


def test_a_bad_half_is_fetched_anew(mirror: Mirror, tmp_path: Path) -> None:
    """What an earlier run left may be damaged: the checksum shows it, and the whole file is fetched."""
    pin = PINS[0]
    (tmp_path / f"{pin.name}.part").write_bytes(b"x" * 1000)

    jars.ensure([pin], tmp_path, mirror.address, jars.Silent())

    assert mirror.asked_for(pin.path) == ["bytes=1000-", ""]
    assert (tmp_path / pin.name).read_bytes() == BODIES[pin.path]


def test_refuses_another_file_and_deletes_it(mirror: Mirror, tmp_path: Path) -> None:
    """A file with other bytes of the same length is E203, naming the jar and both checksums, and is not kept."""
    pin = PINS[1]
    other = b"y" * pin.size
    mirror.files[pin.path] = other

    with pytest.raises(Refused) as caught:
        jars.ensure(PINS, tmp_path, mirror.address, jars.Silent())

    assert caught.value.code == "E203"
    assert pin.name in caught.value.what
    assert pin.sha256 in caught.value.why
    assert hashlib.sha256(other).hexdigest() in caught.value.why
    assert not list(tmp_path.glob(f"{pin.name}*"))


def test_repairs_a_damaged_cache(mirror: Mirror, tmp_path: Path) -> None:
    """A cached jar that no longer matches its pin is replaced, and only that one."""
    jars.ensure(PINS, tmp_path, mirror.address, jars.Silent())
    mirror.asked.clear()
    (tmp_path / PINS[2].name).write_bytes(b"z" * PINS[2].size)

    jars.ensure(PINS, tmp_path, mirror.address, jars.Silent())

    assert mirror.asked == [(PINS[2].path, "")]
    assert (tmp_path / PINS[2].name).read_bytes() == BODIES[PINS[2].path]


def test_a_jar_the_mirror_lacks(mirror: Mirror, tmp_path: Path) -> None:
    """HTTP 404 is E211 with the address, asked once; jars that came before stay."""
    del mirror.files[PINS[3].path]

    with pytest.raises(Mistake) as caught:
        jars.ensure(PINS, tmp_path, mirror.address, jars.Silent())

    assert caught.value.code == "E211"
    assert str(caught.value.place) == f"{mirror.address}/{PINS[3].path}"
    assert mirror.asked_for(PINS[3].path) == [""]


def test_nobody_answers(tmp_path: Path) -> None:
    """A mirror that does not listen is E204, exit code 4."""
    with pytest.raises(Unreached) as caught:
        jars.ensure(PINS, tmp_path, "http://127.0.0.1:9", jars.Silent())

    assert (caught.value.code, caught.value.exit_code) == ("E204", 4)
    assert "refused" in caught.value.why


def test_no_space(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the jars would not fit nothing is asked for, and E205 names the directory."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 5000, 5000))

    with pytest.raises(Mistake) as caught:
        jars.ensure(PINS, tmp_path, mirror.address, jars.Silent())

    assert caught.value.code == "E205"
    assert str(caught.value.place) == str(tmp_path)
    assert mirror.asked == []


def test_an_unwritable_cache(mirror: Mirror, tmp_path: Path) -> None:
    """A cache that cannot be a directory is E212, not a traceback."""
    (tmp_path / "file").touch()

    with pytest.raises(Mistake) as caught:
        jars.ensure(PINS, tmp_path / "file" / "cache", mirror.address, jars.Silent())

    assert caught.value.code == "E212"


@pytest.mark.parametrize("value", ["file:///tmp", "central", "ftp://host/x", "https://"])
def test_a_mirror_setting_that_is_no_address(value: str) -> None:
    """Only web addresses are mirrors; the setting is named where it stands."""
    with pytest.raises(Mistake) as caught:
        jars.mirror({"PENSTOCK_MAVEN_MIRROR": value})

    assert caught.value.code == "E213"
    assert value in caught.value.what


def test_the_mirror_setting_wins_over_maven_central() -> None:
    """PENSTOCK_MAVEN_MIRROR replaces Maven Central; empty or absent it does not."""
    assert jars.mirror({"PENSTOCK_MAVEN_MIRROR": "http://host/maven/"}) == "http://host/maven"
    assert jars.mirror({"PENSTOCK_MAVEN_MIRROR": ""}) == jars.mirror({}) == jars.CENTRAL


def test_a_proxy_is_honoured(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With HTTP_PROXY set the request goes to the proxy, which alone can reach the host."""
    monkeypatch.setenv("http_proxy", mirror.address)

    jars.ensure([PINS[0]], tmp_path, "http://maven.invalid", jars.Silent())

    assert (tmp_path / PINS[0].name).read_bytes() == BODIES[PINS[0].path]


def test_few_connections_are_opened(mirror: Mirror, tmp_path: Path) -> None:
    """However many files there are, each of the four threads opens one connection and keeps it."""
    jars.ensure(PINS, tmp_path, mirror.address, jars.Silent())

    assert mirror.connections <= 4


def test_a_mirror_may_send_us_elsewhere(mirror: Mirror, tmp_path: Path) -> None:
    """A redirect is followed, from the right byte on, and the mirror's password stays with the mirror."""
    pin = PINS[0]
    (tmp_path / f"{pin.name}.part").write_bytes(BODIES[pin.path][:1000])
    with serving() as store:
        mirror.moved_to = store.address
        jars.ensure(PINS, tmp_path, mirror.address.replace("//", "//me:s%40crt@"), jars.Silent())

    assert [path.read_bytes() for path in sorted(tmp_path.glob("*.jar"))] == [BODIES[path] for path in sorted(BODIES)]
    assert store.asked_for(pin.path) == ["bytes=1000-"]
    assert set(mirror.credentials) == {"Basic " + base64.b64encode(b"me:s@crt").decode()}
    assert set(store.credentials) == {""}


def test_a_redirect_away_from_the_web_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    """A redirect to a file of this machine is E211."""
    mirror.moved_to = "file:///etc"

    with pytest.raises(Mistake) as caught:
        jars.ensure([PINS[0]], tmp_path, mirror.address, jars.Silent())

    assert caught.value.code == "E211"


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    """An error names the mirror without the credentials in its address."""
    with pytest.raises(Unreached) as caught:
        jars.ensure([PINS[0]], tmp_path, "http://me:secret@127.0.0.1:9", jars.Silent())

    assert "secret" not in f"{caught.value} {caught.value.why}"
    assert "127.0.0.1:9" in str(caught.value)


def test_three_processes_fetch_once(mirror: Mirror, tmp_path: Path) -> None:
    """Processes that start at once take turns, and all but the first find everything there."""
    program = """if True:
        import sys
        from pathlib import Path
        from penstock.provision import jars
        from penstock.provision.download import Pin
        pins = [Pin(sha, int(size), path) for sha, size, path in (row.split() for row in sys.argv[3:])]
        jars.ensure(pins, Path(sys.argv[1]), sys.argv[2], jars.Silent())
    """
    rows = [f"{pin.sha256} {pin.size} {pin.path}" for pin in PINS]
    command = [sys.executable, "-c", program, str(tmp_path), mirror.address, *rows]

    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(subprocess.Popen(command)) for _ in range(3)]

    assert [process.returncode for process in started] == [0, 0, 0]
    assert sorted(path for path, _ in mirror.asked) == sorted(BODIES)

"""Artifacts: what a reference may lead to, and which error each way of failing is."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from penstock import ArtifactRef, Context
from penstock.contracts import schemas
from penstock.contracts.artifacts import path_below
from penstock.errors import Misuse, Poison, Retriable
from penstock.runtime.artifacts import Store
from penstock.runtime.codec import Codec

HELLO = ArtifactRef("letters/hello.txt", hashlib.sha256(b"hello").hexdigest(), 5, "text/plain")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A folder with one letter in it, and a secret beside it."""
    (tmp_path / "secret.txt").write_bytes(b"hello")
    (tmp_path / "root" / "letters").mkdir(parents=True)
    (tmp_path / "root" / "letters" / "hello.txt").write_bytes(b"hello")
    return Store(str(tmp_path / "root"))


def code(store: Store, ref: ArtifactRef) -> str:
    """The code of the Poison that following a reference raises."""
    with pytest.raises(Poison) as caught:
        store.get(ref)
    return caught.value.code


def test_what_is_put_is_what_is_got(store: Store) -> None:
    """The reference says where it lies, its digest by Python's own hashlib, its size and its kind."""
    ref = store.put(b"a large thing", "text/plain")

    assert (ref.sha256, ref.size) == (hashlib.sha256(b"a large thing").hexdigest(), 13)
    assert (ref.uri, ref.media_type) == (f"{store.root}sha256/{ref.sha256[:2]}/{ref.sha256}", "text/plain")
    assert store.get(ref) == b"a large thing"


def test_the_same_bytes_are_one_artifact(store: Store) -> None:
    """Stored twice they are one: content has one address."""
    assert store.put(b"twice") == store.put(b"twice")


def test_a_file_that_lies_there_already_is_read_where_it_lies(store: Store) -> None:
    """By its path below the root or by its whole URL, as a value or as the record that decoding makes of one."""
    absolute = replace(HELLO, uri=store.root + HELLO.uri)
    record = {"uri": HELLO.uri, "sha256": HELLO.sha256, "size": 5, "media_type": "text/plain"}

    assert [store.get(ref) for ref in (HELLO, absolute, record)] == [b"hello"] * 3


def test_a_name_with_a_blank_has_two_spellings(store: Store, tmp_path: Path) -> None:
    """A percent-encoded path is the path it encodes."""
    (tmp_path / "root" / "a b.txt").write_bytes(b"hello")

    assert store.get(replace(HELLO, uri="a%20b.txt")) == store.get(replace(HELLO, uri="a b.txt")) == b"hello"


def test_another_digest_is_permanent(store: Store) -> None:
    """What lies there is not what was meant."""
    assert code(store, replace(HELLO, sha256=hashlib.sha256(b"hullo").hexdigest())) == "artifact_differs"


@pytest.mark.parametrize("size", [4, 6, 0])
def test_another_size_is_permanent(store: Store, size: int) -> None:
    """Longer or shorter, it is another thing."""
    assert code(store, replace(HELLO, size=size)) == "artifact_differs"


@pytest.mark.parametrize("uri", ["letters/gone.txt", "letters", "sha256/aa/bb"])
def test_what_is_gone_is_permanent(store: Store, uri: str) -> None:
    """There is nothing there, or a folder."""
    assert code(store, replace(HELLO, uri=uri)) == "artifact_gone"


@pytest.mark.parametrize(
    "uri",
    [
        "../secret.txt", "letters/../../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "/etc/passwd", "",
        "letters//hello.txt", "./letters/hello.txt", "letters\\hello.txt", "letters/hello.txt\0", "file:///etc/passwd",
        "http://127.0.0.1/letters/hello.txt", "s3://bucket/letters/hello.txt", "FILE:///etc/passwd", "link.txt",
    ],
)  # fmt: skip
def test_nothing_outside_the_root_is_read(store: Store, tmp_path: Path, uri: str) -> None:
    """Neither by dots, however they are written, nor by another scheme, nor by a link."""
    (tmp_path / "root" / "link.txt").symlink_to(tmp_path / "secret.txt")

    assert code(store, replace(HELLO, uri=uri)) == "artifact_outside"


def test_a_neighbour_with_a_longer_name_is_outside(store: Store) -> None:
    """`root-2` begins like `root`, and is another folder."""
    with pytest.raises(Poison):
        path_below(store.root, store.root.rstrip("/") + "-2/secret.txt")


@pytest.mark.parametrize("broken", [{"sha256": "abc"}, {"sha256": HELLO.sha256.upper()}, {"size": -1}])
def test_a_reference_that_says_nothing_is_permanent(store: Store, broken: dict[str, str]) -> None:
    """No digest, no size: nothing to hold the bytes against."""
    assert code(store, replace(HELLO, **broken)) == "bad_artifact"  # type: ignore[arg-type]  # on purpose


def test_a_mapping_that_is_no_reference_is_permanent(store: Store) -> None:
    """A record of another contract."""
    with pytest.raises(Poison, match="no reference"):
        store.get({"path": "letters/hello.txt"})


def test_what_is_too_large_is_neither_read_nor_stored(tmp_path: Path) -> None:
    """The limit holds before a byte is moved: the file is not even there."""
    small = Store(str(tmp_path), limit=4)

    assert code(small, replace(HELLO, uri="gone.txt")) == "artifact_too_large"
    with pytest.raises(Poison, match="at most 4 are stored"):
        small.put(b"hello")


def test_a_folder_that_is_not_there_may_come_back(tmp_path: Path) -> None:
    """A volume that is not mounted is no reason to give up the artifact."""
    with pytest.raises(Retriable):
        Store(str(tmp_path / "unmounted")).get(HELLO)


def test_a_bucket_that_does_not_answer_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens on the discard port: the same call may succeed later."""
    for name, value in {"AWS_ENDPOINT": "http://127.0.0.1:9", "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "a",
                        "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "r"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    with pytest.raises(Retriable, match="s3://bucket/folder/ do not answer"):
        Store("s3://bucket/folder").get(HELLO)


class _Bucket(BaseHTTPRequestHandler):
    """As much of S3 as a GET and a PUT need, for one bucket; `busy` keys answer 503."""

    held: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        """Answer an object, or why not."""
        code = 503 if "busy" in self.path else 200 if self.path in self.held else 404
        data = self.held.get(self.path, b"") if code == 200 else b"<Error/>"
        self.send_response(code)
        for name, value in (("Content-Length", str(len(data))), ("ETag", '"e"'),
                            ("Last-Modified", "Wed, 25 Nov 2026 12:00:00 GMT")):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_PUT(self) -> None:
        """Keep an object."""
        self.held[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A bucket that speaks S3 on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {"AWS_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "AWS_ALLOW_HTTP": "true",
                        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "r"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    yield Store("s3://bucket/folder")
    server.shutdown()
    server.server_close()


def test_a_bucket_is_used_as_a_folder_is(bucket: Store) -> None:
    """Over the wire: what is put is got, below its folder; what is not there is gone, a busy one may come back."""
    ref = bucket.put(b"a large thing")

    assert bucket.get(ref) == b"a large thing"
    assert list(_Bucket.held) == [f"/bucket/folder/sha256/{ref.sha256[:2]}/{ref.sha256}"]
    assert code(bucket, replace(ref, uri="gone")) == "artifact_gone"
    assert code(bucket, replace(ref, uri="s3://other/folder/gone")) == "artifact_outside"
    with pytest.raises(Retriable):
        bucket.get(replace(ref, uri="busy"))


@pytest.mark.parametrize("root", ["ftp://host/folder", "http://host/", "s3://bucket?key=secret", "https://host/x#y"])
def test_a_root_of_another_kind_is_refused(root: str) -> None:
    """At the door, before anything runs; a web server is no place to store things."""
    with pytest.raises(Misuse) as caught:
        Store(root)
    assert caught.value.code == "E335"


def test_a_store_in_memory_holds_what_is_put(tmp_path: Path) -> None:
    """For tests: nothing is written anywhere."""
    memory = Store("memory:///")

    assert memory.get(memory.put(b"kept")) == b"kept"
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    """A process that stores nothing makes no folder."""
    Store(str(tmp_path / "artifacts"))

    assert list(tmp_path.iterdir()) == []


def test_a_context_without_a_store_says_so() -> None:
    """A worker under test that reaches for an artifact is told how to get one."""
    with pytest.raises(LookupError, match=r"Context\(artifacts="):
        Context().artifacts.get(HELLO)
    assert Context(artifacts=Store("memory:///")).again().artifacts.put(b"x").size == 1


def test_a_value_over_the_inline_limit_is_told_what_to_do() -> None:
    """The encoder refuses it and names the way out."""
    codec = Codec(schemas.load(), limit=100)
    codec._limits["penstock.ArtifactRef"] = 100

    with pytest.raises(Poison, match=r"ctx\.artifacts\.put") as caught:
        codec.encode("penstock.ArtifactRef", {"uri": "x" * 200, "sha256": "", "size": 1, "media_type": "a/b"})
    assert caught.value.code == "output_too_large"

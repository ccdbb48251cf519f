"""The store of artifacts: a local folder, or a bucket by its URL. The only file that imports obstore."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote

from penstock.contracts.artifacts import ArtifactRef, path_below, place_of, reference, scheme_of, the_same
from penstock.errors import Misuse, Place, Poison, Retriable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

T = TypeVar("T")

DEFAULT = "artifacts"
IN_MEMORY = "memory:///"
LIMIT = 64 << 20  # bytes of one artifact: it is held in memory whole
_SCHEMES = ("file", "memory", "s3", "gs", "az")
_LONGEST = 20.0  # s in which a request may be made again; a step's attempts are what tries on


class Store:
    """Artifacts below `root`, a folder or a URL; of at most `limit` bytes each. Nothing is opened before it is used.

    Credentials and regions come from the environment, under the names that each cloud's own tools use.
    Misuse E335 for a root that is neither.
    """

    def __init__(self, root: str = DEFAULT, *, limit: int = LIMIT) -> None:
        self.root = _url(root)
        self._limit = limit
        self._folder = Path(unquote(self.root.removeprefix("file://"))) if self.root.startswith("file:") else None
        self._store: ObjectStore | None = None
        self._lock = Lock()

    def get(self, ref: ArtifactRef | Mapping[str, Any]) -> bytes:
        """See `contracts.artifacts.Artifacts`."""
        found = reference(ref, self._limit)
        path = path_below(self.root, found.uri)
        if self._folder is not None:
            _stays(self._folder, path)
        return the_same(found, self._asked(found.uri, lambda: self._read(path, found)))

    def put(self, data: bytes, media_type: str = "application/octet-stream") -> ArtifactRef:
        """See `contracts.artifacts.Artifacts`."""
        if len(data) > self._limit:
            raise Poison("artifact_too_large", f"{len(data)} bytes, at most {self._limit} are stored")
        path, sha256 = place_of(data)
        self._asked(path, lambda: self._write(path, data))
        return ArtifactRef(self.root + quote(path), sha256, len(data), media_type)

    def _read(self, path: str, ref: ArtifactRef) -> bytes:
        """No more than was announced is read: what is larger is not what the reference is about."""
        found = self._opened().get(path)
        if (size := found.meta["size"]) != ref.size:
            raise Poison("artifact_differs", f"{ref.uri[:200]} has {size} bytes, {ref.size} expected")
        return found.bytes().to_bytes()

    def _write(self, path: str, data: bytes) -> None:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._opened().put(path, data)

    def _opened(self) -> ObjectStore:
        from obstore.store import LocalStore, from_url  # noqa: PLC0415 - 16 MB, for those who store something

        with self._lock:
            if self._store is None and self._folder is not None:
                self._store = LocalStore(self._folder)
            elif self._store is None and self.root.startswith("memory:"):
                self._store = from_url(self.root)
            elif self._store is None:
                self._store = from_url(
                    self.root, retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=_LONGEST)}
                )
            return self._store

    def _asked(self, what: str, call: Callable[[], T]) -> T:
        """What the store answers; its errors by what happens next."""
        try:
            return call()
        except (Poison, MemoryError):
            raise
        except FileNotFoundError as error:
            raise Poison("artifact_gone", f"there is nothing at {what[:200]}") from error
        except Exception as error:
            first = str(error).partition("\n")[0]
            raise Retriable(f"the artifacts at {self.root} do not answer: {first}"[:300]) from error


def _url(root: str) -> str:
    """A root as a URL that ends with a slash."""
    scheme = scheme_of(root)
    if not scheme:
        return Path(root).resolve().as_uri().rstrip("/") + "/"
    if scheme not in _SCHEMES or "?" in root or "#" in root:
        raise Misuse("E335", f"“{root[:80]}” is no place for artifacts",
                     why=f"expected a folder, or a URL that begins with {', '.join(f'{s}://' for s in _SCHEMES)}",
                     fix="name a folder, or a bucket like s3://bucket/folder", place=Place("--artifacts"))  # fmt: skip
    return root.rstrip("/") + "/" if scheme != "memory" else IN_MEMORY


def _stays(folder: Path, path: str) -> None:
    """A link inside the folder must not lead out of it."""
    if not (folder / path).resolve().is_relative_to(folder.resolve()):
        raise Poison("artifact_outside", f"{path[:200]} leads out of the folder of artifacts")

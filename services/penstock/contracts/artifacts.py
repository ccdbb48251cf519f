"""Large things travel by reference: what a reference says, and what a handler may ask of the store behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote

from penstock.contracts.identity import digest
from penstock.errors import Poison

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")  # RFC 3986, section 3.1
_BYTES = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """Where a thing lies and what it must be, field for field `penstock.ArtifactRef`; `size` in bytes."""

    uri: str
    sha256: str
    size: int
    media_type: str = _BYTES


class Artifacts(Protocol):
    """A store of large things. Both calls block: an async handler makes them in a thread (`asyncio.to_thread`).

    What can only fail again is Poison, a permanent failure of the attempt; a store that does not answer is Retriable.
    """

    def get(self, ref: ArtifactRef | Mapping[str, Any]) -> bytes:
        """The very bytes that a reference is about.

        Poison `artifact_gone`, `artifact_differs` (another size or digest), `artifact_outside` (not below the root),
        `artifact_too_large`, `bad_artifact`.
        """

    def put(self, data: bytes, media_type: str = _BYTES) -> ArtifactRef:
        """Store bytes under their digest; the same bytes twice are one artifact. Poison `artifact_too_large`."""


class Nowhere:
    """Stands in a context that was made without a store."""

    def get(self, ref: ArtifactRef | Mapping[str, Any]) -> bytes:
        """There is nothing to get."""
        del ref
        raise LookupError("this context has no artifacts: make it with Context(artifacts=Store(…))")

    def put(self, data: bytes, media_type: str = _BYTES) -> ArtifactRef:
        """There is nowhere to put it."""
        del data, media_type
        raise LookupError("this context has no artifacts: make it with Context(artifacts=Store(…))")


NOWHERE = Nowhere()


def reference(given: ArtifactRef | Mapping[str, Any], most: int) -> ArtifactRef:
    """A reference that can be followed; Poison for one that never can, or to a thing of more than `most` bytes."""
    if isinstance(given, ArtifactRef):
        ref = given
    else:
        try:
            ref = ArtifactRef(**given)
        except TypeError as error:
            raise Poison("bad_artifact", f"no reference to an artifact: {error}"[:300]) from error
    if not _SHA256.fullmatch(ref.sha256) or ref.size < 0:
        raise Poison("bad_artifact", "a reference needs 64 hexadecimal digits and a size from 0 on")
    if ref.size > most:
        raise Poison("artifact_too_large", f"{ref.size} bytes, at most {most} are read")
    return ref


def scheme_of(uri: str) -> str:
    """The scheme in front of a URI; empty for a path."""
    found = _SCHEME.match(uri)
    return found[1] if found else ""


def path_below(root: str, uri: str) -> str:
    """The path of a URI below a root (a URL that ends with a slash); Poison when it does not lie there.

    An event comes from outside: what it names must not make a worker read the machine's other files, or call anybody.
    """
    if uri.startswith(root):
        uri = uri.removeprefix(root)
    elif scheme_of(uri) or uri.startswith("/"):
        raise Poison("artifact_outside", f"{uri[:200]} does not lie below {root}")
    path = unquote(uri)
    if not path.isprintable() or "\\" in path or {"", ".", ".."} & set(path.split("/")):
        raise Poison("artifact_outside", f"{uri[:200]!r} is no path below {root}")
    return path


def place_of(data: bytes) -> tuple[str, str]:
    """Where bytes are stored below a root, and their digest: 256 folders, since some stores dislike full ones."""
    sha256 = digest(data)
    return f"sha256/{sha256[:2]}/{sha256}", sha256


def the_same(ref: ArtifactRef, data: bytes) -> bytes:
    """The bytes, if they are those that the reference is about; else Poison."""
    if len(data) != ref.size or (found := digest(data)) != ref.sha256:
        said = f"{len(data)} bytes, {ref.size} expected" if len(data) != ref.size else f"its sha256 is {found}"
        raise Poison("artifact_differs", f"{ref.uri[:200]} is not what the reference says: {said}")
    return data

"""Fetches one pinned file over HTTP, going on where an earlier try stopped."""

from __future__ import annotations

import errno
import hashlib
import http.client
import time
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import Refused
from penstock.provision import mistakes
from penstock.provision.mirror import Declined, Mirror

_CHUNK = 1 << 16
_PAUSES = (0.5, 1.5)
_SERVER_ERROR = 500
_TOO_MANY = 429
_PARTIAL = 206
_BROKEN = (OSError, http.client.HTTPException)  # URLError, timeouts and TLS errors are OSErrors
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO}


@dataclass(frozen=True, slots=True)
class Pin:
    """A file that is known by its checksum, at a path below a mirror."""

    sha256: str
    size: int
    path: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("/")[2]


class Stopped(Exception):  # noqa: N818 - not an error: another download failed, or the person pressed Ctrl-C
    """The download was told to stop."""


def fetch(pin: Pin, mirror: Mirror, target: Path, got: Callable[[int], None]) -> None:
    """Put the file at `target`; `got` hears of the bytes as they come (negative when some are thrown away).

    Interrupted transfers are tried three times and leave a `.part` to go on from. `got` may raise Stopped.
    """
    part = target.with_name(f"{target.name}.part")
    resumed = _size(part)
    if resumed:
        got(resumed)
    _fetch_all(pin, mirror, part, got)
    try:
        check(pin, part)
    except Refused:
        part.unlink()
        got(-pin.size)
        if not resumed:
            raise
        fetch(pin, mirror, target, got)  # what an earlier run left may have been the bad half
        return
    part.replace(target)


def check(pin: Pin, path: Path) -> None:
    """Compare with the pin; raises the checksum mistake, and leaves the deleting to the caller."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != pin.sha256:
        raise mistakes.wrong_checksum(pin.name, pin.sha256, digest)


def _fetch_all(pin: Pin, mirror: Mirror, part: Path, got: Callable[[int], None]) -> None:
    url = f"{mirror.address}/{pin.path}"
    for pause in (*_PAUSES, None):
        try:
            _fetch_rest(pin, mirror, part, got)
        except Declined as error:
            if pause is None or (error.status < _SERVER_ERROR and error.status != _TOO_MANY):
                raise mistakes.mirror_refuses(url, str(error)) from error
        except _BROKEN as error:
            if isinstance(error, OSError) and error.errno in _DISK:
                raise
            if pause is None:
                raise mistakes.mirror_away(url, _reason(error)) from error
        else:
            return
        time.sleep(pause)


def _fetch_rest(pin: Pin, mirror: Mirror, part: Path, got: Callable[[int], None]) -> None:
    have = _size(part)
    if have >= pin.size:
        return
    with mirror.answer(pin.path, have) as answer:
        if have and answer.status != _PARTIAL:
            got(-have)
            have = 0
        with part.open("ab" if have else "wb") as file:
            while have < pin.size and (chunk := answer.read1(min(_CHUNK, pin.size - have))):
                file.write(chunk)
                have += len(chunk)
                got(len(chunk))
    if have < pin.size:
        raise ConnectionError(f"the connection ended after {have} of {pin.size} bytes")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _reason(error: BaseException) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return f"{type(reason).__name__}: {reason}" if isinstance(reason, BaseException) else str(reason)

"""Asks a Maven mirror for files, over one kept connection for each thread."""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

_PATIENCE = 30.0
_ELSEWHERE = {301, 302, 303, 307, 308}
_ERRORS = 400


class Declined(Exception):  # noqa: N818 - an answer, though not the wished one
    """The mirror answered with an HTTP error."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status} {reason}")
        self.status = status


class Mirror:
    """A Maven repository's base address, reached as HTTP(S)_PROXY, NO_PROXY and SSL_CERT_FILE say.

    Connections are kept, for a mirror may hold back who opens many. An address may carry `user:password@`.
    """

    def __init__(self, address: str) -> None:
        self._parts = urlsplit(address)
        self._proxy = _proxy(self._parts)
        self.address = urlunsplit(self._parts._replace(netloc=self._parts.netloc.rpartition("@")[2]))
        self._headers = {"User-Agent": "penstock", **_credentials("Authorization", self._parts)}
        self._root = self._parts.path
        if self._proxy and self._parts.scheme == "http":  # such a proxy is told the whole address, others see a tunnel
            self._root = self.address
            self._headers |= _credentials("Proxy-Authorization", self._proxy)
        self._tls = ssl.create_default_context()
        self._kept = threading.local()
        self._all: list[http.client.HTTPConnection] = []

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._all:
            connection.close()

    @contextmanager
    def answer(self, path: str, start: int = 0) -> Iterator[http.client.HTTPResponse]:
        """The open answer to a request for a file, from a byte on; raises Declined, OSError or HTTPException."""
        headers = self._headers | ({"Range": f"bytes={start}-"} if start else {})
        connection = self._connection()
        try:
            connection.request("GET", f"{self._root}/{path}", headers=headers)
            with connection.getresponse() as answer:
                if answer.status in _ELSEWHERE:
                    answer.read()
                    with self._follow(urljoin(f"{self.address}/{path}", answer.headers["Location"]), start) as far:
                        yield far
                    return
                if answer.status >= _ERRORS:
                    raise Declined(answer.status, answer.reason)
                yield answer
                if answer.length:
                    connection.close()  # what was left unread would be taken for the next answer
        except BaseException:
            connection.close()  # the next request opens it anew
            raise

    def _connection(self) -> http.client.HTTPConnection:
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is None:
            kept = self._kept.connection = self._new()
            self._all.append(kept)
        return kept

    def _new(self) -> http.client.HTTPConnection:
        secure = self._parts.scheme == "https"
        own = self._parts.hostname or "", self._parts.port or (443 if secure else 80)
        host, port = (self._proxy.hostname or "", self._proxy.port or 80) if self._proxy else own
        if not secure:
            return http.client.HTTPConnection(host, port, timeout=_PATIENCE)
        connection = http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=self._tls)
        if self._proxy:
            connection.set_tunnel(*own, headers=_credentials("Proxy-Authorization", self._proxy))
        return connection

    @contextmanager
    def _follow(self, url: str, start: int) -> Iterator[http.client.HTTPResponse]:
        """Another host's file, without what was meant for the mirror."""
        if urlsplit(url).scheme not in {"http", "https"}:
            raise Declined(302, f"to {url}, which is not on the web")
        headers = {"User-Agent": "penstock"} | ({"Range": f"bytes={start}-"} if start else {})
        way = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self._tls))
        try:
            with way.open(urllib.request.Request(url, headers=headers), timeout=_PATIENCE) as answer:  # noqa: S310 - ours
                yield answer
        except urllib.error.HTTPError as error:
            error.close()
            raise Declined(error.code, error.reason) from error


def _proxy(parts: SplitResult) -> SplitResult | None:
    given = urllib.request.getproxies().get(parts.scheme)
    if not given or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urlsplit(given if "//" in given else f"//{given}")


def _credentials(header: str, parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {header: "Basic " + base64.b64encode(pair.encode()).decode()}

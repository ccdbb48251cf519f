"""`/livez`, `/readyz` and `/metrics` on one port, for kubelets and Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from penstock.errors import Mistake

Checks = Callable[[], Mapping[str, str]]


class Health:
    """Serves until closed. `live` and `ready` answer what is wrong, by check; empty texts are well.

    Liveness never fails because the broker is away, or the whole fleet would restart.
    """

    def __init__(self, host: str, port: int, *, live: Checks, ready: Checks, metrics: Callable[[], bytes]) -> None:
        pages = {"/livez": live, "/readyz": ready}

        class Handler(BaseHTTPRequestHandler):
            server_version = "penstock"
            sys_version = ""

            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                if path == "/metrics":
                    self._say(200, metrics(), "text/plain; version=0.0.4; charset=utf-8")
                elif path in pages:
                    checks = pages[path]()
                    well = not any(checks.values())
                    lines = [f"[{'-' if wrong else '+'}] {name} {wrong or 'ok'}" for name, wrong in checks.items()]
                    text = "\n".join(lines) if "verbose" in query or not well else "ok"
                    self._say(200 if well else 503, text.encode() + b"\n", "text/plain; charset=utf-8")
                else:
                    self._say(404, b"/livez, /readyz and /metrics are here\n", "text/plain; charset=utf-8")

            def _say(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: probes come every few seconds."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise Mistake(
                "E303", f"port {port} of {host} is not free", why=str(error), fix="give another with --health-port"
            ) from error
        self.port = int(self._server.server_address[1])
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

"""Answers what a person asks about a TCP port of this machine: free or taken, by whom, and does Kafka answer."""

from __future__ import annotations

import secrets
import socket
import struct
from pathlib import Path

HOST = "127.0.0.1"
_FIRST, _ENOUGH, _END = 10_240, 1_000, 65_536
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LISTENING = "0A"
_HEAD = struct.Struct(">iih")  # of an ApiVersions response: size, correlation id, error code


def is_free(port: int) -> bool:
    """True when a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError:
            return False
        return True


def pick() -> int:
    """A free port below the range for outgoing connections.

    From within that range a client that keeps knocking on a dead broker's port can connect to itself, and hold it.
    """
    try:
        above = int(_EPHEMERAL.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        above = 32_768
    if above - _FIRST < _ENOUGH:
        above = _END
    while not is_free(port := _FIRST + secrets.randbelow(above - _FIRST)):
        pass
    return port


def holder(port: int) -> str:
    """`name (pid n)` of the process that listens on this port, or an empty string where the system does not tell."""
    inodes = {f"socket:[{row[9]}]" for row in _tcp_rows() if row[3] == _LISTENING and int(row[1][-4:], 16) == port}
    for link in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        try:
            if str(link.readlink()) in inodes:
                process = link.parent.parent
                return f"{(process / 'comm').read_text(encoding='utf-8').strip()} (pid {process.name})"
        except OSError:
            continue
    return ""


def _tcp_rows() -> list[list[str]]:
    rows = []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            rows += [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
        except OSError:
            continue
    return rows


def answers(port: int, timeout: float = 1.0) -> bool:
    """True when a Kafka broker answers an ApiVersions request (version 0) without an error (KIP-35)."""
    correlation = secrets.randbelow(2**31)
    client = b"penstock"
    request = struct.pack(">hhih", 18, 0, correlation, len(client)) + client
    try:
        with socket.create_connection((HOST, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as stream:
                head = stream.read(_HEAD.size)
    except OSError:
        return False
    return len(head) == _HEAD.size and _HEAD.unpack(head)[1:] == (correlation, 0)

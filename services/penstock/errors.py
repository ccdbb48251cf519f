"""The tree of exceptions, each named for what happens next.

PenstockError
├── Retriable        the same call again
├── Abort            abort the transaction, put the same encoded outputs in the next one
├── Unknown          a result nobody knows: throw the producer away, take a new one
├── Fenced           another instance took over: stop, rejoin
├── Poison           this record becomes a dead letter
├── Halt             this step stops, loudly, until somebody acts
└── Fatal            the process ends, non-zero
    └── Mistake      wrong use or input: an error with a place and a fix, for a person
        ├── Misuse       a command used wrongly (exit 2, as click's own)
        ├── Unreached    a broker or registry that does not answer (exit 4)
        ├── Refused      not permitted or destructive (exit 5)
        ├── Conflict     somebody else decided first (exit 6)
        └── TimedOut     waited long enough (exit 7)
"""

from __future__ import annotations

from dataclasses import dataclass, field


class PenstockError(Exception):
    """Something this system knows how to name."""


class Retriable(PenstockError):  # noqa: N818 - named for what happens next
    """The same call may be made again at once."""


class Abort(PenstockError):  # noqa: N818 - the same
    """The transaction is aborted; its outputs go into the next one.

    `rebalance` is true when the group moved on: normal, and never counted against the producer.
    """

    def __init__(self, message: str, *, rebalance: bool = False) -> None:
        super().__init__(message)
        self.rebalance = rebalance


class Unknown(PenstockError):  # noqa: N818 - the same
    """Nobody knows whether the call took effect; only a new producer tells (KIP-890 is not in the client)."""


class Fenced(PenstockError):  # noqa: N818 - the same
    """Another instance with this transactional id took over."""


class Poison(PenstockError):  # noqa: N818 - the same
    """This record can never be processed; it becomes a dead letter under `code`."""

    def __init__(self, code: str, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.path = path


class Halt(PenstockError):  # noqa: N818 - the same
    """This step stops, skips nothing, and says what to do: code, what, why and fix as of a `Mistake`."""

    def __init__(self, code: str, what: str, why: str = "", fix: str = "") -> None:
        super().__init__("; ".join(part for part in (what, why, fix) if part))
        self.code = code
        self.what = what
        self.why = why
        self.fix = fix


class Fatal(PenstockError):  # noqa: N818 - the same
    """The process ends."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mistake stands: a file with a 1-based line and column, or a setting with its origin."""

    file: str
    line: int = 0
    column: int = 0
    source: str = ""
    width: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass
class Mistake(Fatal):
    """A person's input or environment is wrong: what, where, why, fix."""

    code: str
    what: str
    why: str = ""
    fix: str = ""
    place: Place | None = None
    others: tuple[Mistake, ...] = field(default=())

    exit_code = 1

    def __post_init__(self) -> None:
        super().__init__(self.what)

    def __str__(self) -> str:
        where = f" ({self.place})" if self.place else ""
        return f"{self.code}: {self.what}{where}"


class Misuse(Mistake):
    """The command was called with something it cannot use."""

    exit_code = 2


class Unreached(Mistake):
    """A broker, registry or store did not answer; trying again may help."""

    exit_code = 4


class Refused(Mistake):
    """The system says no: incompatible, destructive or not permitted."""

    exit_code = 5


class Conflict(Mistake):
    """Somebody else changed or decided it first."""

    exit_code = 6


class TimedOut(Mistake):
    """Waited as long as was asked."""

    exit_code = 7

"""Logs as JSON lines on stderr, or as readable lines on a terminal."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import FilteringBoundLogger

Log = FilteringBoundLogger
_CLIENT = "penstock.kafka"


def start(**bound: object) -> Log:
    """The process's logger, with what is the same on every line."""
    terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logger: Log = structlog.get_logger(**bound)
    client().addHandler(_Forward(logger))
    return logger


def client() -> logging.Logger:
    """Takes what the Kafka client says by itself: lines of the process's log once it is started, silence before."""
    logger = logging.getLogger(_CLIENT)
    if not logger.handlers:
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
    return logger


class _Forward(logging.Handler):
    """The client's errors are warnings here: what it cannot mend it raises as well."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Take the client's three parts: what happened, to which client, and its words."""
        if isinstance(record.args, tuple) and len(record.args) == 3:  # noqa: PLR2004 - the client's own format
            what, client, text = record.args
            self._log.warning("kafka client", what=what, client=client, text=text)
        else:
            self._log.warning("kafka client", text=record.getMessage())

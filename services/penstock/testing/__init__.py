"""The test kit: whole pipelines in milliseconds, on the broker in memory, under a clock that is moved by hand."""

from penstock.testing.cast import Cast

__all__ = ["Cast"]

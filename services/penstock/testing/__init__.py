"""The test kit: whole pipelines in milliseconds, on the broker in memory, under a clock that is moved by hand."""

from penstock.testing.cast import Cast
from penstock.testing.lines import hang, taking
from penstock.testing.pipeline import Pipeline

__all__ = ["Cast", "Pipeline", "hang", "taking"]

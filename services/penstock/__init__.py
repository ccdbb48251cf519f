"""Pipelines of AI workers on Apache Kafka: what a worker's author imports, and nothing heavy."""

from penstock.contracts.answers import Conflict, Escalate, Merged, Reason, Reject, Retry, Vote
from penstock.contracts.artifacts import ArtifactRef
from penstock.contracts.context import Context, inline

__all__ = ["ArtifactRef", "Conflict", "Context", "Escalate", "Merged", "Reason", "Reject", "Retry", "Vote", "inline"]

"""Pipelines of AI workers on Apache Kafka: what a worker's author imports, and nothing heavy."""

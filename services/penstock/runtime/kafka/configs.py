"""Reads and sets the settings of topics, on confluent-kafka."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import (  # the package's own door does not re-export them for type checkers
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)
from confluent_kafka.admin._resource import ResourceType  # the same

_TIMEOUT = 10.0


def read(client: AdminClient, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """The settings of topics, the broker's defaults included. KafkaException where one cannot be read."""
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers = client.describe_configs(asked, request_timeout=_TIMEOUT)
    return {
        resource.name: {name: entry.value or "" for name, entry in future.result().items()}
        for resource, future in answers.items()
    }


def write(client: AdminClient, name: str, config: Mapping[str, str]) -> None:
    """Set these settings of a topic, and leave its others (KIP-339). KafkaException where that is refused."""
    entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()]
    asked = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)]
    for future in client.incremental_alter_configs(asked, request_timeout=_TIMEOUT).values():
        future.result()

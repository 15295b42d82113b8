"""Everything the output topics hold about anomalies and incidents, for explanations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from pipeline.alerts.event import AlertEvent
from pipeline.alerts.state import IncidentState
from pipeline.client.topic_reader import ReadStart, TopicReader
from pipeline.config.schema import OutputTopics
from pipeline.crosscheck.base import CheckedAnomaly
from pipeline.engine.anomaly import Anomaly

__all__ = ["Evidence", "read_evidence"]


@dataclass(slots=True)
class Evidence:
    """Contents of the output topics, each in the topic's order."""

    anomalies: list[Anomaly] = field(default_factory=list)
    checked: list[CheckedAnomaly] = field(default_factory=list)
    alerts: list[AlertEvent] = field(default_factory=list)
    incidents: list[IncidentState] = field(default_factory=list)


def read_evidence(settings: dict[str, Any], outputs: OutputTopics) -> Evidence:
    """Read the output topics from their beginning to their present end.

    Parameters
    ----------
    settings : mapping
        Connection settings of kafka-python.
    outputs : OutputTopics
        Their names.

    Raises
    ------
    BrokerError
        The broker cannot be reached or a topic is not there.
    """
    evidence = Evidence()
    topics = [outputs.anomalies.name, outputs.checked.name, outputs.alerts.name, outputs.incidents.name]
    states: dict[bytes, IncidentState] = {}
    with TopicReader(settings, topics, ReadStart(0)) as reader:
        for record in reader.read_existing():
            if record.value is None:
                states.pop(record.key or b"", None)
            elif record.topic == outputs.anomalies.name:
                evidence.anomalies.append(Anomaly.from_json(record.value))
            elif record.topic == outputs.checked.name:
                evidence.checked.append(CheckedAnomaly.from_json(record.value))
            elif record.topic == outputs.alerts.name:
                evidence.alerts.append(AlertEvent.from_dict(orjson.loads(record.value)))
            else:
                states[record.key or b""] = IncidentState.from_json(record.value)
    evidence.incidents = list(states.values())
    return evidence

"""What must hold for names: those that must be unique are."""

from __future__ import annotations

from pipeline.config.findings import Findings
from pipeline.config.schema import Config
from pipeline.config.topic_rules import list_outputs

__all__ = ["check_names"]


def check_names(config: Config, findings: Findings) -> None:
    """Names that must be unique are."""
    findings.note_twice([(("detectors", i, "name"), one.name) for i, one in enumerate(config.detectors)], "detector name")
    findings.note_twice([(("topics", i, "name"), one.name) for i, one in enumerate(config.topics)], "topic name")
    findings.note_twice(
        [(("alerts", "severity", i, "name"), one.name) for i, one in enumerate(config.alerts.severity)], "rule name"
    )
    findings.note_twice([(("outputs", key, "name"), one.name) for key, one in list_outputs(config)], "output topic")
    for path, labels in (
        (("alerts", "incident", "group_by"), config.alerts.incident.group_by),
        (("logs", "group_by"), config.logs.group_by),
    ):
        findings.note_twice([((*path, i), label) for i, label in enumerate(labels)], "label")

"""The ledger read back from its topic, and judgements written to it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import orjson

from pipeline.client.record_writer import RecordWriter
from pipeline.client.topic_reader import ReadStart, TopicReader
from pipeline.config.schema import OutputTopics
from pipeline.crosscheck.ledger.entry import Judgement, LedgerEntry, parse_record
from pipeline.crosscheck.ledger.state import LedgerState
from pipeline.errors import ConfigError, StreamwardenError
from pipeline.history import HistoryRecord

__all__ = ["find_judged", "read_ledger", "write_judgements"]


def read_ledger(settings: dict[str, Any], outputs: OutputTopics, *, since_ms: int = 0) -> tuple[LedgerState, int]:
    """The state of the ledger, and how many records could not be read.

    Parameters
    ----------
    settings : mapping
        Connection settings of kafka-python.
    outputs : OutputTopics
        Names of topics.
    since_ms : int
        Records before this broker timestamp are left out; 0 = none are.

    Raises
    ------
    BrokerError
        The broker cannot be reached or the topic is not there.
    """
    state, n_bad = LedgerState(), 0
    with TopicReader(settings, [outputs.verdicts.name], ReadStart(since_ms)) as reader:
        for record in reader.read_existing():
            try:
                state.apply(parse_record(record.value or b""))
            except (KeyError, TypeError, ValueError, StreamwardenError):
                n_bad += 1
    return state, n_bad


def find_judged(settings: dict[str, Any], outputs: OutputTopics, state: LedgerState, any_id: str) -> dict[str, LedgerEntry]:
    """One verdict by each anomaly that an id stands for: an anomaly, an episode, an entry of the ledger, or a whole incident.

    Parameters
    ----------
    settings, outputs
        As in `read_ledger`.
    state : LedgerState
        The ledger.
    any_id : str
        Its first 8 characters will do.

    Raises
    ------
    ConfigError
        The id is too short, stands for nothing in the ledger, or for several things (``LEDGER_ID``).
    BrokerError
        The broker cannot be reached.
    """
    if len(any_id) < 8:
        raise ConfigError(f"{any_id!r}: expected 8 characters of an id or more", code="LEDGER_ID")
    found: dict[str, LedgerEntry] = {}
    for entry in state.find(any_id):
        found.setdefault(entry.anomaly_id, entry)
    if len({entry.episode_id for entry in found.values()}) > 1:
        ids = ", ".join(sorted(found))
        raise ConfigError(f"{any_id}: found several, {ids}; expected one; give more of its characters", code="LEDGER_ID")
    if found:
        return found
    episodes: set[str] = set()
    incidents: set[str] = set()
    with TopicReader(settings, [outputs.alerts.name], ReadStart(0)) as reader:
        for record in reader.read_existing():
            event = orjson.loads(record.value or b"null")
            if isinstance(event, dict) and str(event.get("incident_id", "")).startswith(any_id):
                incidents.add(event["incident_id"])
                episodes.update(event.get("anomaly_ids", ()))
                episodes.update(series.get("episode_id") for series in event.get("series", ()))
    if len(incidents) > 1:
        raise ConfigError(
            f"{any_id}: found several incidents, {', '.join(sorted(incidents))}; expected one; give more of its characters",
            code="LEDGER_ID",
        )
    for entry in state.entries():
        if entry.episode_id in episodes or entry.anomaly_id in episodes:
            found.setdefault(entry.anomaly_id, entry)
    if not found:
        raise ConfigError(
            f"{any_id}: found no verdict about it; expected an anomaly, an episode or an incident that was cross-checked; "
            "`streamwarden tail checked --from-beginning` lists them",
            code="LEDGER_ID",
        )
    return found


def write_judgements(settings: dict[str, Any], outputs: OutputTopics, judged: Sequence[tuple[LedgerEntry, Judgement]]) -> None:
    """Write judgements beside the verdicts they are about; returns when the broker has them.

    Raises
    ------
    BrokerError
        The broker cannot be reached or refused.
    """
    with RecordWriter(settings) as writer:
        for entry, judgement in judged:
            record = HistoryRecord(round(time.time() * 1_000), entry.series.hex.encode(), judgement.to_json())
            writer.write(outputs.verdicts.name, record)
        writer.flush()

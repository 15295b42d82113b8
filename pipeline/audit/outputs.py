"""What stands in the output topics about each source partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from pipeline.client.topic_reader import ReadStart, TopicReader, TopicRecord
from pipeline.config.schema import Config

__all__ = ["Letters", "Published", "SourcePartition", "read_outputs"]

SourcePartition = tuple[str, int]


@dataclass(slots=True)
class Letters:
    """Dead letters of one source partition.

    Attributes
    ----------
    value_by_offset : dict of int to (bytes or None)
        Bytes of each, by source offset.
    n_repeated : int
        Letters that say the same again.
    differing : list of int
        Source offsets about which letters differ.
    """

    value_by_offset: dict[int, bytes | None] = field(default_factory=dict)
    n_repeated: int = 0
    differing: list[int] = field(default_factory=list)

    def add(self, offset: int, value: bytes | None) -> None:
        """Take one letter in."""
        if offset not in self.value_by_offset:
            self.value_by_offset[offset] = value
        elif self.value_by_offset[offset] == value:
            self.n_repeated += 1
        else:
            self.differing.append(offset)


@dataclass(slots=True)
class Published:
    """Anomalies of one source partition.

    Attributes
    ----------
    value_by_id : dict of str to bytes
        Bytes of each, by the place, detector, kind, phase and series that make its id.
    offset_by_id : dict of str to int
        Source offset of each.
    n_repeated : int
        Messages that say the same again.
    differing : list of str
        Ids about which messages differ.
    """

    value_by_id: dict[str, bytes] = field(default_factory=dict)
    offset_by_id: dict[str, int] = field(default_factory=dict)
    n_repeated: int = 0
    differing: list[str] = field(default_factory=list)

    def add(self, anomaly_id: str, offset: int, value: bytes) -> None:
        """Take one message in."""
        if anomaly_id not in self.value_by_id:
            self.value_by_id[anomaly_id] = value
            self.offset_by_id[anomaly_id] = offset
        elif self.value_by_id[anomaly_id] == value:
            self.n_repeated += 1
        else:
            self.differing.append(anomaly_id)


def read_outputs(
    settings: dict[str, Any], config: Config
) -> tuple[dict[SourcePartition, Letters], dict[SourcePartition, Published], Counter[str]]:
    """Everything in the dead-letter and anomaly topics, by source partition; and what could not be read there, by reason.

    Raises
    ------
    BrokerError
        The broker cannot be reached or a topic is not there.
    """
    letters: dict[SourcePartition, Letters] = {}
    published: dict[SourcePartition, Published] = {}
    unreadable: Counter[str] = Counter()
    topics = [config.outputs.dead_letters.name, config.outputs.anomalies.name]
    with TopicReader(settings, topics, ReadStart(0)) as reader:
        for record in reader.read_existing():
            try:
                if record.topic == topics[0]:
                    source, offset = _source_of(record)
                    letters.setdefault(source, Letters()).add(offset, record.value)
                else:
                    anomaly: Mapping[str, Any] = orjson.loads(record.value or b"")
                    place = anomaly["source"]
                    published.setdefault((place["topic"], place["partition"]), Published()).add(
                        anomaly["id"], place["offset"], record.value or b""
                    )
            except (KeyError, TypeError, ValueError):
                unreadable[record.topic] += 1
    return letters, published, unreadable


def _source_of(record: TopicRecord) -> tuple[SourcePartition, int]:
    # A dead letter that was read and buried again keeps its earlier headers: the last of a name is the newest.
    told = dict(record.headers)
    topic, partition, offset = (told[f"sw-source-{name}"].decode() for name in ("topic", "partition", "offset"))
    return (topic, int(partition)), int(offset)

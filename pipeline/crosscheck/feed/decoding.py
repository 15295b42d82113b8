"""From fetched records to samples with labels, for feeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.codecs.base import Points, SeriesKey
from pipeline.codecs.record import RecordBatch
from pipeline.codecs.registry import codec
from pipeline.config.schema import SourceTopic
from pipeline.crosscheck.feed.base import FeedSink
from pipeline.errors import RecordError

__all__ = ["FeedDecoder"]

MAX_KEYS = 500_000


class FeedDecoder:
    """Decodes one source topic of metrics and hands its samples to sinks.

    Parameters
    ----------
    source : SourceTopic
        Its format and the labels it adds.
    sinks : sequence of FeedSink
        Get every sample.

    Attributes
    ----------
    n_samples, n_refused : int
        Samples handed on; records and series that could not be used (the worker dead-letters them).
    """

    def __init__(self, source: SourceTopic, sinks: Sequence[FeedSink]) -> None:
        self._source = source
        self._codec = codec(source)
        self._sinks = sinks
        self._labels: dict[SeriesKey, Mapping[str, str] | None] = {}
        self.n_samples = 0
        self.n_refused = 0

    def feed(self, batch: RecordBatch) -> None:
        """Take in a batch of one partition."""
        points = self._codec.decode(batch)
        if not isinstance(points, Points):
            return
        self.n_refused += len(points.bad)
        place = (batch.topic, batch.partition)
        for i in range(len(points)):
            labels = self._find_labels(points, points.keys[i])
            if labels is None:
                self.n_refused += 1
                continue
            offset = int(batch.offset[points.row[i]])
            for sink in self._sinks:
                sink.add(place, offset, labels, int(points.event_time_ns[i]), float(points.value[i]))
            self.n_samples += 1

    def _find_labels(self, points: Points, key: SeriesKey) -> Mapping[str, str] | None:
        if key not in self._labels:
            if len(self._labels) >= MAX_KEYS:
                self._labels.clear()
            try:
                found = points.labels_of(key)
            except RecordError:
                self._labels[key] = None
            else:
                # Labels of the topic are for series that lack them.
                self._labels[key] = {**self._source.labels, **{name: value for name, value in found.items() if value}}
        return self._labels[key]

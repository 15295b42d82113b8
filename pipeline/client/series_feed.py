"""Reads the source topics of metrics as a consumer group of its own and feeds a provider's store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata
from kafka.errors import KafkaError

from pipeline.client.connection import unreachable
from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config
from pipeline.crosscheck.feed.base import FeedSink
from pipeline.crosscheck.feed.decoding import FeedDecoder
from pipeline.errors import BrokerError, ConfigError

__all__ = ["run_feed"]

_POLL_MS = 500
_FLUSH_SECS = 10.0
_MAX_POLL_RECORDS = 5_000


def run_feed(
    config: Config,
    settings: dict[str, Any],
    sinks: Sequence[FeedSink],
    *,
    follows: bool = True,
    tell: Callable[[str], None] = lambda _text: None,
) -> int:
    """Feed until interrupted, or to the present end of the topics.

    Parameters
    ----------
    config : Config
        Source topics, name of the group.
    settings : dict
        Connection settings of kafka-python.
    sinks : sequence of FeedSink
        Where samples go.
    follows : bool
        False = stop at the present end and write everything, also intervals under way.
    tell : callable
        Gets a line now and then.

    Returns
    -------
    int
        Samples read.

    Raises
    ------
    BrokerError
        The broker cannot be reached or a topic is not there.
    ProviderError
        The store refuses for good.
    ConfigError
        There is no source topic of metrics (``NOTHING_TO_FEED``).

    Notes
    -----
    Offsets are committed only up to what is written, so a crash loses nothing.  Several processes share the partitions.
    """
    sources = {topic.name: topic for topic in config.topics if topic.kind == "metrics"}
    if not sources:
        raise ConfigError(
            "topics: found none of kind metrics; expected one at least; a feed is for metrics", code="NOTHING_TO_FEED"
        )
    where = ",".join(settings["bootstrap_servers"])
    try:
        consumer: Any = KafkaConsumer(
            **settings,
            group_id=f"{config.worker.group}-crosscheck-feed",
            enable_auto_commit=False,
            auto_offset_reset=config.worker.start_at,
            max_poll_records=_MAX_POLL_RECORDS,
            bootstrap_timeout_ms=10_000,
        )
    except KafkaError as error:
        raise unreachable(where, error) from error
    try:
        missing = sorted(sources.keys() - consumer.topics())
        if missing:
            raise BrokerError(
                f"{where}: topic {', '.join(missing)} is not there; create the topics with `streamwarden topics apply`",
                code="TOPIC_MISSING",
            )
        feed = _Feed(consumer, {name: FeedDecoder(source, sinks) for name, source in sources.items()}, sinks, tell)
        consumer.subscribe(list(sources), listener=feed)
        return feed.run(follows)
    except KafkaError as error:
        raise unreachable(where, error) from error
    finally:
        consumer.close()


class _Feed(ConsumerRebalanceListener):  # type: ignore[misc]
    """One consumer, its decoders and sinks."""

    def __init__(
        self, consumer: Any, decoders: dict[str, FeedDecoder], sinks: Sequence[FeedSink], tell: Callable[[str], None]
    ) -> None:
        self._consumer = consumer
        self._decoders = decoders
        self._sinks = sinks
        self._tell = tell
        self._next_offsets: dict[Any, int] = {}
        self._revoked: set[Any] = set()

    @property
    def n_samples(self) -> int:
        return sum(decoder.n_samples for decoder in self._decoders.values())

    def run(self, follows: bool) -> int:
        ends: dict[Any, int] = {}
        flushed_secs = time.monotonic()
        try:
            while True:
                fetched = self._consumer.poll(timeout_ms=_POLL_MS)
                self._forget_revoked()
                for tp, records in fetched.items():
                    rows = [(record.offset, record.timestamp, record.key, record.value) for record in records]
                    self._decoders[tp.topic].feed(RecordBatch.from_rows(tp.topic, tp.partition, rows))
                    self._next_offsets[tp] = records[-1].offset + 1
                assigned = self._consumer.assignment()
                if not follows and assigned:
                    ends = ends or self._consumer.end_offsets(list(assigned))
                    if all(self._consumer.position(tp) >= ends[tp] for tp in assigned if tp in ends):
                        break
                if time.monotonic() - flushed_secs >= _FLUSH_SECS:
                    flushed_secs = time.monotonic()
                    self._flush()
                    n_written = sum(sink.n_written for sink in self._sinks)
                    self._tell(f"{self.n_samples:,} samples read, {n_written:,} entries or files written")
        except KeyboardInterrupt:
            # What is complete is written; intervals under way are made again from the offset that is committed.
            self._flush()
            return self.n_samples
        self._flush(everything=True)
        return self.n_samples

    def on_partitions_revoked(self, revoked: Any) -> None:
        """What is under way will be read again, here or elsewhere.  Called in the consumer's own thread: only noted here."""
        self._revoked.update(revoked)

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Reading goes on at the committed offsets."""

    def _forget_revoked(self) -> None:
        while self._revoked:
            tp = self._revoked.pop()
            self._next_offsets.pop(tp, None)
            for sink in self._sinks:
                sink.forget((tp.topic, tp.partition))

    def _flush(self, *, everything: bool = False) -> None:
        for sink in self._sinks:
            sink.flush(everything=everything)
        safe = {
            tp: OffsetAndMetadata(min(sink.safe_offset((tp.topic, tp.partition), next_offset) for sink in self._sinks), "", -1)
            for tp, next_offset in self._next_offsets.items()
        }
        if safe:
            self._consumer.commit(safe)

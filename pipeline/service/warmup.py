"""Every kernel compiled, or loaded from the cache, before the group is joined: a worker that compiled later would be put out of it."""

from __future__ import annotations

import struct
import time

import numpy as np
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from models.warmup import exercise
from pipeline.codecs.fetched import read_fetched
from pipeline.codecs.otlp_metrics import encode_gauges
from pipeline.codecs.record import RecordBatch
from pipeline.codecs.remote_write import encode_request
from pipeline.config.model_fit import build_detector_model
from pipeline.config.providers import EnsembleProvider, LocalProvider
from pipeline.config.schema import Config
from pipeline.crosscheck.forest import look_at
from pipeline.engine.lane import Lane
from pipeline.samples.key_table import warm_up as warm_up_key_table

__all__ = ["warm_up"]

_N_SAMPLES = 400
_STEP_NS = 10_000_000_000
_START_NS = 1_700_000_000_000_000_000


def warm_up(config: Config) -> dict[str, float]:
    """Run the models that are configured, and one throw-away lane a source topic over made samples.

    Parameters
    ----------
    config : Config
        The whole configuration.

    Returns
    -------
    dict of str to float
        Seconds taken, by model and by topic.
    """
    warm_up_key_table()
    secs: dict[str, float] = {}
    # With their own parameters: what other ones need is not compiled, nor the calls of one sample, which no lane makes.
    for detector in config.detectors:
        started_secs = time.perf_counter()
        exercise(build_detector_model(detector), one_by_one=False)
        secs[detector.model.type] = secs.get(detector.model.type, 0.0) + time.perf_counter() - started_secs
    for source in config.topics:
        started_secs = time.perf_counter()
        lane = Lane(config, source, 0, config_hash="")
        for start in range(0, _N_SAMPLES, _N_SAMPLES // 2):
            made = _made_batch(source.name, source.format, range(start, start + _N_SAMPLES // 2))
            lane.process(_fetch(made), emit_from_offset=0)
        secs[source.name] = time.perf_counter() - started_secs
    provider = config.crosscheck.provider
    members = provider.members if isinstance(provider, EnsembleProvider) else [provider]
    if any(isinstance(member, LocalProvider) and member.family == "random_cut_forest" for member in members):
        started_secs = time.perf_counter()
        look_at(np.arange(16.0), 1.0)
        secs["crosscheck"] = time.perf_counter() - started_secs
    return secs


def _fetch(batch: RecordBatch) -> RecordBatch:
    """The same records, the way a broker would send them."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    first = int(batch.offset[0])
    for row in range(len(batch)):
        builder.append(row, int(batch.timestamp_ms[row]), batch.key(row), batch.value(row), [])
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, first)
    return read_fetched(batch.topic, batch.partition, bytes(data), fetch_offset=first).batch


def _made_batch(topic: str, record_format: str, offsets: range) -> RecordBatch:
    rows = []
    for offset in offsets:
        time_ns = _START_NS + offset * _STEP_NS
        # A jump now and then, so that episodes open and clear.
        value = 1e6 if offset % 150 > 147 else float(offset % 7)
        if record_format == "remote_write":
            labels = {"__name__": "warm", "shard": str(offset % 3)}
            rows.append((offset, time_ns // 1_000_000, None, encode_request([(labels, [(time_ns // 1_000_000, value)])])))
            continue
        if record_format == "otlp_metrics":
            rows.append((offset, time_ns // 1_000_000, None, encode_gauges([(f"warm_{offset % 3}", time_ns, value)])))
            continue
        if record_format == "metric_json" and offset % 50 == 0:
            # Odd enough to be judged by the typed decoder.
            text = f'{{"n\\u0061me":"warm","ts":{time_ns // 1_000_000},"value":{value}}}'
        elif record_format == "metric_json":
            text = f'{{"name":"warm","labels":{{"shard":"{offset % 3}"}},"ts":{time_ns // 1_000_000},"value":{value}}}'
            if (
                offset == offsets[0]
            ):  # what the scanner is not sure about goes to the typed decoder, whose kernel must be warm too
                text = "?"
        else:
            secs = time_ns // 1_000_000_000
            text = f'{{"time":{secs},"ts":{secs},"level":"info","message":"warm up step {offset % 5}"}}'
        rows.append((offset, time_ns // 1_000_000, None, text.encode()))
    return RecordBatch.from_rows(topic, 0, rows)

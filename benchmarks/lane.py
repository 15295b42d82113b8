"""What a lane costs: CPU microseconds per record of native JSON, decoded, scored and judged; checkpoints and their restoring.

    python -m benchmarks.lane [--series 2000] [--records 1000000] [--batch 10000] [--models NAME,...] [--profile] [--json]

Records are made before the clock starts; a broker, decompression and publishing play no part.  Series send every 60 s of event time, in
turn; the first two rounds are not measured.  CPU seconds of the process are counted, so that other load on the machine matters little;
on a shared machine compare ratios only.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np

from pipeline.codecs.record import RecordBatch
from pipeline.codecs.registry import codec
from pipeline.config.schema import Config, DetectorSettings, ModelSettings, SeriesSettings, SourceTopic
from pipeline.engine.checkpoint import restore_lane, take_checkpoint
from pipeline.engine.lane import Lane

START_MS = 1_700_000_000_000
INTERVAL_MS = 60_000
SOURCE = SourceTopic(name="metrics", kind="metrics", format="metric_json")


@dataclass(frozen=True, slots=True)
class Cost:
    """One measurement.

    Attributes
    ----------
    decode_us, lane_us : float
        CPU microseconds per record: of the codec alone, and of the lane, the codec included.
    take_secs, encode_secs, restore_secs : float
        CPU seconds of a full checkpoint: to copy, to encode, to restore.
    checkpoint_mb, bytes_per_series : float
        Size of it, encoded.
    """

    model: str
    n_series: int
    n_records: int
    batch_size: int
    n_anomalies: int
    decode_us: float
    lane_us: float
    take_secs: float
    encode_secs: float
    restore_secs: float
    checkpoint_mb: float
    bytes_per_series: float


def make_batches(n_records: int, n_series: int, batch_size: int) -> list[RecordBatch]:
    """Noise around 50, every series once a minute."""
    values = np.random.default_rng(0).normal(50.0, 5.0, n_records)
    batches = []
    for start in range(0, n_records, batch_size):
        rows = []
        for i in range(start, min(start + batch_size, n_records)):
            turn, series = divmod(i, n_series)
            at = START_MS + turn * INTERVAL_MS + series * INTERVAL_MS // n_series
            value = b'{"name":"node_cpu_ratio","labels":{"host":"n%d","region":"us-east-1","service":"dag"},"ts":%d,"value":%.4f}'
            rows.append((i, at, None, value % (series, at, values[i])))
        batches.append(RecordBatch.from_rows(SOURCE.name, 0, rows))
    return batches


def measure(model: str, batches: list[RecordBatch], n_series: int, *, profile: bool) -> Cost:
    """The cost of one model over the batches."""
    config = Config(
        version=1,
        topics=[SOURCE],
        series=SeriesSettings(max_per_partition=50_000_000),
        detectors=[DetectorSettings(name="all", model=ModelSettings(type=model))],
    )
    lane = Lane(config, SOURCE, 0, config_hash="")
    n_warm = -(-2 * n_series // len(batches[0]))
    for batch in batches[:n_warm]:
        lane.process(batch)
    measured = batches[n_warm:]
    n_records = sum(map(len, measured))
    profiler = cProfile.Profile() if profile else None
    started = time.process_time()
    if profiler:
        profiler.enable()
    n_anomalies = sum(len(lane.process(batch).anomalies) for batch in measured)
    lane_secs = time.process_time() - started
    if profiler:
        profiler.disable()
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(20)
    decoder = codec(SOURCE)
    started = time.process_time()
    for batch in measured:
        decoder.decode(batch)
    decode_secs = time.process_time() - started
    marks = [time.process_time()]
    checkpoint = take_checkpoint(lane, is_full=True)
    marks.append(time.process_time())
    encoded = checkpoint.encode()
    marks.append(time.process_time())
    restore_lane(Lane(config, SOURCE, 0, config_hash=""), encoded)
    marks.append(time.process_time())
    n_bytes = sum(map(len, encoded.values()))
    return Cost(
        model,
        n_series,
        n_records,
        len(batches[0]),
        n_anomalies,
        decode_secs / n_records * 1e6,
        lane_secs / n_records * 1e6,
        *np.diff(marks).tolist(),
        checkpoint_mb=n_bytes / 1e6,
        bytes_per_series=n_bytes / n_series,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--series", type=int, default=2_000)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--models", default="gaussian_scorer,default")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    least = 3 * options.series + options.batch
    if options.records < least:
        parser.error(f"--records: found {options.records}, expected at least {least}, because two rounds are warm-up")
    batches = make_batches(options.records, options.series, options.batch)
    for model in options.models.split(","):
        cost = measure(model, batches, options.series, profile=options.profile)
        if options.json:
            print(json.dumps(asdict(cost)))
        else:
            print(
                f"{cost.model}: {cost.lane_us:.3f} µs a record, {cost.decode_us:.3f} of it decoding; {cost.n_series:,} series, "
                f"batches of {cost.batch_size:,}, {cost.n_anomalies:,} anomalies in {cost.n_records:,} records; checkpoint "
                f"{cost.take_secs:.2f} s to copy, {cost.encode_secs:.2f} s to encode, {cost.restore_secs:.2f} s to restore, "
                f"{cost.checkpoint_mb:.1f} MB, {cost.bytes_per_series:,.0f} bytes a series"
            )


if __name__ == "__main__":
    main()

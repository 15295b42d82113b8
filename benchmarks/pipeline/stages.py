"""Where the time of a sample goes, in memory and in one thread: fetched bytes, scan, series, all of the lane.

Run from the repository's root::

    streamwarden bench stages
    streamwarden bench stages --workload remote-write-20k --samples 2000000
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from rich.console import Console
from rich.table import Table

from benchmarks.arguments import at_least, make_parser
from benchmarks.machine import describe_machine
from benchmarks.pipeline.workload import Workload
from benchmarks.pipeline.workloads import WORKLOADS
from pipeline.codecs.compression import CODEC_NAMES
from pipeline.codecs.fetched import Stop, read_fetched
from pipeline.codecs.record import RecordBatch
from pipeline.codecs.registry import codec as make_codec
from pipeline.config.schema import Config, DetectorSettings, SeriesSettings, SourceTopic, WorkerSettings
from pipeline.engine.lane import Lane
from pipeline.samples.index import SeriesIndex

_BATCH_BYTES = 65_536
_FETCH_BYTES = 1 << 22


def make_fetches(workload: Workload, n: int) -> Iterator[bytes]:
    """The workload as one partition would be fetched, about 4 MiB at a time."""
    codec_number = CODEC_NAMES.index(workload.compression)
    parts: list[bytes] = []
    builder: Any = None
    first = 0
    size = 0
    for i, message in enumerate(workload.messages(n)):
        if builder is None:
            first = i
            builder = DefaultRecordBatchBuilder(2, codec_number, 0, -1, -1, -1, _BATCH_BYTES)
        if builder.append(i - first, message.timestamp_ms, message.key, message.value, []) is None:
            parts.append(_seal(builder, first))
            size += len(parts[-1])
            first = i
            builder = DefaultRecordBatchBuilder(2, codec_number, 0, -1, -1, -1, _BATCH_BYTES)
            builder.append(0, message.timestamp_ms, message.key, message.value, [])
            if size >= _FETCH_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
    parts.append(_seal(builder, first))
    yield b"".join(parts)


def _seal(builder: Any, base_offset: int) -> bytes:
    batch = bytearray(builder.build())
    struct.pack_into(">q", batch, 0, base_offset)
    return bytes(batch)


def read_parts(fetches: Iterable[bytes]) -> Iterator[RecordBatch]:
    """Fetches read as the worker reads them, in parts of at most `max_poll_records`."""
    max_records = WorkerSettings().max_poll_records
    for data in fetches:
        fetched = read_fetched("m", 0, data, max_records=max_records)
        yield fetched.batch
        while fetched.stop is Stop.ENOUGH:
            fetched = read_fetched("m", 0, data, start=fetched.n_bytes, max_records=max_records)
            yield fetched.batch


def drain(results: Iterable[object]) -> None:
    """Let each result go before the next is made, as a worker does: fresh memory for all of them would cost more than the work."""
    for _ in results:
        pass


def measure(workload: Workload, n: int, repeats: int) -> dict[str, list[float]]:
    """Nanoseconds of CPU time a sample by stage, every repeat; of the lane past the first two rounds, when it knows all series."""
    fetches = list(make_fetches(workload, n))
    batches = list(read_parts(fetches))
    source = SourceTopic(name="m", kind="metrics", format=workload.format)
    codec = make_codec(source)
    points = [codec.decode(batch) for batch in batches]
    n_samples = n * workload.samples_per_message
    n_read = sum(map(len, points))
    if n_read != n_samples:
        raise RuntimeError(f"{n_read} of {n_samples} samples were read")
    index = SeriesIndex(workload.n_series)
    for one in points:
        index.open_slots(one.keys, index.find_slots(one.keys), 0, len(one), one.labels_of)
    config = Config(
        version=1,
        topics=[source],
        series=SeriesSettings(max_per_partition=workload.n_series),
        detectors=[DetectorSettings(name="all")],
    )

    n_before = np.cumsum([0, *map(len, points)])
    n_warm = int(np.searchsorted(n_before, 2 * workload.n_series))
    if n_warm >= len(batches):
        raise ValueError(
            f"{workload.name}: {n_samples:,} samples come in {len(batches)} fetches, of which two rounds of its "
            f"{workload.n_series:,} series take all; give more with --samples"
        )

    def run_lane() -> float:
        lane = Lane(config, source, 0, config_hash="")
        for batch in batches[:n_warm]:
            lane.process(batch)
        started_ns = time.thread_time_ns()
        for batch in batches[n_warm:]:
            lane.process(batch)
        return (time.thread_time_ns() - started_ns) / (n_samples - int(n_before[n_warm]))

    def timed(stage: Callable[[], object]) -> Callable[[], float]:
        def run() -> float:
            started_ns = time.thread_time_ns()
            stage()
            return (time.thread_time_ns() - started_ns) / n_samples

        return run

    stages: dict[str, Callable[[], float]] = {
        "fetched bytes to columns": timed(lambda: drain(read_parts(fetches))),
        "scan of the values": timed(lambda: drain(codec.decode(batch) for batch in batches)),
        "series lookup": timed(lambda: drain(index.find_slots(one.keys) for one in points)),
        "scan, lookup and the rest of the lane": run_lane,
    }
    found: dict[str, list[float]] = {name: [] for name in stages}
    for repeat in range(repeats + 1):
        for name, stage in stages.items():
            cost_ns = stage()
            # The first time warms up.
            if repeat:
                found[name].append(cost_ns)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = make_parser("stages", __doc__)
    parser.add_argument(
        "--workload",
        nargs="+",
        default=["native-2k"],
        choices=sorted(WORKLOADS),
        metavar="NAME",
        help=f"out of {', '.join(sorted(WORKLOADS))}",
    )
    parser.add_argument("--samples", type=at_least(1), default=200_000, help="samples of each workload")
    parser.add_argument("--repeats", type=at_least(1), default=5, help="passes over them")
    parser.add_argument("--json", metavar="FILE", help="where every repeat goes")
    chosen = parser.parse_args(arguments)
    machine = describe_machine(("aiokafka", "cramjam", "numba", "numpy"))
    results = {}
    for name in chosen.workload:
        workload = WORKLOADS[name]
        try:
            results[name] = measure(workload, -(-chosen.samples // workload.samples_per_message), chosen.repeats)
        except ValueError as problem:
            parser.error(str(problem))
    if chosen.json:
        report = {"benchmark": "stages", "machine": machine, "n_samples": chosen.samples, "results": results}
        Path(chosen.json).write_text(json.dumps(report, indent=1) + "\n")
    table = Table(title="CPU time of the thread a sample, ns: least (median)")
    table.add_column("stage")
    for name in results:
        table.add_column(name, justify="right")
    for stage in next(iter(results.values())):
        cells = [sorted(result[stage]) for result in results.values()]
        table.add_row(stage, *(f"{cell[0]:.0f} ({cell[len(cell) // 2]:.0f})" for cell in cells))
    Console().print(table)
    return 0

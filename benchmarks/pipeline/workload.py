"""Frozen workloads: a name stands for the same bytes for ever.  A workload that must change gets a new name."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

START_MS = 1_763_900_000_000
_NAMES = ("cpu_util", "mem_util", "disk_io", "net_rx")
SPIKE_SDS = 15.0
WARM_SAMPLES = 100


class Message(NamedTuple):
    """One record of a source topic."""

    key: bytes
    value: bytes
    timestamp_ms: int


@dataclass(frozen=True)
class Workload:
    """Native metric JSON, one sample a message, of about 150 bytes.

    Every series is sent once a round, in an order that stays; values are normal about a level of the series; every
    `spike_every`th message is 15 standard deviations off, once its series has had 100.

    Attributes
    ----------
    name : str
    n_series : int
    compression : str
        As librdkafka spells it.
    n_partitions : int
    seed : int
    spike_every : int
    samples_per_message : int
    format : str
        As a source topic's `format` has it.
    """

    format: ClassVar[str] = "metric_json"

    name: str
    n_series: int
    compression: str = "lz4"
    n_partitions: int = 4
    seed: int = 20_261_125
    spike_every: int = 10_007
    samples_per_message: int = 1

    def messages(self, n: int) -> Iterator[Message]:
        """The first `n` messages."""
        rng = random.Random(self.seed)
        series = []
        for i in range(self.n_series):
            name, host = _NAMES[i % len(_NAMES)], f"web-{i // len(_NAMES):06}"
            labels = f'{{"host":"{host}","region":"eu-1","az":"a","service":"checkout","env":"prod"}}'
            prefix = f'{{"name":"{name}","labels":{labels},"ts":'
            series.append((f"{name}|{host}".encode(), prefix, rng.uniform(20, 80), rng.uniform(0.5, 5)))
        rng.shuffle(series)
        gauss = rng.gauss
        for i in range(n):
            key, prefix, level, sd = series[i % self.n_series]
            value = gauss(level, sd)
            if i % self.spike_every == 0 and i >= WARM_SAMPLES * self.n_series:
                value += SPIKE_SDS * sd
            timestamp_ms = START_MS + i
            yield Message(key, f'{prefix}{timestamp_ms},"value":{value:.6f}}}'.encode(), timestamp_ms)


COMPRESSIONS = ("none", "gzip", "snappy", "zstd")
"""Beside lz4, which is in the plain names."""

_PLAIN = (
    Workload("native-2k", 2_000),
    Workload("native-1", 1),
    Workload("native-100k", 100_000),
    Workload("native-1m", 1_000_000),
)

# Of one series a spike in 10,007 is an anomaly every time, and what one costs is more than a thousand messages do.
_CALM = (Workload("native-2k-calm", 2_000, spike_every=120_011), Workload("native-1-calm", 1, spike_every=120_011))

NATIVE_WORKLOADS = {workload.name: workload for workload in _CALM} | {
    workload.name: workload
    for plain in _PLAIN
    for workload in (plain, *(replace(plain, name=f"{plain.name}-{one}", compression=one) for one in COMPRESSIONS))
}
"""By name: ``native-SERIES`` and ``native-SERIES-COMPRESSION``; ``calm`` has a twelfth of the spikes."""

"""Simulated metrics: values of every series at every step, before anything goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.demo.network import LINKS, REGIONS, Region, nodes_of, series
from pipeline.demo.noise import Floats, correlated_noise, daily_load, stream
from pipeline.samples.labels import LabelSet

__all__ = ["SimulatedSeries", "simulate_metrics"]


@dataclass(slots=True)
class SimulatedSeries:
    """One series of a simulation.

    Attributes
    ----------
    labels : LabelSet
        The series.
    value : (T,) float64
        One value a step; NaN = nothing is sent.
    n_digits : int
        Decimals that are sent.
    low, high : float
        The quantity's own bounds.
    """

    labels: LabelSet
    value: Floats
    n_digits: int
    low: float = 0.0
    high: float = np.inf


def simulate_metrics(seed: int, steps_secs: Floats) -> list[SimulatedSeries]:
    """Every metric of the network in quiet times.

    What moves together is driven together: load by the local day and a slow wander, shared in part by all regions; transaction
    rate, CPU, propagation and consensus by load; orphans by propagation.

    Parameters
    ----------
    seed : int
        Decides everything.
    steps_secs : (T,) float64
        Seconds since the beginning, which is six in the morning UTC.

    Examples
    --------
    >>> simulated = simulate_metrics(1, np.arange(0.0, 3600.0, 15.0))
    >>> len(simulated), len({one.labels for one in simulated})
    (75, 75)
    """
    n = len(steps_secs)
    shared = correlated_noise(stream(seed, "shared load"), n, correlation=0.995, spread=0.03)
    simulated: list[SimulatedSeries] = []
    for region in REGIONS:
        own = correlated_noise(stream(seed, "load", region.name), n, correlation=0.99, spread=0.03)
        load = daily_load(steps_secs + 6 * 3600.0, region.utc_offset_hours) * np.exp(shared + own)
        simulated += _dag_series(seed, region, load)
        simulated += _link_series(seed, region, n)
        simulated += _gateway_series(seed, region, load)
        for node in nodes_of(region):
            simulated += _node_series(seed, region, node, load)
    return simulated


def _dag_series(seed: int, region: Region, load: Floats) -> Iterator[SimulatedSeries]:
    n = len(load)

    def rng(name: str) -> np.random.Generator:
        return stream(seed, name, region.name)

    def labels(name: str) -> LabelSet:
        return series(name, region=region.name, service="dag-engine")

    tx_rate = region.tx_rate * load * np.exp(0.025 * rng("tx rate").standard_normal(n))
    yield SimulatedSeries(labels("dag_tx_rate"), tx_rate, 1)
    value = tx_rate * 38.0 * np.exp(0.08 * rng("tx value").standard_normal(n))
    yield SimulatedSeries(labels("dag_tx_value_usd"), value, 2)
    # Delays have a floor and a long tail upward: gamma, not normal.
    delay = rng("propagation").gamma(25.0, 1.0 / 25.0, n)
    propagation = region.propagation_ms * (0.75 + 0.25 * delay * load)
    yield SimulatedSeries(labels("dag_block_propagation_ms"), propagation, 1)
    consensus = region.consensus_ms * load**0.15 * (0.9 + 0.1 * rng("consensus").gamma(16.0, 1.0 / 16.0, n))
    yield SimulatedSeries(labels("dag_consensus_round_ms"), consensus, 1)
    orphans = 0.012 * (propagation / region.propagation_ms) ** 1.5 * rng("orphans").gamma(20.0, 1.0 / 20.0, n)
    yield SimulatedSeries(labels("dag_orphan_ratio"), orphans, 5, high=1.0)
    wander = correlated_noise(rng("active nodes"), n, correlation=0.98, spread=0.7)
    yield SimulatedSeries(labels("dag_active_nodes"), np.round(region.n_active_nodes + wander), 0)


def _link_series(seed: int, region: Region, n: int) -> Iterator[SimulatedSeries]:
    for (a, b), latency_ms in LINKS.items():
        if region.name not in (a, b):
            continue
        peer = b if region.name == a else a
        # Both ends measure the same path, each with its own jitter.
        path = correlated_noise(stream(seed, "path", a, b), n, correlation=0.97, spread=0.02)
        jitter = stream(seed, "jitter", region.name, peer).gamma(4.0, 0.01, n)
        labels = series("dag_peer_latency_ms", region=region.name, peer=peer, service="p2p")
        yield SimulatedSeries(labels, latency_ms * np.exp(path) * (0.96 + jitter), 2)


def _gateway_series(seed: int, region: Region, load: Floats) -> Iterator[SimulatedSeries]:
    # A rate over a minute of a Poisson count: what a counter's increase shows.
    failures = stream(seed, "auth failures", region.name).poisson(24.0 * load) / 60.0
    yield SimulatedSeries(series("auth_failures_rate", region=region.name, service="gateway"), failures, 4)


def _node_series(seed: int, region: Region, node: str, load: Floats) -> Iterator[SimulatedSeries]:
    n = len(load)

    def rng(name: str) -> np.random.Generator:
        return stream(seed, name, node)

    def labels(name: str) -> LabelSet:
        return series(name, region=region.name, service="dag-node", node=node)

    share = float(rng("share").uniform(0.9, 1.1))
    busy = 0.38 * share * load**1.2 + correlated_noise(rng("cpu"), n, correlation=0.7, spread=0.02)
    yield SimulatedSeries(labels("node_cpu_ratio"), busy, 4, high=1.0)
    wander = correlated_noise(rng("memory"), n, correlation=0.98, spread=0.012)
    memory = 0.52 * share + wander + 0.004 * rng("memory jitter").standard_normal(n)
    yield SimulatedSeries(labels("node_memory_ratio"), memory, 4, high=1.0)
    # The disk grows by what the ledger adds and shrinks when it is compacted, now and then.
    grown = np.cumsum(0.00001 * load * share)
    compactions = rng("compaction").random(n) < 0.001
    freed = 0.5 * np.maximum.accumulate(np.where(compactions, grown, 0.0))
    disk = 0.42 * share + grown - freed + 0.0003 * rng("disk jitter").standard_normal(n)
    yield SimulatedSeries(labels("node_disk_ratio"), disk, 4, high=1.0)
    health = 1.0 - 0.02 * rng("health").gamma(3.0, 1.0 / 3.0, n)
    yield SimulatedSeries(labels("node_health_ratio"), health, 4, high=1.0)

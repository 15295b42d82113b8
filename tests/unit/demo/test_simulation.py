"""The simulation: the same bytes for the same seed everywhere, and quantities that behave like their namesakes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter

import numpy as np
import orjson
import pytest

from pipeline.demo.incidents import schedule_incidents
from pipeline.demo.metrics import SimulatedSeries, simulate_metrics
from pipeline.demo.network import REGIONS, SeriesMatch, series
from pipeline.demo.simulation import Simulation
from pipeline.demo.timeline import EPOCH_NS, Timeline

SHORT = Timeline(history_secs=900.0, live_secs=900.0)
DIGEST = """
import hashlib
from pipeline.demo.simulation import Simulation
from pipeline.demo.timeline import Timeline
digest = hashlib.sha256()
for timed in Simulation({seed}, Timeline(history_secs=900.0, live_secs=900.0)).entries():
    record = timed.entry.to_record(7_000_000)
    digest.update(timed.format.encode() + str(record.timestamp_ms).encode() + record.key + record.value)
print(digest.hexdigest())
"""


def digest(seed: int) -> str:
    found = hashlib.sha256()
    for timed in Simulation(seed, SHORT).entries():
        record = timed.entry.to_record(7_000_000)
        found.update(timed.format.encode() + str(record.timestamp_ms).encode() + record.key + record.value)
    return found.hexdigest()


def test_same_bytes_in_another_process_and_twice_in_one() -> None:
    command = [sys.executable, "-W", "ignore", "-c", DIGEST.format(seed=7)]
    other = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "99"})
    simulation = Simulation(7, SHORT)
    assert [timed.event_time_ns for timed in simulation.entries()] == [timed.event_time_ns for timed in simulation.entries()]
    assert other.stdout.strip() == digest(7) != digest(8)


def test_entries_are_in_time_order_and_decode() -> None:
    entries = list(Simulation(3, SHORT).entries())
    times = [timed.event_time_ns for timed in entries]
    assert times == sorted(times)
    assert times[0] >= EPOCH_NS
    assert times[-1] < SHORT.end_ns
    formats = Counter(timed.format for timed in entries)
    assert set(formats) == {"metric_json", "log_json", "fluentd_json"}
    for timed in entries[::97]:
        record = timed.entry.to_record()
        fields = orjson.loads(record.value)
        assert record.timestamp_ms == timed.event_time_ns // 1_000_000
        assert {"name", "labels", "ts", "value"} == set(fields) or {"message", "level"} <= set(fields)


def test_a_target_is_scraped_at_one_moment_of_every_step() -> None:
    by_series: dict[bytes, list[int]] = {}
    for timed in Simulation(3, SHORT).entries():
        if timed.format == "metric_json":
            by_series.setdefault(timed.entry.to_record().key, []).append(timed.event_time_ns)
    gaps = {gap for times in by_series.values() for gap in np.diff(times).tolist()}
    step_ns = 15_000_000_000
    assert step_ns in gaps
    assert all(gap % step_ns == 0 for gap in gaps)
    node = [times[0] for key, times in by_series.items() if b'node="use1-n1"' in key]
    assert len(node) == 4
    assert len(set(node)) == 1


@pytest.fixture(scope="module")
def day() -> dict[str, SimulatedSeries]:
    return {str(one.labels): one for one in simulate_metrics(5, np.arange(0.0, 2 * 86_400.0, 60.0))}


def test_quiet_series_keep_to_their_bounds(day: dict[str, SimulatedSeries]) -> None:
    for name, one in day.items():
        assert np.isfinite(one.value).all(), name
        assert one.value.min() >= one.low, name
        if "ratio" in one.labels.name:
            assert one.value.max() <= 1.0, name


def test_load_has_a_daily_season_and_drives_cpu(day: dict[str, SimulatedSeries]) -> None:
    rate = day[str(series("dag_tx_rate", region="eu-west-1", service="dag-engine"))].value
    first, second = rate[:1440], rate[1440:]
    assert np.corrcoef(first, second)[0, 1] > 0.8
    smooth = rate[:1440].reshape(48, 30).mean(axis=1)
    assert 1.4 < smooth.max() / smooth.min() < 2.6
    cpu = day[str(series("node_cpu_ratio", region="eu-west-1", service="dag-node", node="euw1-n1"))].value
    assert np.corrcoef(rate, cpu)[0, 1] > 0.8


def test_regions_share_some_of_their_load_but_peak_at_their_own_hour(day: dict[str, SimulatedSeries]) -> None:
    def peak_hour(region: str) -> float:
        rate = day[str(series("dag_tx_rate", region=region, service="dag-engine"))].value[:1440]
        return (6 + np.convolve(rate, np.ones(120) / 120, mode="same").argmax() / 60) % 24

    # Afternoon in Dublin comes about eight hours before afternoon in Oregon.
    assert (peak_hour("us-west-2") - peak_hour("eu-west-1")) % 24 == pytest.approx(8.0, abs=2.5)


def test_orphans_follow_propagation_and_both_ends_of_a_link_agree(day: dict[str, SimulatedSeries]) -> None:
    for region in REGIONS:
        propagation = day[str(series("dag_block_propagation_ms", region=region.name, service="dag-engine"))].value
        orphans = day[str(series("dag_orphan_ratio", region=region.name, service="dag-engine"))].value
        assert np.corrcoef(propagation, orphans)[0, 1] > 0.2
    a = day[str(series("dag_peer_latency_ms", region="us-east-1", peer="eu-west-1", service="p2p"))].value
    b = day[str(series("dag_peer_latency_ms", region="eu-west-1", peer="us-east-1", service="p2p"))].value
    assert np.corrcoef(a, b)[0, 1] > 0.3
    assert np.median(a) == pytest.approx(78.0, rel=0.05)


def test_the_script_fits_the_live_part_for_every_seed() -> None:
    for seed in range(200):
        for live_secs in (900.0, 3600.0):
            incidents = schedule_incidents(seed, Timeline(live_secs=live_secs))
            assert [one.start_secs for one in incidents] == sorted(one.start_secs for one in incidents)
            assert all(0 <= one.start_secs < one.end_secs <= live_secs for one in incidents)
            assert len({one.name for one in incidents}) == len(incidents)


def test_every_effect_changes_its_series_inside_its_incident_and_nowhere_else() -> None:
    timeline = Timeline(history_secs=900.0, live_secs=3600.0)
    simulation = Simulation(11, timeline)
    steps_secs = timeline.steps_secs()
    quiet = {one.labels: one.value for one in simulate_metrics(11, steps_secs)}
    live_secs = steps_secs - timeline.history_secs
    for one in simulation.series:
        mine = [
            incident for incident in simulation.incidents if any(effect.match.fits(one.labels) for effect in incident.effects)
        ]
        changed = np.isnan(one.value) | ~np.isclose(one.value, quiet[one.labels], atol=10.0**-one.n_digits, rtol=1e-9)
        inside = np.zeros(len(live_secs), dtype=bool)
        for incident in mine:
            within = (live_secs >= incident.start_secs) & (live_secs < incident.end_secs)
            assert changed[within].mean() > 0.5, (incident.name, str(one.labels))
            inside |= within
        assert not changed[~inside].any(), str(one.labels)


def test_every_incident_affects_something_there_is() -> None:
    simulation = Simulation(1, SHORT)
    for incident in simulation.incidents:
        assert incident.effects or incident.logs
        for effect in incident.effects:
            assert any(effect.match.fits(one.labels) for one in simulation.series), incident.name


def test_incident_lines_come_in_their_time_and_the_new_template_never_before() -> None:
    timeline = Timeline(history_secs=900.0, live_secs=3600.0)
    simulation = Simulation(2, timeline)
    incident = next(one for one in simulation.incidents if one.name == "new_error")
    times = [
        timed.event_time_ns
        for timed in simulation.entries()
        if timed.format == "log_json" and b"index corrupt" in timed.entry.to_record().value
    ]
    assert incident.start_ns(timeline) <= min(times)
    assert max(times) < incident.end_ns(timeline)
    assert len(times) == pytest.approx(0.5 * (incident.end_secs - incident.start_secs), rel=0.25)


def test_log_lines_of_one_service_and_region_meet_in_one_partition() -> None:
    keys = {timed.entry.to_record().key for timed in Simulation(2, SHORT).entries() if timed.format != "metric_json"}
    assert len(keys) == 4 * len(REGIONS)
    assert all(b"host" not in key for key in keys)


def test_match() -> None:
    match = SeriesMatch("node_*", (("node", "n1"),))
    assert match.fits(series("node_cpu_ratio", node="n1", region="x"))
    assert not match.fits(series("dag_tx_rate", node="n1"))
    assert not match.fits(series("node_cpu_ratio"))

"""What a running worker says of itself over HTTP."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

__all__ = ["WorkerState", "parse_metrics", "probe_worker"]

_PREFIX = "streamwarden_"


@dataclass(frozen=True, slots=True)
class WorkerState:
    """Counters and gauges of one worker.

    Attributes
    ----------
    is_ready : bool
        Whether it says so.
    n_by_outcome : dict of str to int
        Records consumed, by what became of them.
    lag_records : int
        Records on assigned partitions that are not yet processed.
    n_series_by_state : dict of str to int
        Series held.
    n_open_by_severity : dict of str to int
        Incidents that are firing.
    scoring_cpu_secs : float
        CPU time from bytes to anomalies.
    """

    is_ready: bool = False
    n_by_outcome: dict[str, int] = field(default_factory=dict)
    lag_records: int = 0
    n_series_by_state: dict[str, int] = field(default_factory=dict)
    n_open_by_severity: dict[str, int] = field(default_factory=dict)
    scoring_cpu_secs: float = 0.0

    @property
    def n_records(self) -> int:
        """Records accounted for: the sum over all outcomes."""
        return sum(self.n_by_outcome.values())


def parse_metrics(text: str, *, is_ready: bool) -> WorkerState:
    """The state in a scrape.

    Examples
    --------
    >>> text = '''# TYPE streamwarden_records_total counter
    ... streamwarden_records_total{topic="m",outcome="scored"} 5.0
    ... streamwarden_records_total{topic="l",outcome="scored"} 2.0
    ... # TYPE streamwarden_lag_records gauge
    ... streamwarden_lag_records{topic="m",partition="0"} 3.0
    ... '''
    >>> state = parse_metrics(text, is_ready=True)
    >>> state.n_records, state.lag_records
    (7, 3)
    """
    sums: dict[tuple[str, str], float] = {}
    by = {
        "records_total": "outcome",
        "lag_records": "",
        "series": "state",
        "incidents_open": "severity",
        "scoring_cpu_seconds_total": "",
    }
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix(_PREFIX)
            if name in by and sample.name != name:
                key = (name, sample.labels.get(by[name], ""))
                sums[key] = sums.get(key, 0.0) + sample.value

    def counts(name: str) -> dict[str, int]:
        return {label: int(value) for (found, label), value in sorted(sums.items()) if found == name}

    return WorkerState(
        is_ready=is_ready,
        n_by_outcome=counts("records_total"),
        lag_records=sum(counts("lag_records").values()),
        n_series_by_state=counts("series"),
        n_open_by_severity=counts("incidents_open"),
        scoring_cpu_secs=sums.get(("scoring_cpu_seconds_total", ""), 0.0),
    )


def _get(url: str, timeout_secs: float) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=timeout_secs) as answer:  # noqa: S310 - the address is ours, http on loopback
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def probe_worker(host: str, port: int, *, timeout_secs: float = 2.0) -> WorkerState | None:
    """The state of the worker at an address; None when nothing answers there."""
    try:
        ready, _ = _get(f"http://{host}:{port}/readyz", timeout_secs)
        status, text = _get(f"http://{host}:{port}/metrics", timeout_secs)
    except OSError:
        return None
    return parse_metrics(text, is_ready=ready == 200) if status == 200 else None

"""What a result of a benchmark says, figure by figure, in one form: for pages that show it and for comparisons of two.

A figure is *comparable* when two runs of it may be held against each other: ratios taken within one run, on which what else the
machine did falls on both sides, and sizes.  Times are not: machines differ, and so do two hours of one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, NamedTuple

from benchmarks.pipeline.contender import WARM_SHARE
from benchmarks.pipeline.summary import find_reference

__all__ = ["Measure", "measures_of", "subject_of"]

LANE_STAGE = "fetched bytes to columns"
"""Stage that is checksum and decompression, libraries in C: what the others are measured by."""


class Measure(NamedTuple):
    """One figure.

    Attributes
    ----------
    group : str
        What it is, with its unit; figures of one group stand side by side.
    name : str
        Of whom.
    values : tuple of float
        Every repeat.
    is_less_better : bool
    is_comparable : bool
        See above.
    """

    group: str
    name: str
    values: tuple[float, ...]
    is_less_better: bool = True
    is_comparable: bool = False


def _time(group: str, name: str, values: Any, *, is_less_better: bool = True) -> Measure:
    return Measure(group, name, tuple(values), is_less_better)


def _ratio(group: str, name: str, values: Any, *, is_less_better: bool = True) -> Measure:
    return Measure(group, name, tuple(values), is_less_better, is_comparable=True)


def _over(above: Any, below: Any) -> list[float]:
    """Ratios, repeat by repeat."""
    return [a / b for a, b in zip(above, below, strict=False)]


def _column(rows: Any, key: str) -> list[float]:
    return [row[key] for row in rows]


def _pipeline(report: dict[str, Any]) -> Iterator[Measure]:
    results = report["results"]
    reference = find_reference(results)
    for name, rows in results.items():
        yield _time("CPU µs a message", name, _column(rows, "cpu_us"))
    for name, rows in results.items():
        if reference is not None and name != reference:
            ratios = _over(_column(rows, "cpu_us"), _column(results[reference], "cpu_us"))
            yield _ratio(f"cost in multiples of that of {reference}", name, ratios, is_less_better=False)
    for name, rows in results.items():
        # What others take is theirs to care for.
        if name.startswith("worker") and all(row.get("peak_mb") for row in rows):
            yield _ratio("peak MB", name, _column(rows, "peak_mb"))


def _scale(report: dict[str, Any]) -> Iterator[Measure]:
    one, two = report["results"]["1"], report["results"]["2"]
    for name, rows in (("one worker", one), ("two workers", two)):
        yield _time("k messages a second", name, [1e3 / row["wall_us"] for row in rows], is_less_better=False)
    for name, rows in (("one worker", one), ("two workers", two)):
        yield _time("CPU µs a message", name, _column(rows, "cpu_us"))
    wall = _over(_column(one, "wall_us"), _column(two, "wall_us"))
    yield _ratio("two workers over one", "throughput", wall, is_less_better=False)
    yield _ratio("two workers over one", "CPU time a message", _over(_column(two, "cpu_us"), _column(one, "cpu_us")))


def _latency(report: dict[str, Any]) -> Iterator[Measure]:
    for key, since in (("append_ms", "its append"), ("due_ms", "when it was due")):
        for one in report["results"]:
            for quantile, ms in one[key].items():
                yield _time(f"ms from {since} to the alert's append", f"{one['share']:.0%} load, {quantile}", [ms])
    yield _time("messages a second", "sustained", [report["sustained_per_sec"]], is_less_better=False)
    for one in report["results"]:
        n = one["n_alerts"] + one["n_without_alert"]
        yield _ratio("anomalies without an alert, of one", f"{one['share']:.0%} load", [one["n_without_alert"] / max(n, 1)])
    for one in report["results"]:
        reached = one["rate_reached"] / one["rate"]
        yield _ratio("rate reached, of the one wanted", f"{one['share']:.0%} load", [reached], is_less_better=False)


def _startup(report: dict[str, Any]) -> Iterator[Measure]:
    results = report["results"]
    for group, key in (
        ("s until ready", "ready_secs"),
        ("s until the first sample is scored", "scored_secs"),
        ("s of CPU time until then", "cpu_secs"),
    ):
        for how, rows in results.items():
            yield _time(group, how, _column(rows, key))
    for name, key in (("first sample scored", "scored_secs"), ("CPU time until then", "cpu_secs")):
        yield _ratio("warm start over cold", name, _over(_column(results["warm"], key), _column(results["cold"], key)))


def _memory(report: dict[str, Any]) -> Iterator[Measure]:
    by_case: dict[str, list[dict[str, Any]]] = {}
    for one in report["results"]:
        by_case.setdefault(f"{one['model']}, {one['n_series']:,} series", []).append(one)
    for group, key in (("bytes a series", "bytes_per_series"), ("peak MiB", "peak_mib")):
        for name, rows in by_case.items():
            yield _ratio(group, name, _column(rows, key))


def _recovery(report: dict[str, Any]) -> Iterator[Measure]:
    for group, key in (
        ("s until the state is restored", "restore_secs"),
        ("CPU s until then", "cpu_secs"),
        ("s of a take-over beyond the session time-out", "takeover_secs"),
        ("the same with standby copies", "takeover_standby_secs"),
    ):
        for workload, one in report["results"].items():
            yield _time(group, workload, _column(one["repeats"], key))
    for workload, one in report["results"].items():
        yield _ratio("MB", f"{workload}, written", [one["written_mb"]])
        yield _ratio("MB", f"{workload}, resident after scoring", [one["scored_mb"]])
        yield _ratio("MB", f"{workload}, resident when restored", _column(one["repeats"], "resident_mb"))
        yield _ratio("MB", f"{workload}, peak while restoring", _column(one["repeats"], "peak_mb"))


def _checkpoints(report: dict[str, Any]) -> Iterator[Measure]:
    costs = {name: _column(rows, "cpu_us") for name, rows in report["results"].items()}
    for name, cpu_us in costs.items():
        yield _time("CPU µs a message", f"{name} checkpoints", cpu_us)
    yield _ratio("CPU time a message", "with checkpoints over without", _over(costs["with"], costs["without"]))


def _stages(report: dict[str, Any]) -> Iterator[Measure]:
    for workload, stages in report["results"].items():
        for stage, ns in stages.items():
            yield _time("CPU ns a sample", f"{workload}: {stage}", ns)
    for workload, stages in report["results"].items():
        for stage, ns in stages.items():
            if stage != LANE_STAGE:
                yield _ratio(f"over {LANE_STAGE}", f"{workload}: {stage}", _over(ns, stages[LANE_STAGE]))


def _models(report: dict[str, Any]) -> Iterator[Measure]:
    beside_river = [one for one in report["results"] if one["river_ns"]]
    for one in beside_river:
        yield _ratio(
            "times river's speed, one by one", one["id"], _over(one["river_ns"], one["one_by_one_ns"]), is_less_better=False
        )
    for one in beside_river:
        for n_series, batches in one["batch_ns"].items():
            largest = max(batches, key=int)
            ratios = _over(one["river_ns"], batches[largest])
            yield _ratio(f"times river's speed, {int(n_series):,} series in batches", one["id"], ratios, is_less_better=False)
    for one in report["results"]:
        yield _ratio("bytes of state a series", one["id"], [one["slot_nbytes"]])


_MEASURES: dict[str, Callable[[dict[str, Any]], Iterator[Measure]]] = {
    "pipeline": _pipeline,
    "scale": _scale,
    "latency": _latency,
    "startup": _startup,
    "memory": _memory,
    "recovery": _recovery,
    "checkpoints": _checkpoints,
    "stages": _stages,
    "models": _models,
}


def measures_of(report: dict[str, Any]) -> list[Measure]:
    """Every figure of a result, see `benchmarks.results.read_result`.

    Examples
    --------
    >>> rows = {"with": [{"cpu_us": 1.5}], "without": [{"cpu_us": 1.0}]}
    >>> for one in measures_of({"benchmark": "checkpoints", "results": rows}):
    ...     print(one.group, "|", one.name, one.values, one.is_comparable)
    CPU µs a message | with checkpoints (1.5,) False
    CPU µs a message | without checkpoints (1.0,) False
    CPU time a message | with checkpoints over without (1.5,) True
    """
    return [one for one in _MEASURES[report["benchmark"]](report) if one.values]


def subject_of(report: dict[str, Any]) -> str:
    """Of what a result is: two are comparable when this is the same.

    Examples
    --------
    >>> subject_of({"benchmark": "startup", "workload": "native-2k", "model": "default"})
    'startup, native-2k, default'
    >>> subject_of({"benchmark": "pipeline", "workload": "native-1m", "n_messages": 3_000_000, "warm_messages": 1_500_000})
    'pipeline, native-1m, known series'
    """
    parts = [str(report[key]) for key in ("benchmark", "workload", "model") if key in report]
    # First sights of series, which cost many times as much, are not in it; in results of earlier releases they are.
    if report.get("warm_messages", 0) > WARM_SHARE * report.get("n_messages", 0):
        parts.append("known series")
    return ", ".join(parts)


def middle_and_spread(values: tuple[float, ...]) -> tuple[float, float, float]:
    """Median, least, most.

    Examples
    --------
    >>> middle_and_spread((3.0, 1.0, 2.0))
    (2.0, 1.0, 3.0)
    """
    return median(values), min(values), max(values)

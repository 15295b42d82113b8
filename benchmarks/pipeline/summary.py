"""What repeats come to: medians, and costs as multiples of the worker's of the same repeat."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

__all__ = ["find_reference", "summarise"]

_REFERENCES = ("worker", "worker-default")


def find_reference(names: Iterable[str]) -> str | None:
    """In multiples of whose cost the others' are told: ``worker``, or ``worker-default`` where that took no part.

    Examples
    --------
    >>> find_reference(["worker-default", "rival"]), find_reference(["rival"])
    ('worker-default', None)
    """
    there = set(names)
    return next((name for name in _REFERENCES if name in there), None)


def summarise(costs: dict[str, list[dict[str, Any]]], samples_per_message: int = 1) -> dict[str, Any]:
    """Medians by contender, and medians over the repeats of each one's cost as a multiple of `find_reference`'s.

    Examples
    --------
    >>> summarise({"worker": [{"cpu_us": 1.0}, {"cpu_us": 2.0}], "slow": [{"cpu_us": 30.0}, {"cpu_us": 40.0}]})
    {'cpu_us': {'worker': 1.5, 'slow': 35.0}, 'times_worker': {'worker': 1.0, 'slow': 25.0}}
    >>> summarise({"rival": [{"cpu_us": 500.0}]}, 2_000)
    {'cpu_us': {'rival': 500.0}, 'samples_per_cpu_sec': {'rival': 4000000.0}}
    """
    summary: dict[str, Any] = {"cpu_us": {name: median(one["cpu_us"] for one in some) for name, some in costs.items()}}
    if samples_per_message > 1:
        summary["samples_per_cpu_sec"] = {name: samples_per_message / cpu_us * 1e6 for name, cpu_us in summary["cpu_us"].items()}
    reference = find_reference(costs)
    if reference is not None:
        summary[f"times_{reference}"] = {
            name: median(one["cpu_us"] / own["cpu_us"] for one, own in zip(some, costs[reference], strict=True))
            for name, some in costs.items()
        }
    return summary

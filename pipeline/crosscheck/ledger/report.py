"""The ledger as a report: who was asked, what they said, how often they agreed, what it cost, who was right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.crosscheck.ledger.entry import LedgerEntry
from pipeline.crosscheck.ledger.state import LedgerState, Tally

__all__ = ["GROUPINGS", "build_report"]

GROUPINGS: Mapping[str, Callable[[LedgerEntry], tuple[str, ...]]] = {
    "provider": lambda entry: (entry.provider,),
    "detector": lambda entry: (entry.provider, entry.detector),
    "metric": lambda entry: (entry.provider, entry.detector, entry.series.name),
}
"""Key of a row by what the report is grouped by."""


def _describe(tally: Tally) -> dict[str, Any]:
    return {
        "n_verdicts": tally.n_verdicts,
        "n_confirmed": tally.outcomes["confirmed"],
        "n_refuted": tally.outcomes["refuted"],
        "n_unknown": tally.outcomes["unknown"],
        "agreement": tally.agreement,
        "latency_p50_secs": tally.latency_quantile(0.5),
        "latency_p95_secs": tally.latency_quantile(0.95),
        "cost_usd": round(tally.cost_usd, 9),
        "n_right": tally.n_right,
        "n_wrong": tally.n_wrong,
        "n_false_alarms_confirmed": tally.n_false_alarms,
        "n_false_alarms_refuted": tally.n_caught,
        "accuracy": tally.accuracy,
        "unknown_reasons": dict(sorted(tally.reasons.items(), key=lambda one: (-one[1], one[0]))),
    }


def build_report(state: LedgerState, grouping: str = "provider") -> dict[str, Any]:
    """The report as plain values.

    Parameters
    ----------
    state : LedgerState
        Rebuilt from the topic.
    grouping : {"provider", "detector", "metric"}
        What a row is for; each includes what stands before it.

    Raises
    ------
    KeyError
        No such grouping.

    Examples
    --------
    >>> build_report(LedgerState())
    {'n_verdicts': 0, 'n_anomalies_judged': 0, 'rows': [], 'pairs': []}
    """
    names = ("provider", "detector", "metric")
    rows = [
        {**dict(zip(names, key, strict=False)), **_describe(tally)} for key, tally in state.tally(GROUPINGS[grouping]).items()
    ]
    pairs = [
        {"providers": list(pair), "n_both": n_both, "agreement": n_same / n_both}
        for pair, (n_same, n_both) in state.pairs().items()
    ]
    return {"n_verdicts": state.n_verdicts, "n_anomalies_judged": state.n_judged, "rows": rows, "pairs": pairs}

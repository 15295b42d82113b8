"""Anomalies of groups: the vectors of the periods that are over, scored and reported."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.engine.accounting import Accounting
from pipeline.engine.flow_output import VECTOR, RankedAnomaly
from pipeline.engine.group_detector import GroupDetector
from pipeline.engine.report import Place, Reporter

__all__ = ["close_periods"]


def close_periods(
    groups: Iterable[GroupDetector], reporter: Reporter, place: Place, accounting: Accounting | None
) -> list[RankedAnomaly]:
    """Score the vectors of the groups whose periods are over.

    Parameters
    ----------
    groups : iterable of GroupDetector
        Learn the vectors.
    reporter : Reporter
        Makes the anomalies.
    place : Place
        Where the clock has looked at the series.
    accounting : Accounting or None
        Counts what is reported; None = learn only, and report nothing.

    Returns
    -------
    list of RankedAnomaly
    """
    anomalies: list[RankedAnomaly] = []
    for group in groups:
        for found in group.close(place.event_time_ns, place, is_told=accounting is not None):
            events = found.findings.events
            if accounting is None:
                continue
            for ordinal, i in enumerate(events.sample.tolist()):
                number = int(found.findings.samples.slot[i])
                anomaly = reporter.report_vector(
                    group.detector,
                    found.findings,
                    ordinal,
                    group.table.label_set(number),
                    dict(zip(group.features, found.vectors[i].tolist(), strict=True)),
                    dict(zip(group.features, found.contributions[i].tolist(), strict=True)),
                    group.target,
                )
                # Its own position stands behind the record; in order it comes before what ends at the same look.
                anomalies.append(RankedAnomaly(place.offset, place.position, VECTOR, anomaly))
            accounting.add_anomalous(events.n_reported, events.n_folded, events.n_wrong_side)
    return anomalies

"""Trace: every sample that was scored, with what was expected of it; what notebooks plot."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.engine.band import measure_bands
from pipeline.engine.detector import Detector, Findings
from pipeline.engine.threshold_kernel import ANOMALOUS, UNKNOWN
from pipeline.samples.index import SeriesIndex
from pipeline.samples.labels import LabelSet

__all__ = ["Trace"]


class Trace:
    """Collects the samples of lanes that are told to `Lane.observe` it.

    Attributes
    ----------
    series : list of LabelSet
        Series in order of first appearance.
    detectors : list of str
        Names of detectors in order of first appearance.
    """

    def __init__(self) -> None:
        self.series: list[LabelSet] = []
        self.detectors: list[str] = []
        self._series_by_labels: dict[LabelSet, int] = {}
        self._parts: list[dict[str, npt.NDArray[Any]]] = []

    def __call__(self, detector: Detector, findings: Findings, index: SeriesIndex) -> None:
        """Note the samples of one detector."""
        if detector.settings.name not in self.detectors:
            self.detectors.append(detector.settings.name)
        samples, scores, judgement = findings.samples, findings.scores, findings.judgement
        slots, inverse = np.unique(samples.slot, return_inverse=True)
        lower, upper = measure_bands(scores.expected, scores.scale, detector.threshold.band_tail)
        self._parts.append(
            {
                "time_ns": samples.event_time_ns.copy(),
                "series": np.array([self._number(index.label_set(int(slot))) for slot in slots], dtype=np.int64)[inverse],
                "detector": np.full(samples.n_samples, self.detectors.index(detector.settings.name)),
                "value": samples.value.copy(),
                "expected": scores.expected,
                "lower": lower,
                "upper": upper,
                "score": scores.score,
                "tail_probability": judgement.tail,
                "is_ready": judgement.verdict != UNKNOWN,
                "is_anomalous": judgement.verdict == ANOMALOUS,
            }
        )

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The samples as columns, by series, then event time; those of one series and time in order of detectors.

        Returns
        -------
        dict of arrays of length N
            ``time_ns`` (int64, ns UTC); ``series`` and ``detector`` (int64, positions in the lists of that name); ``value``;
            ``expected``, ``lower``, ``upper`` (NaN = no such notion); ``score``; ``tail_probability`` (NaN = not known yet);
            ``is_ready`` (could it have been found anomalous); ``is_anomalous`` (beyond the cut, on whichever side).
        """
        if not self._parts:
            self._parts.append(_NONE)
        whole = {name: np.concatenate([part[name] for part in self._parts]) for name in _NONE}
        self._parts = [whole]
        order = np.lexsort((whole["detector"], whole["time_ns"], whole["series"]))
        return {name: column[order] for name, column in whole.items()}

    def _number(self, labels: LabelSet) -> int:
        number = self._series_by_labels.setdefault(labels, len(self.series))
        if number == len(self.series):
            self.series.append(labels)
        return number


_NONE: dict[str, npt.NDArray[Any]] = {
    **{name: np.zeros(0, dtype=np.int64) for name in ("time_ns", "series", "detector")},
    **{name: np.zeros(0) for name in ("value", "expected", "lower", "upper", "score", "tail_probability")},
    **{name: np.zeros(0, dtype=np.bool_) for name in ("is_ready", "is_anomalous")},
}

"""Thresholds: where a score becomes an anomaly.

A *fixed* threshold cuts the bare score.  A *tail* threshold cuts the tail probability of the score, calibrated per series while the
stream flows, so that one setting means the same for every series and model.

The tail is a peaks-over-threshold estimate.  A level that about 2 % of the series' surprises exceed is followed by stochastic
approximation; the share that does exceed it is measured, so an imperfect level costs nothing; beyond it the tail is Pareto::

    p = rate * (1 + shape * (x - level) / scale) ** (-1 / shape)      shape = 0.2 + 1 / (k + 2),  scale = 0.8 * mean excess

with k excesses seen.  The first part of the shape is a standing doubt: heavier than exponential, so that series with outliers of
their own do not raise one alarm for each; the second is what the evidence allows: an exponential tail whose mean is known from k
excesses predicts a Pareto tail with shape 1 / k, so that early on only the grossly unlikely is called unlikely.  What is learned is
clipped at ten mean excesses, and a sample below the cut, and below 0.001, counts a tenth: anomalies do not blunt the threshold, a
lasting change does in the end.

For models whose score is one minus a nominal tail probability, x is minus the decimal logarithm of that probability, and the larger of
the nominal and the estimated tail counts.  A model that declares ``is_calibrated`` is taken at its word, p = 1 - score: the
default detector.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.base import BoolColumn, Estimator, FloatColumn, IntColumn, Scores
from pipeline.config.schema import FixedThreshold, TailThreshold
from pipeline.engine import threshold_kernel as kernel
from pipeline.engine.state_rows import StateRows

__all__ = ["TAIL_ROW", "Judgement", "Threshold"]

TAIL_ROW = np.dtype(
    [
        ("n", np.float64),
        ("centre", np.float64),
        ("spread", np.float64),
        ("level", np.float64),
        ("rate", np.float64),
        ("mean_excess", np.float64),
        ("n_excess", np.float64),
    ]
)
"""Of one series: scored samples; mean and mean absolute deviation of its surprises; the level and the share above it; mean excess over
the level and how many it is made of."""


class Judgement(NamedTuple):
    """What a threshold says about a batch.

    Attributes
    ----------
    tail : (B,) float64
        Tail probability in (0, 1]; NaN where nothing can be said yet.
    verdict : (B,) int8
        0 unknown, 1 normal, 2 anomalous.
    """

    tail: FloatColumn
    verdict: npt.NDArray[np.int8]


class Threshold(StateRows):
    """The threshold of one detector over many series, one row a slot.

    Parameters
    ----------
    settings : TailThreshold or FixedThreshold
        The cut.
    estimator : Estimator
        Whose scores are judged: its `score_kind`, and whether it `is_calibrated`.

    References
    ----------
    J. Pickands III, Statistical inference using extreme order statistics, Annals of Statistics 3, 1975 (excesses over a level).
    H. Robbins, S. Monro, A stochastic approximation method, Annals of Mathematical Statistics 22, 1951 (following a quantile).
    A. Siffer et al., Anomaly detection in streams with extreme value theory, KDD 2017 (the same for streams; there by refitting).

    Examples
    --------
    >>> from models.registry import build
    >>> threshold = Threshold(FixedThreshold(type="fixed", score=0.9), build("gaussian_scorer"))
    >>> threshold.reserve(1)
    >>> nan = np.full(2, np.nan)
    >>> scores = Scores(np.array([0.5, 0.95]), nan, nan)
    >>> threshold.judge(np.zeros(2, dtype=np.int64), np.zeros(2), scores, np.ones(2, dtype=np.bool_)).verdict.tolist()
    [1, 2]
    """

    def __init__(self, settings: TailThreshold | FixedThreshold, estimator: Estimator) -> None:
        if estimator.score_kind == "raw":
            self._scale_kind = kernel.RAW
        else:
            self._scale_kind = kernel.CALIBRATED if estimator.is_calibrated else kernel.NOMINAL
        if isinstance(settings, TailThreshold):
            self._cut_kind, self._cut, self._min_samples = kernel.TAIL, settings.probability, settings.min_samples
        else:
            self._cut_kind, self._cut, self._min_samples = kernel.FIXED, settings.score, TailThreshold().min_samples
        super().__init__(TAIL_ROW, "TAIL_ROW")

    @property
    def band_tail(self) -> float:
        """Two-sided tail probability that bounds the band; NaN = the cut is not a probability."""
        if self._cut_kind == kernel.TAIL:
            return self._cut
        if self._scale_kind == kernel.RAW:
            return float("nan")
        return min(max(1.0 - self._cut, kernel.SMALLEST_TAIL), 1.0)

    def judge(self, slots: IntColumn, value: FloatColumn, scores: Scores, ready: BoolColumn) -> Judgement:
        """Judge every sample by the state before it, then learn its score, in order.  Mutates the rows.

        Parameters
        ----------
        slots : (B,) int64
            All reserved.
        value : (B,) float64
            The samples.
        scores : Scores of length B
            Of the model.
        ready : (B,) bool
            Of the model; what is not ready stays unknown and is not learned.
        """
        judgement = Judgement(np.empty(slots.size), np.empty(slots.size, dtype=np.int8))
        kernel.judge_many(
            self._rows,
            self._scale_kind,
            self._cut_kind,
            self._cut,
            self._min_samples,
            slots,
            value,
            scores.score,
            scores.expected,
            ready,
            *judgement,
        )
        return judgement

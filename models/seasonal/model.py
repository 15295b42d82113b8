"""The default detector: what scores a series when ``topics.yaml`` names no model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, ScoreKind, Scores, Snapshot
from models.columnar import Batch, UnivariateEstimator
from models.damage import MOST_SAMPLES, find_not_finite, find_outside
from models.errors import ShapeError
from models.parameters import Parameter
from models.seasonal import kernel
from models.seasonal.counter_kernel import COUNTER
from models.seasonal.state import N_LAGS, N_MEANS, N_PARTS, N_SPREADS, PART_NAMES, PART_WEIGHTS, make_fresh_row, upgrade_rows
from models.state_array import StateArray

__all__ = ["PointScores", "SeasonalScorer"]

StateArrays = tuple[StateArray, StateArray, StateArray, StateArray, StateArray, StateArray]
_NO_POINTS = np.empty(0)
_NO_PARTS = np.empty((0, N_PARTS))
_FRESH = make_fresh_row()
_ONE_MINUTE_NS = 60_000_000_000


class PointScores(NamedTuple):
    """Point score and its parts for every sample of a batch, NaN for a sample that is not finite.

    Attributes
    ----------
    point_score : (B,) float64
        ``sum(w * ln(1 + part))``; comparable within a series, not across series.
    parts : (B, 9) float64
        Columns in the order of `models.seasonal.state.PART_NAMES`; each at least 0, 1 about ordinary.
    ready : (B,) bool
        As of `score_learn_many`.
    """

    point_score: FloatColumn
    parts: FloatColumn
    ready: BoolColumn


class SeasonalScorer(UnivariateEstimator):
    """Deviation from a robust daily profile and eight companions, as a calibrated tail probability.

    Good at spikes, dips and short level shifts in series with or without a daily shape, additive or multiplicative, of any
    regular or irregular interval.  After a lasting level shift the score stays high until the profile has followed, which it
    does slowly on purpose.  It does not know weeks.  A raw counter is recognised and
    scored by its rate.

    Parameters
    ----------
    grace_period : int
        Samples before which the score is 0.0 and the series is not ready.

    Attributes
    ----------
    score_kind : str
        ``probability``: the score is one minus the tail probability of the sample's point score among its own series', in
        [0, 1 - 1e-15].
    is_calibrated : bool
        True: thresholds cut at this tail probability and estimate none of their own on top of it.

    Notes
    -----
    *Profile*: 288 mean values by time of day (UTC), interpolated, on a slow local level; 48 mean absolute residuals.  Residuals
    are clipped at four scales before they are learned, so that an incident does not teach the profile.

    *Point score*: a weighted sum of ``ln(1 + part)`` over nine parts: the residual in scales, smoothed briefly and less briefly;
    the same on a logarithmic scale; the distance from the mean of all history, plain and logarithmic; the last step; the error
    of an adaptive autoregression (normalised LMS); step and autoregression error of the residual.

    *Tail*: exponential beyond the series' own 90 % quantile of the point score, which follows it in Robbins-Monro steps, with the
    mean excess beyond as its scale; below, it falls from 1 at a score of 0 by 0.5 at seven tenths of the quantile.  Both figures
    start at pooled values (`models.seasonal.state.PRIOR`), move as slowly as history is long, and never fall below what the
    quietest noise has, so that on a series that hardly ever moves not every echo of its one spike is odd.  What stands out for long
    teaches less and less, after 60 high samples on end half, after 540 a tenth.  No sample teaches more than seven mean excesses, and
    one beyond counts a tenth in a fresh series and fully after 450 samples: an incident of the first hours is not what the
    series is like.

    *Frequency*: an alarm here is a tail below 1e-3 after 30 samples without one.  Each stretches the excess by ``exp(0.25)``,
    each sample shrinks it by ``exp(-0.00025)``, and four are free: so no series, whatever its shape, keeps opening more than one in
    a thousand samples.  240 samples on end beyond 1e-5 are the new normal: the tail is then told from where they stand, until
    they fall back.  Constants were chosen by unlabelled samples of half of the public series, synthetic noise and the demo.

    *Counters*: a series that grows without a fall for 64 samples, 32 of them rises, is a counter: it starts anew and from then on
    its increase per second is scored, a fall by more than half being a reset to zero, at which the rate counts as no less than
    before: a restart is no anomaly, what comes after it may be one.  ``expected`` and ``scale`` are given in
    terms of the counter itself.  A fall by less than half, or a value below zero, proves a gauge for good.

    ``expected`` is profile plus level, ``scale`` the denominator of the residual part, close to one standard deviation of
    Gaussian noise.  A value that is NaN or infinite is not learned, scores 0.0 and is not ready; values beyond 1e100 count as
    1e100.  Time selects the place in the profile and may jump.  O(1) time.

    *Limits*: of a week it knows nothing: the first quiet weekend alarms, after it the band of those hours is wide.  After a lasting
    change of level the tail calls it normal within a few hundred samples, but ``expected`` follows with a half-life of 6,000 (a day at
    one every 15 s, three weeks at one every 5 min).  A steady trend leaves ``expected`` behind and widens the band.  Of a value
    with two states that flaps by itself an outage is hard to tell: take a drift detector of ``river.drift.binary``.  What comes
    again and again, at no fixed time of day, is what the series is like, however bad.  A value a million spreads away among the
    first 30 samples makes it deaf to what is a hundred spreads away for some 8,000; a thousand spreads do no harm.

    Deviations from a plain mean: no single sample can more than double an all-history mean absolute deviation.

    References
    ----------
    Robbins, H. and Monro, S. (1951). A stochastic approximation method. Annals of Mathematical Statistics 22 (3).
    Nagumo, J. and Noda, A. (1967). A learning method for system identification. IEEE Transactions on Automatic Control 12 (3).
    Siffer, A. et al. (2017). Anomaly detection in streams with extreme value theory. KDD, for tails by excesses.
    Gibbs, I. and Candes, E. (2021). Adaptive conformal inference under distribution shift. NeurIPS, section 2, for frequency by
    feedback.

    Examples
    --------
    >>> import numpy as np
    >>> model = SeasonalScorer()
    >>> model.reserve(1)
    >>> values = np.sin(np.arange(400) / 7.0) + np.random.default_rng(1).normal(0.0, 0.1, 400)
    >>> values[399] += 4.0
    >>> out = Scores.empty(400)
    >>> times_ns = np.arange(400) * 60_000_000_000
    >>> ready = model.score_learn_many(np.zeros(400, np.int64), times_ns, values, out)
    >>> bool(1 - out.score[399] < 1e-5), bool(1 - out.score[398] < 1e-3)
    (True, False)
    """

    name: ClassVar[str] = "default"
    score_kind: ClassVar[ScoreKind] = "probability"
    is_calibrated: ClassVar[bool] = True
    state_version: ClassVar[int] = 2
    part_names: ClassVar[tuple[str, ...]] = PART_NAMES
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("grace_period", "int", 100, "Samples before which a series is not scored.", minimum=50, maximum=1_000_000_000),
    )

    def __init__(self, grace_period: int = 100) -> None:
        super().__init__(grace_period=grace_period)
        self._grace_period: int = self._parameters["grace_period"]
        self._columns = (_NO_POINTS, _NO_PARTS)

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        rows = columns["rows"]
        counts = {name: rows[name] for name in ("n", "n_high", "n_far", "n_quiet", "n_rises", "n_run")}
        damaged = (found for name, values in counts.items() if (found := find_outside(name, values, 0, MOST_SAMPLES)))
        return next(damaged, "") or find_outside("kind", rows["kind"], 0, 2) or find_not_finite(columns)

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {
            "rows": make_fresh_row(),
            "means": np.zeros((1, N_MEANS), np.float32),
            "spreads": np.zeros((1, 2, N_SPREADS), np.float32),
            "counts": np.zeros((1, N_MEANS + N_SPREADS), np.uint8),
            "lags": np.zeros((1, N_LAGS)),
            "parts": np.zeros((1, N_PARTS)),
        }

    def _upgrade(self, snapshot: Snapshot) -> Snapshot:
        columns = snapshot.get("columns")
        if snapshot.get("version") != 1 or not isinstance(columns, Mapping):
            return snapshot
        rows = columns.get("rows")
        if isinstance(rows, np.ndarray) and {"centre", "spread", "high", "excess"} <= set(rows.dtype.names or ()):
            columns = {**columns, "rows": upgrade_rows(rows)}
        return {**snapshot, "version": 2, "columns": columns}

    def _bind(self) -> None:
        self._rows = self._state["rows"]

    def score_parts_many(self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores) -> PointScores:
        """The batch call `score_learn_many`, with the point score and its nine parts of every sample.

        Parameters
        ----------
        slots, event_time_ns, X, out
            As for `score_learn_many`: `out` is filled, the samples are learned.

        Returns
        -------
        PointScores

        Raises
        ------
        SlotError, ShapeError
            As `score_learn_many`; nothing was learned.

        Examples
        --------
        >>> import numpy as np
        >>> model = SeasonalScorer()
        >>> model.reserve(1)
        >>> zeros = np.zeros(5, np.int64)
        >>> model.score_parts_many(zeros, zeros, np.ones(5), Scores.empty(5)).parts.shape
        (5, 9)
        """
        point_score = np.full(slots.size, np.nan)
        parts = np.full((slots.size, N_PARTS), np.nan)
        return PointScores(point_score, parts, self._score_with(slots, event_time_ns, X, out, point_score, parts))

    def score_learn_parts(
        self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores, parts: FloatColumn
    ) -> BoolColumn:
        """See `Estimator.score_learn_parts`; the nine parts, each at least 0, 1 about ordinary.

        Raises
        ------
        SlotError, ShapeError
            As `score_learn_many`; nothing was learned.
        """
        if parts.shape != (slots.size, N_PARTS) or parts.dtype != np.float64 or not parts.flags.carray:
            raise ShapeError(
                f"{self.name}: parts is {parts.dtype} {parts.shape}; expected writeable contiguous float64 {(slots.size, N_PARTS)}"
            )
        return self._score_with(slots, event_time_ns, X, out, np.empty(slots.size), parts)

    def _score_with(
        self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores, points: FloatColumn, parts: FloatColumn
    ) -> BoolColumn:
        self._columns = (points, parts)
        try:
            return self.score_learn_many(slots, event_time_ns, X, out)
        finally:
            self._columns = (_NO_POINTS, _NO_PARTS)

    def share_parts(self, parts: FloatColumn) -> tuple[tuple[str, float], ...]:
        """See `Estimator.share_parts`: a part's share is what it adds to the point score.

        Examples
        --------
        >>> SeasonalScorer().share_parts(np.array([3.0, 0.0, 0.0, 0.0, 0.0, 15.0, 0.0, 0.0, 0.0]))
        (('season', 0.666...), ('difference', 0.333...))
        """
        added = np.array(PART_WEIGHTS) * np.log1p(parts)
        total = float(added.sum())
        if not total > 0.0:
            return ()
        shares = zip(PART_NAMES, (added / total).tolist(), strict=True)
        return tuple(sorted(((name, share) for name, share in shares if share > 0.0), key=lambda item: -item[1]))

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        kernel.score_learn_many(
            *self._get_arrays(),
            _FRESH,
            self._grace_period,
            batch.slots,
            batch.event_time_ns,
            batch.X,
            *out,
            ready,
            *self._columns,
        )

    def _get_arrays(self) -> StateArrays:
        state = self._state
        return state["rows"], state["means"], state["spreads"], state["counts"], state["lags"], state["parts"]

    def _step_one(self, state: StateArrays, y: float) -> float:
        """Score and learn `y` in row 0 of `state`, one minute after the sample before."""
        row = state[0][0]
        time_ns = np.array([row["last_time_ns"] + _ONE_MINUTE_NS if row["n"] else 0], dtype=np.int64)
        out = Scores.empty(1)
        slots, ready = np.zeros(1, np.int64), np.empty(1, np.bool_)
        value = np.array([y], dtype=np.float64)
        kernel.score_learn_many(*state, _FRESH, self._grace_period, slots, time_ns, value, *out, ready, _NO_POINTS, _NO_PARTS)
        return float(out.score[0])

    def _learn_value(self, y: float) -> None:
        self._step_one(self._get_arrays(), y)

    def _score_value(self, y: float) -> float:
        rows, means, spreads, counts, lags, parts = (array[:1].copy() for array in self._get_arrays())
        return self._step_one((rows, means, spreads, counts, lags, parts), y)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._rows[slot]["n"] >= self._grace_period)

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        row = self._rows[slot]
        facts: dict[str, float | int | str | bool] = {
            "n_samples": int(row["n"]),
            "is_counter": bool(row["kind"] == COUNTER),
            "interval_secs": float(row["interval_secs"]),
            "point_score": float(row["point_score"]),
            "tail_probability": float(row["tail_probability"]),
            "point_score_high": float(row["high"]),
            "point_score_excess": float(row["excess"] * np.exp(max(row["strain"], 0.0))),
            "point_score_standing": float(row["standing"]),
            "n_high_in_a_row": int(row["n_high"]),
            "n_far_in_a_row": int(row["n_far"]),
        }
        for column, part in enumerate(PART_NAMES):
            facts[f"part_{part}"] = float(self._state["parts"][slot, column])
        return facts

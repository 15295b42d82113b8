"""LODA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, ScoreKind, Snapshot
from models.damage import MOST_SAMPLES, find_not_finite, find_outside
from models.loda import kernel
from models.loda.projections import draw_projections
from models.loda.state import ROW, split_bins
from models.multivariate import FEATURES, N_FEATURES
from models.parameters import GRACE_PERIOD, Parameter
from models.shared_draws import SharedDrawEstimator
from models.state_array import StateArray

__all__ = ["LODA"]


class LODA(SharedDrawEstimator):
    """Lightweight online detector of anomalies: the mean negative log-density of a sample in many one-dimensional histograms.

    Good at many features without tuning, and tells which of them are to blame; weak where only a joint pattern is odd.

    Parameters
    ----------
    n_bins : int
        Bins of each histogram.
    n_random_cuts : int
        Random projections, each with its histogram.
    seed : int
        Seed of the projections.
    grace_period : int
        Samples before which the score is 0.0 and the series is not ready; 0 = as in river, from the second sample on.
    n_features : int
        Columns, when the features have no names.
    features : list of str, optional
        Names of the features in column order.

    Notes
    -----
    Scores equal river's `anomaly.LODA` to the last bit, the projections being drawn by `random.Random(seed)` in river's order.  A
    missing (NaN) or infinite feature counts as zero, as in river; a sample without any feature is not learned and not ready.
    Score at most ``-log(1e-12)`` = 27.6, and below zero where the data is dense.

    O(n_random_cuts * n_bins) time.  The histograms are the definition: each bin has two edges, which are floats of river's arithmetic,
    and a count, 20 bytes.  That is 20,000 of the 20,216 bytes of a series with the default parameters; the rest is the number of bins
    in use, 2 bytes a cut, and 16.  The projections are shared by all series whose first samples have the same features.

    References
    ----------
    Pevný, T. (2016). Loda: lightweight on-line detector of anomalies. Machine Learning 102(2), 275-304.

    Examples
    --------
    >>> import random
    >>> rng = random.Random(1)
    >>> model = LODA(n_random_cuts=10)
    >>> for _ in range(200):
    ...     model.learn_one({"load": rng.gauss(0.0, 1.0), "heat": rng.gauss(5.0, 1.0)})
    >>> model.score_one({"load": 9.0, "heat": 5.0}) > model.score_one({"load": 0.3, "heat": 5.0})
    True
    """

    name: ClassVar[str] = "loda"
    score_kind: ClassVar[ScoreKind] = "raw"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("n_bins", "int", 10, "Bins of each histogram.", minimum=2, maximum=1000),
        Parameter("n_random_cuts", "int", 100, "Random projections, each with its histogram.", minimum=1, maximum=10_000),
        Parameter("seed", "int", 42, "Seed of the projections."),
        GRACE_PERIOD,
        N_FEATURES,
        FEATURES,
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"n_features": 5, "n_random_cuts": 20, "n_bins": 5, "grace_period": 30},
    )
    has_gate: ClassVar[bool] = True
    state_version: ClassVar[int] = 3

    def __init__(
        self,
        n_bins: int = 10,
        n_random_cuts: int = 100,
        seed: int = 42,
        grace_period: int = 0,
        n_features: int = 1,
        features: Sequence[str] | None = None,
    ) -> None:
        super().__init__(
            n_bins=n_bins,
            n_random_cuts=n_random_cuts,
            seed=seed,
            grace_period=grace_period,
            n_features=n_features,
            features=features,
        )
        self._n_cuts: int = self._parameters["n_random_cuts"]
        self._grace_period: int = self._parameters["grace_period"]

    def _make_draw(self, order: Sequence[int], mask: BoolColumn) -> tuple[StateArray, ...]:
        return draw_projections(self._n_cuts, self._parameters["seed"], order, mask)

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        rows, n_bins = columns["rows"], columns["n_bins"]
        least = (rows["n"] > 0).astype(np.int64)[:, None]
        return (
            find_outside("n", rows["n"], 0, MOST_SAMPLES)
            or find_outside("n_bins", n_bins, least, self._parameters["n_bins"])
            or find_not_finite(columns)
        )

    def _make_fresh_row(self) -> dict[str, StateArray]:
        n_bins = self._parameters["n_bins"]
        return {
            "rows": np.zeros(1, ROW),
            "right": np.zeros((1, n_bins, self._n_cuts)),
            "left": np.zeros((1, n_bins, self._n_cuts)),
            "mass": np.zeros((1, n_bins, self._n_cuts), np.uint32),
            "n_bins": np.zeros((1, self._n_cuts), np.uint16),
        }

    def _upgrade(self, snapshot: Snapshot) -> Snapshot:
        columns = snapshot.get("columns")
        version = snapshot.get("version")
        if version not in (1, 2) or not isinstance(columns, Mapping) or list(columns) != ["rows", "bins", "n_bins"]:
            return snapshot
        if columns["bins"].ndim != 4:
            return snapshot
        return {**snapshot, "version": 3, "columns": split_bins(columns, is_by_cut=version == 1)}

    def _bind(self) -> None:
        self._rows, self._right, self._left, self._mass, self._n_bins = self._state.values()

    def _run(self, slots: IntColumn, X: FloatColumn, scores: FloatColumn, ready: BoolColumn, *, score: bool, learn: bool) -> None:
        self._run_in_turns(
            slots,
            X,
            lambda start, draws: kernel.score_learn_many(
                self._rows,
                self._right,
                self._left,
                self._mass,
                self._n_bins,
                draws[0],
                draws[1],
                self._grace_period,
                start,
                score,
                learn,
                *self._get_gate(score),
                slots,
                X,
                scores,
                ready,
            ),
        )

    def _is_ready(self, slot: int) -> bool:
        return bool(self._rows[slot]["n"] >= max(self._grace_period, 1))

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {"n_samples": int(self._rows[slot]["n"]), "n_bins_used": int(self._n_bins[slot].sum())}

    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        """How much higher the cuts with a feature score `x` than those without it: Pevný's one-tailed two-sample t statistic.

        Parameters
        ----------
        slot : int
        x : (F,) float64

        Returns
        -------
        (F,) float64
            Greater = more to blame; 0.0 where a feature is missing or too few cuts tell.

        References
        ----------
        Pevný (2016), section 3.3, equation 4.
        """
        self._check_slots(np.array([slot], dtype=np.int64))
        if not self._rows[slot]["draw"]:
            return np.zeros(self.n_features)
        draw = int(self._rows[slot]["draw"]) - 1
        return kernel.explain(
            self._right,
            self._left,
            self._mass,
            self._n_bins,
            slot,
            float(self._rows[slot]["n"]),
            self._draws[0],
            self._draws[1],
            draw,
            np.array(x, dtype=np.float64).reshape(1, -1),
        )

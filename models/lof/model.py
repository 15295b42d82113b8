"""Local outlier factor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, ScoreKind, Snapshot
from models.damage import find_not_finite, find_ring_damage
from models.lof import kernel
from models.lof.search_kernel import NEVER, make_scratch
from models.lof.state import ROW, find_order_damage
from models.multivariate import FEATURES, N_FEATURES, MultivariateEstimator
from models.parameters import GRACE_PERIOD, Parameter
from models.state_array import StateArray

__all__ = ["LocalOutlierFactor"]


class LocalOutlierFactor(MultivariateEstimator):
    """How much sparser a sample's surroundings are than those of its nearest neighbours in a sliding window.

    Good at points off every cluster when clusters differ in density; the dearest model here, and blind to order in time.

    Parameters
    ----------
    n_neighbors : int
        Neighbours that make a neighbourhood.
    window_size : int
        Samples kept (river: ``neighbors.LazySearch(window_size)``).
    grace_period : int
        Samples before which the score is 0.0 and the series is not ready; 0 = as in river, from the third sample on.
    n_features : int
        Columns, when the features have no names.
    features : list of str, optional
        Names of the features in column order.

    Notes
    -----
    Scores equal river's `anomaly.LocalOutlierFactor` with the default exact search to the last bit, ties included, when the dicts
    list their features in column order, and with Python 3.11's plain `sum` (from 3.12 on Python's `sum` of floats compensates
    rounding, which moves river's own scores by a last bit).  Around 1 = as dense as the neighbourhood; greater = sparser.

    A missing (NaN) or infinite feature counts as zero against one that is present, as in river; a sample without any feature is
    not learned and not ready.

    The samples are the definition: 8 bytes a feature, 8,000 a series with the default parameters and one feature.  What is kept
    beside them saves searches: with one feature the order of the samples, 4 bytes each, 12,016 bytes a series in all (2 bytes each
    would do and took 3 to 5 % longer over 10,000 series); with more, 8 bytes a sample for how far each one's neighbourhood reaches,
    which enters no snapshot because the window tells it.  Without them every neighbour of every neighbour takes a search of the whole
    window, as in river.

    One feature takes about `n_neighbors` ** 2 steps among the points around the sample in the order of their values (where two values
    or distances are equal, a search for each of them); more take a look at the whole window for the sample, for each neighbour, and
    for each point whose neighbourhood the last samples have changed.

    References
    ----------
    Breunig, M. M., Kriegel, H.-P., Ng, R. T. and Sander, J. (2000). LOF: identifying density-based local outliers. SIGMOD.

    Examples
    --------
    >>> model = LocalOutlierFactor(n_neighbors=3)
    >>> for x in (0.5, 0.45, 0.43, 0.5, 0.45, 0.43, 0.44, 0.445, 0.45):
    ...     model.learn_one({"x": x})
    >>> round(model.score_one({"x": 0.0}), 3)
    36.111
    """

    name: ClassVar[str] = "local_outlier_factor"
    score_kind: ClassVar[ScoreKind] = "raw"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("n_neighbors", "int", 10, "Neighbours that make a neighbourhood.", minimum=1, maximum=1000),
        Parameter("window_size", "int", 1000, "Samples kept.", minimum=1, maximum=100_000),
        GRACE_PERIOD,
        N_FEATURES,
        FEATURES,
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"window_size": 60},
        {"n_features": 3, "n_neighbors": 4, "window_size": 30, "grace_period": 10},
    )
    has_gate: ClassVar[bool] = True

    def __init__(
        self,
        n_neighbors: int = 10,
        window_size: int = 1000,
        grace_period: int = 0,
        n_features: int = 1,
        features: Sequence[str] | None = None,
    ) -> None:
        super().__init__(
            n_neighbors=n_neighbors,
            window_size=window_size,
            grace_period=grace_period,
            n_features=n_features,
            features=features,
        )
        self._size: int = self._parameters["window_size"]
        self._n_neighbors: int = self._parameters["n_neighbors"]
        self._grace_period: int = self._parameters["grace_period"]
        self._reaches: FloatColumn = np.empty((0, 0))

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        rows = columns["rows"]
        ring = find_ring_damage("window", rows["n"], rows["head"], self._size)
        if ring or self.n_features > 1:
            return ring or find_not_finite(columns)
        return find_not_finite(columns) or find_order_damage(rows["n"], columns["window"][:, 0], columns["order"])

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {
            "rows": np.zeros(1, ROW),
            "window": np.zeros((1, self.n_features, self._size)),
            "order": np.zeros((1, self._size if self.n_features == 1 else 0), np.int32),
        }

    def _bind(self) -> None:
        self._rows, self._window, self._order = self._state.values()
        # What can be found again from the window is kept beside the state: it enters no snapshot.
        reaches = np.full((self._capacity, self._size if self.n_features > 1 else 0), NEVER)
        if self._reaches.shape[1] == reaches.shape[1]:
            reaches[: len(self._reaches)] = self._reaches
        self._reaches = reaches
        self._scratch = make_scratch(self.n_features, self._size, self._n_neighbors)

    @property
    def slot_nbytes(self) -> int:
        """Bytes of state per series, with what is kept beside it."""
        return super().slot_nbytes + (8 * self._size if self.n_features > 1 else 0)

    def reset(self, slots: IntColumn) -> None:
        """See `Estimator.reset`."""
        super().reset(slots)
        self._reaches[slots] = NEVER

    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        """See `Estimator.restore`."""
        super().restore(slots, snapshot)
        if slots.size:
            self._reaches[slots] = NEVER

    def _run(self, slots: IntColumn, X: FloatColumn, scores: FloatColumn, ready: BoolColumn, *, score: bool, learn: bool) -> None:
        kernel.score_learn_many(
            self._rows,
            self._window,
            self._order,
            self._reaches,
            self._scratch,
            self._n_neighbors,
            self._grace_period,
            score,
            learn,
            *self._get_gate(score),
            slots,
            X,
            scores,
            ready,
        )

    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        """Share of each feature in the squared distances from `x` to its nearest neighbours, (F,) float64; 0.0 where missing.

        Leaving a feature out, as other models do, would count it as zero here.

        Raises
        ------
        SlotError
            The slot is not reserved.
        """
        self._check_slots(np.array([slot], dtype=np.int64))
        row = np.asarray(x, dtype=np.float64)
        held = self._window[slot][:, : int(self._rows[slot]["n"])]
        known = np.where(np.isfinite(row), row, 0.0)[:, None]
        # Squares of what is further out would overflow.
        scale = 1.0 if max(np.abs(known).max(), np.abs(held).max(initial=0.0)) < 1e150 else 1e-160
        squares = np.where(np.isfinite(row)[:, None], (known * scale - held * scale) ** 2, 0.0)
        nearest = np.argsort(squares.sum(axis=0), kind="stable")[: self._n_neighbors]
        total = squares[:, nearest].sum()
        return squares[:, nearest].sum(axis=1) / total if total > 0.0 else np.zeros(self.n_features)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._rows[slot]["n"] >= max(self._grace_period, 2))

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {"n_samples": int(self._rows[slot]["n"])}

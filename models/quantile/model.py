"""Quantile scorer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from models.base import BoolColumn, ScoreKind, Scores, Snapshot
from models.bound import BoundEstimator, Call
from models.columnar import Batch
from models.damage import MOST_SAMPLES, find_not_finite, find_outside, find_ring_damage
from models.parameters import Parameter
from models.quantile import kernel
from models.quantile.state import ESTIMATE_WIDTH, P2_WIDTH, N, make_p2_row, pack_estimates, regroup_estimates
from models.state_array import StateArray

__all__ = ["QuantileScorer"]

_WIDTH = P2_WIDTH + 2 * ESTIMATE_WIDTH


class QuantileScorer(BoundEstimator):
    """Distance of a value from the running median, in halves of the span between two running quantiles.

    Good on skewed or heavy-tailed series, which mean and deviation misjudge; with a window it follows a drift.

    Parameters
    ----------
    q : float
        Level of the upper quantile; the lower one is ``1 - q``.
    window_size : int, optional
        Samples the quantiles are of, exactly; None = all so far, by the P² estimate.
    grace_period : int
        Samples before which the score is 0.0 and the series is not ready.

    Notes
    -----
    The quantiles equal river's `stats.Quantile` and, with a window, `stats.RollingQuantile` to the last bit.  ``expected`` is the
    median, ``scale`` half the span.  Score in [0, inf).  240 bytes and O(1) time a series; with a window 16 bytes a sample of it,
    and time O(window_size) with a very small factor.

    A sample that is NaN or infinite is not learned and not ready; one beyond 1e150 is scored but not learned.

    References
    ----------
    Jain, R. and Chlamtac, I. (1985). The P² algorithm. Communications of the ACM 28(10).

    Examples
    --------
    >>> model = QuantileScorer(q=0.9, window_size=5, grace_period=1)
    >>> for y in (1.0, 2.0, 3.0, 4.0, 5.0):
    ...     model.learn_one(None, y)
    >>> model.quantiles
    (1.4, 3.0, 4.6)
    """

    name: ClassVar[str] = "quantile_scorer"
    score_kind: ClassVar[ScoreKind] = "raw"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "q", "float", 0.9, "Level of the upper quantile; the lower one is 1 - q.", minimum=0.5, maximum=1, is_open=True
        ),
        Parameter(
            "window_size",
            "int",
            None,
            "Samples the quantiles are of; null = all so far, estimated.",
            minimum=2,
            maximum=100_000,
            is_optional=True,
        ),
        Parameter("grace_period", "int", 20, "Samples before which a series is not scored.", minimum=0, maximum=1_000_000_000),
    )
    state_version: ClassVar[int] = 3
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({}, {"window_size": 30, "q": 0.75})

    def __init__(self, q: float = 0.9, window_size: int | None = None, grace_period: int = 20) -> None:
        super().__init__(q=q, window_size=window_size, grace_period=grace_period)
        self._q: float = self._parameters["q"]
        self._levels = (1.0 - self._q, 0.5, self._q)
        self._size: int = self._parameters["window_size"] or 0
        self._grace_period: int = self._parameters["grace_period"]
        self.reserve(1)

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        if not self._size:
            return find_outside("n", columns["estimates"][:, N], 0, MOST_SAMPLES) or find_not_finite(columns)
        counts = columns["counts"]
        return find_ring_damage("window", counts[:, 0], counts[:, 1], self._size) or find_not_finite(columns)

    def _make_fresh_row(self) -> dict[str, StateArray]:
        if self._size:
            return {
                "counts": np.zeros((1, 2), np.int64),
                "recent": np.zeros((1, self._size)),
                "ordered": np.zeros((1, self._size)),
            }
        return {"estimates": make_p2_row(self._levels)}

    def _upgrade(self, snapshot: Snapshot) -> Snapshot:
        columns, version = snapshot.get("columns"), snapshot.get("version")
        if version not in (1, 2) or not isinstance(columns, Mapping):
            return snapshot
        # Version 1 kept each estimate by itself, with all five markers.  A window is kept as ever.
        names = ("lower", "middle", "upper")
        if version == 1 and list(columns) == ["counts", *names] and all(columns[name].shape[1:] == (16,) for name in names):
            columns = {"estimates": pack_estimates([columns[name] for name in names])}
        if version == 2 and list(columns) == ["estimates"] and columns["estimates"].shape[1:] == (_WIDTH,):
            columns = {"estimates": regroup_estimates(columns["estimates"])}
        return {**snapshot, "version": 3, "columns": columns}

    def _bind(self) -> None:
        empty = np.zeros((0, 0))
        self._estimates = self._state.get("estimates", np.zeros((0, _WIDTH)))
        self._windows = tuple(self._state.get(key, empty) for key in ("recent", "ordered"))
        self._counts = self._state.get("counts", np.zeros((0, 2), np.int64))
        super()._bind()

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        recent, ordered = self._windows
        kernel.score_learn_many(
            self._estimates,
            recent,
            ordered,
            self._counts,
            self._q,
            self._grace_period,
            batch.slots,
            batch.X,
            *out,
            ready,
        )

    def _get_calls(self) -> tuple[Call, Call]:
        limits = (self._q, self._grace_period)
        if self._size:
            learn = kernel.learn_windowed, (*self._windows, self._counts)
            return learn, (kernel.score_windowed, (self._windows[1], self._counts, *limits))
        return (kernel.learn_estimate, (self._estimates, self._q)), (kernel.score_estimate, (self._estimates, *limits))

    @property
    def quantiles(self) -> tuple[float, float, float]:
        """Lower quantile, median and upper quantile of slot 0; zeros before the first sample."""
        return self._get_quantiles(0)

    def _get_quantiles(self, slot: int) -> tuple[float, float, float]:
        if self._size:
            low, middle, high = (kernel.get_sorted_quantile(self._windows[1], self._counts, slot, q) for q in self._levels)
        else:
            low, middle, high = (
                kernel.get_quantile(self._estimates, slot, 0, number, q) for number, q in enumerate(self._levels)
            )
        return low, middle, high

    def _get_n(self, slot: int) -> int:
        return int(self._counts[slot, 0] if self._size else self._estimates[slot, N])

    def _is_ready(self, slot: int) -> bool:
        return self._get_n(slot) >= max(self._grace_period, 1)

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        low, middle, high = self._get_quantiles(slot)
        return {"n_samples": self._get_n(slot), "lower": low, "median": middle, "upper": high}

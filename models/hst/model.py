"""Half-Space Trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, ScoreKind, Scores, Snapshot
from models.columnar import Batch
from models.errors import ParameterError, SnapshotError
from models.hst import kernel
from models.hst.state import REFERENCE, ROW, mass_dtype
from models.hst.trees import Forest, grow_forest
from models.multivariate import FEATURES, N_FEATURES, MultivariateEstimator
from models.parameters import Parameter
from models.state_array import StateArray

__all__ = ["HalfSpaceTrees"]


class HalfSpaceTrees(MultivariateEstimator):
    """Ensemble of random trees that count how many samples of the last window fell into each half-space.

    Good at points that stand apart in several features at once; weak when anomalies come in clumps that fill a window.

    Parameters
    ----------
    n_trees : int
        Trees in the ensemble.
    height : int
        Height of each tree; it has ``2**(height + 1) - 1`` nodes.
    window_size : int
        Samples counted before the counts become the reference of the scores.
    limits : pair, list of pairs, or mapping of pairs by feature name, optional
        Range of the features; None = [0, 1] each.
    seed : int
        Seed of the trees.
    scale : {"none", "minmax"}
        ``minmax`` maps each feature by its running minimum and maximum into [0, 1], as river's pipeline
        ``preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees()`` does.
    n_features : int
        Columns, when the features have no names.
    features : list of str, optional
        Names of the features in column order.

    Notes
    -----
    Scores equal river's `anomaly.HalfSpaceTrees` to the last bit: the trees are drawn by `random.Random(seed)` in river's order,
    from the features present in a series' first sample.  Series whose first samples have the same features share one forest, so a
    series keeps its counts only: ``2 * n_trees * (2**height - 1)`` counts of one byte (two when `window_size` is above 255), see
    `models.hst.state`; 5,116 bytes with the default parameters.  O(n_trees * height) time.

    Score in [0, 1], 0.0 and not ready during the first window.  NaN is a missing feature, routed to the child visited more often;
    an infinite value counts as missing; a sample without any feature is not learned and not ready.

    Raises
    ------
    ParameterError
        A parameter is out of range, or `limits` fits the features neither by number nor by name.

    References
    ----------
    Tan, S. C., Ting, K. M. and Liu, T. F. (2011). Fast anomaly detection for streaming data. IJCAI, algorithms 1-3.

    Examples
    --------
    >>> model = HalfSpaceTrees(n_trees=5, height=3, window_size=3, seed=42)
    >>> for x in (0.5, 0.45, 0.43):
    ...     model.learn_one({"x": x})
    >>> round(model.score_one({"x": 0.0}), 3)
    0.853
    """

    name: ClassVar[str] = "half_space_trees"
    score_kind: ClassVar[ScoreKind] = "raw"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("n_trees", "int", 10, "Trees in the ensemble.", minimum=1, maximum=1000),
        Parameter("height", "int", 8, "Height of each tree.", minimum=1, maximum=15),
        Parameter("window_size", "int", 250, "Samples counted before the counts are used to score.", minimum=1, maximum=65535),
        Parameter("limits", "limits", None, "Range of the features; null = [0, 1] each.", is_optional=True),
        Parameter("seed", "int", 42, "Seed of the trees."),
        Parameter(
            "scale",
            "str",
            "none",
            "minmax maps each feature by its running minimum and maximum into [0, 1]; none leaves it.",
            choices=("none", "minmax"),
        ),
        N_FEATURES,
        FEATURES,
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"n_features": 4, "window_size": 60, "scale": "minmax"},
        {"window_size": 300, "n_trees": 3, "height": 4, "limits": [-1.0, 2.0]},
    )

    def __init__(
        self,
        n_trees: int = 10,
        height: int = 8,
        window_size: int = 250,
        limits: Sequence[Any] | Mapping[str, Sequence[float]] | None = None,
        seed: int = 42,
        scale: Literal["none", "minmax"] = "none",
        n_features: int = 1,
        features: Sequence[str] | None = None,
    ) -> None:
        super().__init__(
            n_trees=n_trees,
            height=height,
            window_size=window_size,
            limits=limits,
            seed=seed,
            scale=scale,
            n_features=n_features,
            features=features,
        )
        self._n_trees: int = self._parameters["n_trees"]
        self._height: int = self._parameters["height"]
        self._window_size: int = self._parameters["window_size"]
        self._seed: int = self._parameters["seed"]
        self._is_scaled = self._parameters["scale"] == "minmax"
        self._max_profile = float(self._n_trees * self._window_size * (2 ** (self._height + 1) - 1))
        self._forget_forests()
        self._limits()

    # Forests --------------------------------------------------------------------------------------------------------

    def _forget_forests(self) -> None:
        self._forest_by_mask: dict[bytes, int] = {}
        n_inner = 2**self._height - 1
        self._forests = Forest(np.zeros((0, self._n_trees, n_inner), np.int32), np.zeros((0, self._n_trees, n_inner)))

    def _limits(self) -> list[tuple[float, float]]:
        """Range of each column."""
        limits = self._parameters["limits"]
        if isinstance(limits, dict):
            names = self._index.names or []
            unknown = set(limits) - set(names)
            if names and unknown:
                raise ParameterError(self.name, "limits", expected=f"features among {', '.join(names)}", found=sorted(unknown))
            return [tuple(limits.get(name, (0.0, 1.0))) for name in names] or [(0.0, 1.0)] * self.n_features
        if limits is None or not isinstance(limits[0], list):
            return [tuple(limits or (0.0, 1.0))] * self.n_features
        if len(limits) != self.n_features and (self._index.names or self.n_features > 1):
            raise ParameterError(self.name, "limits", expected=f"one pair, or {self.n_features} pairs", found=limits)
        return [tuple(pair) for pair in limits]

    def _forest_of(self, mask: BoolColumn) -> int:
        """Number (from one) of the forest over the features of `mask`, drawn when it is new."""
        key = mask.tobytes()
        if key not in self._forest_by_mask:
            names = self._index.names
            order = sorted(range(self.n_features), key=names.__getitem__) if names else list(range(self.n_features))
            grown = grow_forest(self._n_trees, self._height, self._seed, order, self._limits(), mask)
            self._forests = Forest(*(np.concatenate([old, new[None]]) for old, new in zip(self._forests, grown, strict=True)))
            self._forest_by_mask[key] = len(self._forest_by_mask) + 1
        return self._forest_by_mask[key]

    # State ----------------------------------------------------------------------------------------------------------

    def _make_fresh_row(self) -> dict[str, StateArray]:
        n_scaled = self.n_features if self._is_scaled else 0
        return {
            "rows": np.zeros(1, ROW),
            "masses": np.zeros((1, self._n_trees, 2**self._height - 1, 2), mass_dtype(self._window_size)),
            "lows": np.full((1, n_scaled), np.inf),
            "highs": np.full((1, n_scaled), -np.inf),
        }

    def _bind(self) -> None:
        self._rows, self._masses, self._lows, self._highs = self._state.values()

    def snapshot(self, slots: IntColumn) -> Snapshot:
        """See `ColumnarEstimator.snapshot`; ``"masks"`` (K, F) bool holds the features each forest was drawn over."""
        snapshot = super().snapshot(slots)
        masks = [np.frombuffer(key, dtype=np.bool_) for key in self._forest_by_mask]
        snapshot["masks"] = np.array(masks, dtype=np.bool_).reshape(len(masks), self.n_features)
        return snapshot

    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        """See `Estimator.restore`; the forests are drawn again from the seed."""
        masks = snapshot.get("masks")
        names = snapshot.get("features")
        n_features = len(names) if names else self.n_features
        if not isinstance(masks, np.ndarray) or masks.ndim != 2 or masks.dtype != np.bool_ or masks.shape[1] != n_features:
            raise SnapshotError(f"{self.name}: the snapshot's masks are damaged; expected a (K, {n_features}) bool array")
        rows = snapshot.get("columns", {}).get("rows")
        if isinstance(rows, np.ndarray) and rows.dtype == ROW and rows.size and not 0 <= rows["forest"].max() <= len(masks):
            raise SnapshotError(f"{self.name}: the snapshot names forest {rows['forest'].max()}, it has {len(masks)}")
        super().restore(slots, snapshot)
        if slots.size:
            numbers = np.array([0, *(self._forest_of(mask) for mask in masks)], dtype=np.int32)
            self._rows["forest"][slots] = numbers[self._rows["forest"][slots]]

    def _adopt(self, names: list[str]) -> None:
        super()._adopt(names)
        if not self._n_slots:
            self._forget_forests()
        self._limits()

    # Scoring --------------------------------------------------------------------------------------------------------

    def _run(self, slots: IntColumn, X: FloatColumn, scores: FloatColumn, ready: BoolColumn, *, score: bool, learn: bool) -> None:
        start = 0
        while start < slots.size:
            start = kernel.score_learn_many(
                self._rows,
                self._masses,
                self._lows,
                self._highs,
                *self._forests,
                self._window_size,
                0.1 * self._window_size,
                self._max_profile,
                start,
                score,
                learn,
                slots,
                X,
                scores,
                ready,
            )
            if start < slots.size:
                # The first sample of a series: its forest is drawn from the features it has.
                self._rows[slots[start]]["forest"] = self._forest_of(np.isfinite(X[start]))

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        out.expected.fill(np.nan)
        out.scale.fill(np.nan)
        self._run(batch.slots, batch.X, out.score, ready, score=True, learn=True)

    def _learn_vector(self, x: FloatColumn) -> None:
        self._run(_SLOT_0, x.reshape(1, -1), np.empty(1), np.empty(1, np.bool_), score=False, learn=True)

    def _score_vector(self, x: FloatColumn) -> float:
        scores = np.empty(1)
        self._run(_SLOT_0, x.reshape(1, -1), scores, np.empty(1, np.bool_), score=True, learn=False)
        return float(scores[0])

    def _is_ready(self, slot: int) -> bool:
        return bool(self._rows[slot]["n_pivots"] > 0)

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        row = self._rows[slot]
        return {
            "n_windows": int(row["n_pivots"]),
            "n_in_window": int(row["counter"]),
            "n_used_nodes": int(np.count_nonzero(self._masses[slot, :, :, REFERENCE])),
        }


_SLOT_0 = np.zeros(1, dtype=np.int64)

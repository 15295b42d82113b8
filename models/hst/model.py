"""Half-Space Trees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, ScoreKind, Snapshot
from models.damage import MOST_SAMPLES, find_not_finite, find_outside
from models.errors import ParameterError
from models.hst import kernel
from models.hst.state import ROW, mass_dtypes, plan_masses, spread_masses
from models.hst.trees import grow_forest
from models.multivariate import FEATURES, N_FEATURES
from models.parameters import Parameter
from models.shared_draws import SharedDrawEstimator
from models.state_array import StateArray

__all__ = ["HalfSpaceTrees"]


class HalfSpaceTrees(SharedDrawEstimator):
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
    series keeps its counts only, of one byte (two when `window_size` is above 255).  The definition asks for one an inner node and
    window, the mass of its left child, all others being sums and differences of those: ``2 * n_trees * (2**height - 1)`` and 16
    bytes, 5,116 with the default parameters, and less only with counts packed below a byte.  A series takes 5,456, for speed: every
    block of four layers has as well, in 2 bytes, what the layers above it add to a score, and a place for the mass of its root, so
    that a sample touches 15 lines of memory instead of 45 (`models.hst.state`).  O(n_trees * height) time.

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
    has_gate: ClassVar[bool] = True
    state_version: ClassVar[int] = 2

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
        self._plan = plan_masses(self._n_trees, self._height)
        self._dtypes = mass_dtypes(self._window_size, self._height)
        self._size_limit = math.ceil(0.1 * self._window_size)
        self._max_profile = float(self._n_trees * self._window_size * (2 ** (self._height + 1) - 1))
        self._limits()

    def _limits(self) -> list[tuple[float, float]]:
        """Range of each column."""
        limits = self._parameters["limits"]
        if isinstance(limits, dict):
            names = self._index.names or []
            # As in river, limits of features that the first dict does not have say nothing; those of configured ones must fit.
            configured = self._parameters["features"]
            unknown = set(limits) - set(configured or limits)
            if unknown:
                raise ParameterError(self.name, "limits", expected=f"features among {', '.join(names)}", found=sorted(unknown))
            return [tuple(limits.get(name, (0.0, 1.0))) for name in names] or [(0.0, 1.0)] * self.n_features
        if limits is None or not isinstance(limits[0], list):
            return [tuple(limits or (0.0, 1.0))] * self.n_features
        if len(limits) != self.n_features and (self._index.names or self.n_features > 1):
            raise ParameterError(self.name, "limits", expected=f"one pair, or {self.n_features} pairs", found=limits)
        return [tuple(pair) for pair in limits]

    def _make_draw(self, order: Sequence[int], mask: BoolColumn) -> tuple[StateArray, ...]:
        return grow_forest(self._n_trees, self._height, self._seed, order, self._limits(), mask)

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        rows, last = columns["rows"], self._parameters["window_size"] - 1
        return (
            find_outside("counter", rows["counter"], 0, last)
            or find_outside("n_pivots", rows["n_pivots"], 0, MOST_SAMPLES)
            or find_not_finite(columns, {"lows", "highs"})
        )

    def _make_fresh_row(self) -> dict[str, StateArray]:
        n_scaled = self.n_features if self._is_scaled else 0
        return {
            "rows": np.zeros(1, ROW),
            "masses": np.zeros((1, self._plan.n_entries), self._dtypes[0]),
            "uppers": np.zeros((1, self._n_trees * self._plan.n_blocks), self._dtypes[1]),
            "lows": np.full((1, n_scaled), np.inf),
            "highs": np.full((1, n_scaled), -np.inf),
        }

    def _upgrade(self, snapshot: Snapshot) -> Snapshot:
        columns = snapshot.get("columns")
        if (
            snapshot.get("version") != 1
            or not isinstance(columns, Mapping)
            or list(columns) != ["rows", "masses", "lows", "highs"]
        ):
            return snapshot
        rows, masses = columns["rows"], columns["masses"]
        shape = (snapshot.get("n_rows"), self._n_trees, 2**self._height - 1, 2)
        if rows.dtype != ROW or rows.shape != shape[:1] or masses.shape != shape or masses.dtype.kind != "u":
            return snapshot
        masses, uppers = spread_masses(self._plan, masses, rows["counter"], self._window_size, self._size_limit, self._dtypes)
        spread = {"rows": rows, "masses": masses, "uppers": uppers, "lows": columns["lows"], "highs": columns["highs"]}
        return {**snapshot, "version": 2, "columns": spread}

    def _bind(self) -> None:
        self._rows, self._masses, self._uppers, self._lows, self._highs = self._state.values()

    def _adopt(self, names: list[str]) -> None:
        super()._adopt(names)
        self._limits()

    def _run(self, slots: IntColumn, X: FloatColumn, scores: FloatColumn, ready: BoolColumn, *, score: bool, learn: bool) -> None:
        self._run_in_turns(
            slots,
            X,
            lambda start, forests: kernel.score_learn_many(
                self._rows,
                self._masses,
                self._uppers,
                self._lows,
                self._highs,
                forests[0],
                forests[1],
                self._height,
                self._window_size,
                self._size_limit,
                self._max_profile,
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
        return bool(self._rows[slot]["n_pivots"] > 0)

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        row = self._rows[slot]
        return {
            "n_windows": int(row["n_pivots"]),
            "n_in_window": int(row["counter"]),
            "n_used_blocks": int(np.count_nonzero(self._masses[slot, self._plan.root])),
        }

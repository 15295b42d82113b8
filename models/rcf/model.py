"""Robust random cut forest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, ScoreKind
from models.damage import MOST_SAMPLES, find_not_finite, find_outside, find_ring_damage
from models.multivariate import FEATURES, N_FEATURES, MultivariateEstimator
from models.parameters import Parameter
from models.rcf import kernel
from models.rcf.damage_kernel import find_damaged_row
from models.rcf.state import ROW
from models.state_array import StateArray

__all__ = ["RandomCutForest"]


class RandomCutForest(MultivariateEstimator):
    """How many points a sample would displace in random cut trees over the latest ones, mean over the trees.

    Good at what is odd in shape as well as in size, without a scale to be set; another family than the default detector, and so a
    fair second opinion.  Dear: microseconds a tree, and kilobytes.

    Parameters
    ----------
    n_trees : int
        Trees.
    tree_size : int
        Latest points that every tree is over.
    shingle_size : int
        Consecutive samples that make one point.
    grace_period : int
        Samples before which the score is 0.0 and the series is not ready.
    seed : int
        Seed of the cuts, the same for every series.
    n_features : int
        Columns, when the features have no names.
    features : list of str, optional
        Names of the features in column order.

    Notes
    -----
    The sliding window of the `rrcf` package: the oldest point is forgotten, the new one inserted into each tree, and its collusive
    displacement taken, so that the score is 0.0 for the first point and at most `tree_size` - 1.  Equal points share a leaf.
    Every series has random numbers of its own, kept in its state.  `contributions` gives each feature the displacement behind the
    cuts in it.

    A missing (NaN) or infinite feature keeps its last value; a sample without any is not learned and not ready.  Values beyond 1e100
    count as 1e100.

    O(n_trees * depth * features * shingle_size) time, depth about 2 ln(tree_size).  A series keeps per tree and point two bounds a
    column, 8 bytes each, and 26 bytes more: the cut 8, its column 2, children 4, parents 4, masses 4, and 4 to find leaves and free
    rows.  40 trees of 256 points over single values take 432 kB.  Cuts, columns and children, 14 bytes, define a tree; the rest could
    be found from them and the window, but every insertion and removal asks for it all along its way, and a walk over the tree for
    each would cost more than the forest does now.

    References
    ----------
    Guha, S., Mishra, N., Roy, G. and Schrijvers, O. (2016). Robust random cut forest based anomaly detection on streams. ICML.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> model = RandomCutForest(n_trees=10, tree_size=64)
    >>> for y in rng.normal(0.0, 1.0, 200).tolist():
    ...     model.learn_one(y)
    >>> model.score_one(9.0) > 5.0 * model.score_one(0.1)
    True
    """

    name: ClassVar[str] = "random_cut_forest"
    score_kind: ClassVar[ScoreKind] = "raw"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("n_trees", "int", 40, "Trees.", minimum=1, maximum=1000),
        Parameter("tree_size", "int", 256, "Latest points that every tree is over.", minimum=4, maximum=8192),
        Parameter("shingle_size", "int", 1, "Consecutive samples that make one point.", minimum=1, maximum=256),
        Parameter("grace_period", "int", 64, "Samples before which a series is not scored.", minimum=1, maximum=1_000_000_000),
        Parameter("seed", "int", 42, "Seed of the cuts, the same for every series.", minimum=0),
        N_FEATURES,
        FEATURES,
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"n_trees": 5, "tree_size": 20, "grace_period": 10},
        {"n_trees": 3, "tree_size": 16, "shingle_size": 3, "n_features": 2, "grace_period": 10},
    )

    def __init__(
        self,
        n_trees: int = 40,
        tree_size: int = 256,
        shingle_size: int = 1,
        grace_period: int = 64,
        seed: int = 42,
        n_features: int = 1,
        features: Sequence[str] | None = None,
    ) -> None:
        super().__init__(
            n_trees=n_trees,
            tree_size=tree_size,
            shingle_size=shingle_size,
            grace_period=grace_period,
            seed=seed,
            n_features=n_features,
            features=features,
        )
        self._grace_period: int = self._parameters["grace_period"]

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        rows, size = columns["rows"], self._parameters["tree_size"]
        damage = find_outside("n", rows["n"], 0, MOST_SAMPLES) or find_ring_damage("window", rows["size"], rows["head"], size)
        damage = damage or find_not_finite(columns)
        if damage:
            return damage
        row = find_damaged_row(kernel.Forest(**{name: np.ascontiguousarray(column) for name, column in columns.items()}))
        return f"a tree of row {row} is none" if row >= 0 else ""

    def _make_fresh_row(self) -> dict[str, StateArray]:
        chosen = self._parameters
        trees, size, lags = chosen["n_trees"], chosen["tree_size"], chosen["shingle_size"]
        width = lags * self.n_features
        rows = np.zeros(1, ROW)
        rows["random"] = chosen["seed"] % 2**64
        return {
            "rows": rows,
            "recent": np.zeros((1, lags, self.n_features)),
            "window": np.zeros((1, size, width)),
            "root": np.full((1, trees), kernel.NONE, np.int16),
            "child": np.zeros((1, trees, size, 2), np.int16),
            "parent": np.full((1, trees, 2 * size), kernel.NONE, np.int16),
            "mass": np.zeros((1, trees, 2 * size), np.int16),
            "column": np.zeros((1, trees, size), np.int16),
            "cut": np.zeros((1, trees, size)),
            "box": np.zeros((1, trees, size, 2, width)),
            "leaf_of": np.full((1, trees, size), kernel.NONE, np.int16),
            "free": np.tile(np.arange(size, dtype=np.int16), (1, trees, 1)),
            "n_free": np.full((1, trees), size, np.int16),
        }

    def _bind(self) -> None:
        self._forest = kernel.Forest(**self._state)

    def _run(self, slots: IntColumn, X: FloatColumn, scores: FloatColumn, ready: BoolColumn, *, score: bool, learn: bool) -> None:
        if learn:
            blame = np.empty(self.n_features)
            kernel.score_learn_many(self._forest, self._grace_period, score, slots, X, scores, ready, blame)
        else:
            self._try(int(slots[0]), X, scores, ready)

    def _try(self, slot: int, X: FloatColumn, scores: FloatColumn, ready: BoolColumn) -> FloatColumn:
        """Score one sample in a copy of `slot`; its displacement by feature."""
        copied = kernel.Forest(*(array[slot : slot + 1].copy() for array in self._forest))
        blame = np.empty(self.n_features)
        kernel.score_learn_many(copied, self._grace_period, True, np.zeros(1, np.int64), X, scores, ready, blame)
        return blame

    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        """Displacement of `x` in `slot` by feature, mean over the trees, (F,) float64: they add up to the score.

        Raises
        ------
        SlotError
            The slot is not reserved.
        """
        self._check_slots(np.array([slot], dtype=np.int64))
        row = np.array(x, dtype=np.float64).reshape(1, -1)
        blame = self._try(slot, row, np.empty(1), np.empty(1, np.bool_)) / self._parameters["n_trees"]
        return np.asarray(np.where(np.isfinite(row[0]), blame, 0.0))

    def displacements(self, slot: int) -> tuple[FloatColumn, FloatColumn]:
        """How much each point of the window displaces in the forest over all of them, and the same by feature.

        Unlike the scores of a stream, no point is judged with less of the others in view than any other: of points that are
        exchangeable so are these figures.

        Returns
        -------
        (n,) float64, (n, F) float64
            Oldest point first.

        Raises
        ------
        SlotError
            The slot is not reserved.

        Examples
        --------
        >>> model = RandomCutForest(n_trees=10, tree_size=8)
        >>> for y in (1.0, 2.0, 3.0, 50.0, 2.5):
        ...     model.learn_one(y)
        >>> displacement, _ = model.displacements(0)
        >>> int(displacement.argmax())
        3
        """
        self._check_slots(np.array([slot], dtype=np.int64))
        n = int(self._forest.rows[slot]["size"])
        displacement, blame = np.empty(n), np.empty((n, self.n_features))
        kernel.displace_all(self._forest, slot, displacement, blame)
        oldest = int(self._forest.rows[slot]["head"]) % max(n, 1)
        return np.roll(displacement, -oldest), np.roll(blame, -oldest, axis=0)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._forest.rows[slot]["n"] >= max(self._grace_period, self._parameters["shingle_size"]))

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        row = self._forest.rows[slot]
        return {"n_samples": int(row["n"]), "n_points": int(row["size"])}

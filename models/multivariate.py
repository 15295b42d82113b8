"""The part of the estimator contract that the compiled models of feature vectors share: river's dicts on slot 0."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn, Scores, Snapshot
from models.columnar import Batch, ColumnarEstimator
from models.errors import ParameterError, ShapeError
from models.features import FeatureIndex
from models.gate import OPEN_GATE, Gate
from models.number import to_feature
from models.parameters import Parameter
from models.slot_kernel import order_by_slot

__all__ = ["FEATURES", "N_FEATURES", "MultivariateEstimator"]

_SLOT_0 = np.zeros(1, dtype=np.int64)
_CACHE_NBYTES = 1 << 20

N_FEATURES = Parameter(
    "n_features", "int", 1, "Columns of the feature vector, when its features have no names.", minimum=1, maximum=4096
)
FEATURES = Parameter(
    "features",
    "names",
    None,
    "Names of the features in column order; null = unnamed, or those of the first dict learned.",
    is_optional=True,
)


class MultivariateEstimator(ColumnarEstimator):
    """Base of the models of feature vectors.  NaN in a column, None or a key left out in a dict, is a missing feature.

    Parameters
    ----------
    features : list of str, optional
        Names in column order.
    n_features : int
        Number of columns when there are no names.
    **parameters
        The model's other parameters.

    Raises
    ------
    ParameterError
        `n_features` contradicts the number of names.
    """

    def __init__(self, *, n_features: int, features: Sequence[str] | None, **parameters: Any) -> None:
        super().__init__(**parameters, n_features=n_features, features=features)
        names = self._parameters["features"]
        if names is not None and n_features not in (N_FEATURES.default, len(names)):
            raise ParameterError(
                self.name, "n_features", expected=f"{len(names)}, the number of names in features", found=n_features
            )
        self._index = FeatureIndex(names, len(names) if names else self._parameters["n_features"])
        self.n_features = self._index.n_features
        self._row = np.empty((1, self.n_features))
        self._one_score = np.empty(1)
        self._one_ready = np.empty(1, np.bool_)

    @classmethod
    def with_features(cls, parameters: Mapping[str, Any], features: Sequence[str]) -> dict[str, Any]:
        """See `Estimator.with_features`."""
        return {**parameters, "features": list(features)}

    @property
    def _supervised(self) -> bool:
        """False: features alone."""
        return False

    def adopt_names(self, x: object) -> None:
        """Let the first dict of features fix their names, as learning it would."""
        if isinstance(x, Mapping) and self._index.names is None and x:
            self._adopt(list(x))

    @property
    def has_expected_value(self) -> bool:
        """False: a vector as a whole is on no side of anything."""
        return False

    @abstractmethod
    def _run(self, slots: IntColumn, X: FloatColumn, scores: FloatColumn, ready: BoolColumn, *, score: bool, learn: bool) -> None:
        """Run the kernel over samples: score them, learn them, or both in turn."""

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        out.expected.fill(np.nan)
        out.scale.fill(np.nan)
        slots, X = batch.slots, batch.X
        if not (self._n_slots > 1 and slots.size >= 2 * self._n_slots and self._is_worth_grouping(slots)):
            self._run(slots, X, out.score, ready, score=True, learn=True)
            return
        # Series know nothing of each other, so only the order within each counts; so the state of each is fetched once a batch.
        order = order_by_slot(slots, self._n_slots)
        scores, is_ready = np.empty(slots.size), np.empty(slots.size, np.bool_)
        self._run(slots[order], X[order], scores, is_ready, score=True, learn=True)
        out.score[order] = scores
        ready[order] = is_ready

    def _is_worth_grouping(self, slots: IntColumn) -> bool:  # noqa: ARG002 - for those whose first samples must keep their order
        """True when the state is larger than a core's cache, so that fetching it takes longer than putting samples in order."""
        return sum(column.nbytes for column in self._state.values()) > _CACHE_NBYTES

    @property
    def feature_names(self) -> list[str] | None:
        """Names in column order, once known."""
        return list(self._index.names) if self._index.names else None

    def learn_one(self, x: Mapping[str, float] | float) -> None:
        """Learn one dict of features (or the value of the only feature) in slot 0.

        Without configured names the first dict fixes them, in its order; later features are left out, as in river's trees.

        Raises
        ------
        ShapeError
            The dict has other features than the columns that the model already holds state for.
        """
        self.adopt_names(x)
        if not self._n_slots:
            self.reserve(1)
        self._fill(x)
        self._learn_row()

    def score_one(self, x: Mapping[str, float] | float) -> float:
        """Score one dict of features (or the value of the only feature) by slot 0.  The state is not changed."""
        if not self._n_slots:
            return 0.0
        self._fill(x)
        return self._score_row()

    def _get_gate(self, is_scored: bool) -> Gate:
        """The gate for a run of the kernel; an open one for samples that are learned without a score, which a filter has admitted."""
        return self._gate if is_scored else OPEN_GATE

    def _learn_row(self) -> None:
        """Learn `_row` in slot 0."""
        self._run(_SLOT_0, self._row, self._one_score, self._one_ready, score=False, learn=True)

    def _score_row(self) -> float:
        """Score `_row` by slot 0."""
        self._run(_SLOT_0, self._row, self._one_score, self._one_ready, score=True, learn=False)
        return float(self._one_score[0])

    def _fill(self, x: Mapping[str, float] | float) -> None:
        """Write `x` into `_row`, which is allocated once because allocating costs as much as scoring."""
        row = self._row[0]
        if not isinstance(x, Mapping):
            if row.size > 1 or getattr(x, "shape", ()):
                raise ShapeError(
                    f"{self.name}: x is a {type(x).__name__}; expected a dict of features, by name "
                    f"({', '.join(map(repr, self._index.names)) if self._index.names else f'{row.size} of them'})"
                )
            row[0] = to_feature(x)
        elif self._index.names is None:
            row[:] = np.nan
        else:
            for column, name in enumerate(self._index.names):
                value = x.get(name, np.nan)
                row[column] = value if type(value) is float else to_feature(value)

    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        """What each feature adds to the score of `x` in `slot`: the score less the score with that feature missing.

        Parameters
        ----------
        slot : int
            A reserved slot.
        x : (F,) float64
            The sample; nothing is learned.

        Returns
        -------
        (F,) float64
            Greater = more to blame; 0.0 where a feature is missing.

        Raises
        ------
        SlotError
            The slot is not reserved.

        Examples
        --------
        >>> from models.hst.model import HalfSpaceTrees
        >>> model = HalfSpaceTrees(n_features=2, window_size=50)
        >>> rng = np.random.default_rng(1)
        >>> for row in rng.uniform(0.4, 0.6, (60, 2)):
        ...     model.learn_one({"heat": row[0], "load": row[1]})
        >>> heat, load = model.contributions(0, np.array([0.5, 0.99]))
        >>> bool(load > heat)
        True
        """
        self._check_slots(np.array([slot], dtype=np.int64))
        n_features = self.n_features
        X = np.tile(np.asarray(x, dtype=np.float64), (1 + n_features, 1))
        X[np.arange(1, 1 + n_features), np.arange(n_features)] = np.nan
        scores = np.empty(1 + n_features)
        slots = np.full(1 + n_features, slot, dtype=np.int64)
        self._run(slots, X, scores, np.empty(1 + n_features, np.bool_), score=True, learn=False)
        return np.where(np.isfinite(X[0]), scores[0] - scores[1:], 0.0)

    def _adopt(self, names: list[str]) -> None:
        if len(names) != self.n_features and self._n_slots:
            raise ShapeError(
                f"{self.name}: features {names} do not fit the {self.n_features} columns in use; "
                "name the features when the model is made (features=[...])"
            )
        self._index = FeatureIndex(names, len(names))
        self.n_features = len(names)
        self._row = np.empty((1, self.n_features))

    def snapshot(self, slots: IntColumn) -> Snapshot:
        """See `ColumnarEstimator.snapshot`; ``"features"`` holds the names in column order, or None."""
        return {**super().snapshot(slots), "features": self.feature_names}

    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        """See `Estimator.restore`; a model without names takes those of the snapshot."""
        self._require_mapping(snapshot)
        names = snapshot.get("features")
        if names is not None and self._index.names is None and (len(names) == self.n_features or not self._n_slots):
            kept = self._index, self.n_features, self._row
            self._adopt(list(names))
            try:
                super().restore(slots, snapshot)
            except Exception:
                self._index, self.n_features, self._row = kept
                raise
            return
        super().restore(slots, snapshot)

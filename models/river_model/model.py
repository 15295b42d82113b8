"""Any river model, by its class path."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from models.base import BoolColumn, Fault, FloatColumn, IntColumn, ScoreKind, Scores, Snapshot
from models.columnar import Batch, ColumnarEstimator
from models.damage import MOST_SAMPLES, find_outside
from models.errors import ParameterError, SnapshotError
from models.gate import OPEN
from models.gate_kernel import admits
from models.multivariate import FEATURES, N_FEATURES
from models.number import to_feature, to_number
from models.parameters import GRACE_PERIOD, Parameter
from models.river_model.adapters import Adapter, Answer, UnfitError, make_adapter, try_call
from models.river_model.codec import decode, encode
from models.river_model.construction import construct_model
from models.river_model.fault_log import FaultLog
from models.state_array import StateArray

__all__ = ["MAX_LOST", "MAX_UNSCORED", "NoScoreError", "RiverModel"]

MAX_UNSCORED = 24_000
"""Samples from which a series that has never had a score counts as failing: more than any warm-up that makes sense."""

MAX_LOST = 100
"""Samples in a row without a score, nothing of them missing, from which one that has had scores is lost and starts anew."""


class NoScoreError(ValueError):
    """A model raises at nothing, and has no score all the same."""


class RiverModel(ColumnarEstimator):
    """A copy of a river model for every series, called sample by sample.

    Good for whatever is not compiled here; expect from one microsecond to milliseconds a sample, and kilobytes a series.

    Parameters
    ----------
    path : str
        Class path, as ``river.anomaly.LODA``.
    parameters : mapping
        Its constructor's arguments.  A nested river object is ``{path: ..., parameters: {...}}``.
    grace_period : int
        Samples before which the score is 0.0 and the series is not ready; 0 = from the second sample on.
    n_features : int
        Columns, when the features have no names.
    features : list of str, optional
        Names of the features in column order.

    Notes
    -----
    What a model can do decides how it is used: ``score_one`` gives the score; a drift detector scores 1.0 where it detects; a
    forecaster and a regressor (first column = target) score by absolute error, and ``expected`` is what they predict.  A
    detector of a target (`GaussianScorer`, `PredictiveAnomalyDetection`) takes the first column as such.  Models that are none of
    these are refused.  Drift detectors of ``river.drift.binary`` take 1 and 0 (true and false) only.

    Every slot holds a deep copy of the model as configured.  Snapshots are JSON made by `models.river_model.codec`, without
    pickle: river's classes and a few of the standard library, nothing else.  A model that holds anything else (a lambda, say) is
    refused when it is made.  `slot_nbytes` is the size of that JSON for slot 0 as it stands, which grows with the model: its
    memory is bounded only if the model's is.

    NaN is left out of the dict; a sample without any finite feature, or without its target, is passed over.  A score that cannot
    be computed, or is not finite, counts as not ready; a series whose model raises while learning starts anew, and so does one that
    has had scores and then has none for 100 whole samples in a row: its numbers have run away for good.  `take_faults`
    tells of every such fault, `are_failing` which series cannot be scored because of them.  `PredictiveAnomalyDetection` is not
    asked while its model has no forecast (river's would be NaN for good).

    The steps of a pipeline are a list: ``path: river.compose.Pipeline, parameters: {steps: [{path: ...}, {path: ...}]}``.  A seed
    that is left out, here or in a part of the model, is 42, since river's default draws from the clock.  In a detector with a group
    the features are the group's, its target first.

    Raises
    ------
    ParameterError
        No such class, refused arguments, or a model that cannot be used or snapshotted.

    References
    ----------
    Montiel, J. et al. (2021). River: machine learning for streaming data in Python. JMLR 22(110).

    Examples
    --------
    >>> model = RiverModel("river.anomaly.GaussianScorer", {"grace_period": 2})
    >>> for y in (1.0, 2.0, 3.0):
    ...     model.learn_one(y)
    >>> round(model.score_one(4.0), 4)
    0.9545
    """

    name: ClassVar[str] = "river_model"
    has_fixed_size: ClassVar[bool] = False
    has_gate: ClassVar[bool] = True
    state_version: ClassVar[int] = 2
    score_kind: ClassVar[ScoreKind] = "raw"
    schema: ClassVar[tuple[Parameter, ...]] = (
        Parameter("path", "str", ..., "Class path, as river.anomaly.LODA."),
        Parameter("parameters", "mapping", {}, "Arguments of its constructor; nested objects as {path: ..., parameters: {...}}."),
        GRACE_PERIOD,
        N_FEATURES,
        FEATURES,
    )
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"path": "river.anomaly.GaussianScorer", "parameters": {"grace_period": 10}, "grace_period": 10},
        {
            "path": "river.anomaly.HalfSpaceTrees",
            "parameters": {"seed": 1, "window_size": 20, "n_trees": 3, "height": 5},
            "n_features": 2,
        },
        {"path": "river.drift.PageHinkley", "grace_period": 5},
    )

    def __init__(
        self,
        path: str,
        parameters: Mapping[str, Any] = {},
        grace_period: int = 0,
        n_features: int = 1,
        features: Sequence[str] | None = None,
    ) -> None:
        super().__init__(path=path, parameters=parameters, grace_period=grace_period, n_features=n_features, features=features)
        names = self._parameters["features"]
        self.n_features = len(names) if names else self._parameters["n_features"]
        self._names: list[str] = names or [str(column) for column in range(self.n_features)]
        self._grace_period: int = self._parameters["grace_period"]
        built = construct_model(path, self._parameters["parameters"])
        try:
            self._template: Adapter = make_adapter(built, self._names)
        except ParameterError:
            raise
        except Exception as error:
            raise ParameterError(
                self.name, "parameters", expected=f"arguments that make a model of {path} ({error})", found=dict(parameters)
            ) from error
        try:
            encode(self._template.model)
        except SnapshotError as error:
            raise ParameterError(self.name, "path", expected=f"a model that can be snapshotted ({error})", found=path) from error
        self._adapters: list[Adapter] = []
        self._faults = FaultLog(path)

    @classmethod
    def with_features(cls, parameters: Mapping[str, Any], features: Sequence[str]) -> dict[str, Any]:
        """See `Estimator.with_features`."""
        return {**parameters, "features": list(features)}

    # State ------------------------------------------------------------------------------------------------------------

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """See `ColumnarEstimator._find_damage`."""
        return next(filter(None, (find_outside(name, counts, 0, MOST_SAMPLES) for name, counts in columns.items())), "")

    def _make_fresh_row(self) -> dict[str, StateArray]:
        return {name: np.zeros(1, np.int64) for name in ("n_learned", "n_failed", "n_scored", "n_unscored")}

    def _bind(self) -> None:
        self._n_learned: IntColumn = self._state["n_learned"]
        self._n_failed: IntColumn = self._state["n_failed"]
        self._n_scored: IntColumn = self._state["n_scored"]
        self._n_unscored: IntColumn = self._state["n_unscored"]

    def _upgrade(self, snapshot: Snapshot) -> Snapshot:
        columns = snapshot.get("columns")
        if snapshot.get("version") != 1 or not isinstance(columns, Mapping) or list(columns) != ["n_learned"]:
            return snapshot
        # Version 1 knew nothing of faults.
        none = {name: np.zeros(len(columns["n_learned"]), np.int64) for name in ("n_failed", "n_scored", "n_unscored")}
        return {**snapshot, "version": 2, "columns": {**columns, **none}}

    @property
    def slot_nbytes(self) -> int:
        """Bytes of slot 0's snapshot; of a fresh model's, when no slot is reserved."""
        return len(encode((self._adapters[0] if self._adapters else self._template).model))

    def reserve(self, n_slots: int) -> None:
        """See `Estimator.reserve`."""
        super().reserve(n_slots)
        while len(self._adapters) < n_slots:
            self._adapters.append(copy.deepcopy(self._template))

    def reset(self, slots: IntColumn) -> None:
        """See `Estimator.reset`."""
        super().reset(slots)
        for slot in slots.tolist():
            self._adapters[slot] = copy.deepcopy(self._template)

    def snapshot(self, slots: IntColumn) -> Snapshot:
        """See `ColumnarEstimator.snapshot`; ``"models"`` (uint8) holds the rows' JSON end to end, ``"ends"`` where each ends."""
        snapshot = super().snapshot(slots)
        encoded = [encode(self._adapters[slot].model) for slot in slots.tolist()]
        snapshot["models"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        snapshot["ends"] = np.cumsum([len(row) for row in encoded], dtype=np.int64)
        return snapshot

    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        """See `Estimator.restore`."""
        snapshot = self._get_current(snapshot, slots.size)
        data, ends = snapshot.get("models"), snapshot.get("ends")
        if not isinstance(data, np.ndarray) or not isinstance(ends, np.ndarray) or ends.size != slots.size:
            raise SnapshotError(f"{self.name}: the snapshot's models are damaged")
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        models = [decode(data[start:end].tobytes()) for start, end in zip(starts.tolist(), ends.tolist(), strict=False)]
        if any(type(model) is not type(self._template.model) for model in models):
            raise SnapshotError(f"{self.name}: the snapshot holds models of another class")
        super().restore(slots, snapshot)
        for slot, model in zip(slots.tolist(), models, strict=True):
            self._adapters[slot] = make_adapter(model, self._names)

    # Scoring ----------------------------------------------------------------------------------------------------------

    @property
    def has_target(self) -> bool:
        """Whether the model predicts, or looks at, the first of several columns."""
        return self._template.needs_first and self.n_features > 1

    @property
    def has_expected_value(self) -> bool:
        """Whether the model is a forecaster or a regressor, or scores by one."""
        return self._template.has_expected_value

    @property
    def template(self) -> Adapter:
        """The model as configured, which has learned nothing."""
        return self._template

    def adapter(self, slot: int) -> Adapter:
        """The model of the series in `slot`, which is reserved."""
        return self._adapters[slot]

    def _has_value(self, x: Sequence[float]) -> bool:
        """Whether the sample `x` says anything to the model."""
        return any(map(math.isfinite, x[:1] if self._template.needs_first else x))

    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        is_open = self._gate.rule[0] == OPEN
        for i, (slot, x) in enumerate(zip(batch.slots.tolist(), batch.X.tolist(), strict=True)):
            out.score[i], out.expected[i], out.scale[i], ready[i] = 0.0, np.nan, np.nan, False
            if not self._has_value(x):
                continue
            adapter = self._adapters[slot]
            answer, error = try_call(adapter.advance if is_open else adapter.score, x)
            if isinstance(error, UnfitError):
                self._n_failed[slot] += 1
                self._faults.note(slot, error)
                continue
            if error is not None and is_open and adapter.learns_when_asked:
                self._start_anew(slot, error)
                continue
            if math.isfinite(answer.score) and self._n_learned[slot] >= max(self._grace_period, 1):
                out.score[i], ready[i] = answer.score, True
                out.expected[i] = answer.expected if math.isfinite(answer.expected) else np.nan
                out.scale[i] = answer.scale if math.isfinite(answer.scale) else np.nan
            if admits(*self._gate, slot, out.score[i]):
                self._learn(slot, x, is_asked=is_open)
            else:
                adapter.withhold(x)
            self._count_unscored(slot, x, answer, error)

    def _learn(self, slot: int, x: Sequence[float], *, is_asked: bool) -> None:
        error = try_call(partial(self._adapters[slot].learn, is_asked=is_asked), x)[1]
        if error is None:
            self._n_learned[slot] += 1
            self._n_failed[slot] = 0
        elif isinstance(error, UnfitError):
            self._n_failed[slot] += 1
            self._faults.note(slot, error)
        else:
            self._start_anew(slot, error)

    def _start_anew(self, slot: int, error: Exception) -> None:
        """Begin the series anew: what a model that raised has half learned is uncertain."""
        n_failed = self._n_failed[slot] + 1
        self.reset(np.array([slot], dtype=np.int64))
        self._n_failed[slot] = n_failed
        self._faults.note(slot, error)

    def _count_unscored(self, slot: int, x: Sequence[float], answer: Answer, error: Exception | None) -> None:
        """Take note of whether the sample `x`, which was learned, had a score."""
        if math.isfinite(answer.score):
            self._n_scored[slot] += 1
            self._n_unscored[slot] = 0
            return
        has_scored = bool(self._n_scored[slot])
        if has_scored and not all(map(math.isfinite, x)):
            return
        self._n_unscored[slot] += 1
        most = MAX_LOST if has_scored else MAX_UNSCORED
        if self._n_unscored[slot] != most:
            return
        told = f"no score for {most:,} samples in a row" + (f"; {type(error).__name__}: {error}" if error is not None else "")
        if has_scored:
            # Numbers that have run away do not come back.
            self._start_anew(
                slot, NoScoreError(f"{told}; it has run away, and starts anew: scale its features, or take smaller steps")
            )
        else:
            self._faults.note(slot, NoScoreError(told))

    def take_faults(self) -> tuple[Fault, ...]:
        """See `Estimator.take_faults`."""
        return self._faults.take()

    def are_failing(self) -> BoolColumn:
        """See `Estimator.are_failing`: at whose last sample the model raised, or that have never had a score for long."""
        n = self._n_slots
        if not n:
            return np.zeros(0, np.bool_)
        return (self._n_failed[:n] > 0) | (self._n_unscored[:n] >= MAX_UNSCORED)

    def learn_one(self, x: Mapping[str, float] | float) -> None:
        """Learn one dict of features (or the value of the only feature) in slot 0."""
        self.reserve(1)
        row = self._to_row(x)
        if self._has_value(row):
            self._learn(0, row, is_asked=False)

    def withhold_one(self, x: Mapping[str, float] | float) -> None:
        """Take note, in slot 0, of a sample that a filter keeps out; see `Estimator.withhold`."""
        self.reserve(1)
        row = self._to_row(x)
        if self._has_value(row):
            self._adapters[0].withhold(row)

    def score_one(self, x: Mapping[str, float] | float) -> float:
        """Score one dict of features (or the value of the only feature) by slot 0; 0.0 where river cannot tell."""
        self.reserve(1)
        score = try_call(self._adapters[0].score, self._to_row(x))[0].score
        return score if math.isfinite(score) and self._n_learned[0] >= self._grace_period else 0.0

    def _to_row(self, x: Mapping[str, float] | float) -> list[float]:
        return [to_feature(x.get(name, math.nan)) for name in self._names] if isinstance(x, Mapping) else [to_number(x)]

    def contributions(self, slot: int, x: FloatColumn) -> FloatColumn:
        """What each feature adds to the score of `x` in `slot`: the score less the score with that feature left out.

        Of a model that says what it expects, absolute errors stand for the scores.

        See `MultivariateEstimator.contributions`; the target's is the whole, for without it there is no score, and 0.0 stands where the
        model cannot do without a feature.

        Examples
        --------
        >>> model = RiverModel("river.anomaly.LODA", {"seed": 1}, features=["heat", "load"])
        >>> rng = np.random.default_rng(1)
        >>> for row in rng.uniform(0.4, 0.6, (60, 2)):
        ...     model.learn_one({"heat": row[0], "load": row[1]})
        >>> heat, load = model.contributions(0, np.array([0.5, 0.99]))
        >>> bool(load > heat)
        True
        """
        self._check_slots(np.array([slot], dtype=np.int64))
        row = np.asarray(x, dtype=np.float64).tolist()
        whole = self._measure(slot, row)
        found = np.zeros(self.n_features)
        for column in range(self.n_features):
            without = [*row[:column], math.nan, *row[column + 1 :]]
            if math.isfinite(row[column]):
                if self._has_value(without):
                    found[column] = whole - self._measure(slot, without)
                elif self.n_features > 1 and self._template.needs_first:
                    found[column] = whole
        return np.where(np.isfinite(found), found, 0.0)

    def _measure(self, slot: int, x: Sequence[float]) -> float:
        """How odd `x` is to the series in `slot`; NaN = it cannot be told."""
        try:
            return float(self._adapters[slot].measure(x))
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - it may not be able to do without a feature
            return math.nan

    def is_withheld(self) -> bool:
        """See `ColumnarEstimator.is_withheld`: samples before which nothing was learned."""
        return not self._is_ready(0)

    def _is_ready(self, slot: int) -> bool:
        return bool(self._n_learned[slot] >= max(self._grace_period, 1))

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        return {
            "path": self._parameters["path"],
            "n_samples": int(self._n_learned[slot]),
            "n_failed": int(self._n_failed[slot]),
        }

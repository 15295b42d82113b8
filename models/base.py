"""The estimator contract: one object holds the state of many series in flat arrays, one row per *slot*.

The product is the batch call, `Estimator.score_learn_many`: prequential (each sample is scored by the state before it, then
learned), any mix of series, order kept.  Results are bit-identical whatever the batch boundaries, whichever other series are
interleaved, and across `snapshot`/`restore`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from models.errors import ShapeError

__all__ = ["BoolColumn", "Estimator", "Fault", "FloatColumn", "IntColumn", "ScoreKind", "Scores", "Snapshot"]

FloatColumn = npt.NDArray[np.float64]
IntColumn = npt.NDArray[np.int64]
BoolColumn = npt.NDArray[np.bool_]
Snapshot = dict[str, Any]
ScoreKind = Literal["probability", "raw"]


class Scores(NamedTuple):
    """Output columns of one batch, allocated by the caller and filled in place.

    Attributes
    ----------
    score : (B,) float64
        Higher is more anomalous; range given by the model's docstring.  0.0 until the series is ready.
    expected : (B,) float64
        Value the model expected before it saw the sample; NaN = the model has no such notion, or is not ready.
    scale : (B,) float64
        One standard deviation's worth of expected spread around `expected`, in units of the value; NaN likewise.
    """

    score: FloatColumn
    expected: FloatColumn
    scale: FloatColumn

    @classmethod
    def empty(cls, n: int) -> Scores:
        """Uninitialised columns for `n` samples.

        Examples
        --------
        >>> Scores.empty(3).score.shape
        (3,)
        """
        return cls(np.empty(n), np.empty(n), np.empty(n))


class Fault(NamedTuple):
    """A model raised on what it was given, or could not use it.

    Attributes
    ----------
    code : str
        Class of the exception.
    message : str
        What the first of them said.
    slot : int
        Series of the first.
    n_samples : int
        Samples at which it happened.
    """

    code: str
    message: str
    slot: int
    n_samples: int


class Estimator(ABC):
    """Base of every model.  Subclasses are registered by `name` in `models.registry`.

    Attributes
    ----------
    name : str
        Registered name, as written in ``topics.yaml``.
    score_kind : {"probability", "raw"}
        ``probability``: the score is one minus a nominal tail probability, in [0, 1].  ``raw``: only its order means something.
    is_calibrated : bool
        True = the tail probability is that of the series itself, learned from its scores, and to be taken at its word.
    n_features : int
        Columns of `X` in the batch call.  1 for univariate models.
    part_names : tuple of str
        What a score is made of, in the order of the columns of `score_learn_parts`; empty = the model does not tell.
    """

    name: ClassVar[str]
    score_kind: ClassVar[ScoreKind] = "raw"
    is_calibrated: ClassVar[bool] = False
    part_names: ClassVar[tuple[str, ...]] = ()
    n_features: int = 1

    @classmethod
    def with_features(cls, parameters: Mapping[str, Any], features: Sequence[str]) -> dict[str, Any]:  # noqa: ARG003 - for those of vectors
        """`parameters` with the names of the columns put where the model takes them, in itself or in the model inside it.

        Parameters
        ----------
        parameters : mapping
            As configured, without features.
        features : sequence of str
            Names in column order; the first is that of the target, where the model has one.

        Examples
        --------
        >>> from models.registry import model_class
        >>> inner = {"model": "linear_regression", "parameters": {"learning_rate": 0.1}}
        >>> model_class("predictive_anomaly_detection").with_features({"forecaster": inner}, ["latency", "load"])
        {'forecaster': {'model': 'linear_regression', 'parameters': {'learning_rate': 0.1, 'features': ['load']}}}
        """
        return dict(parameters)

    @property
    def has_target(self) -> bool:
        """True = column 0 of `X` is the value that is predicted from the other columns."""
        return False

    @property
    def _supervised(self) -> bool:
        """What river's pipelines ask of a step: whether `learn_one` takes a target, and not features alone."""
        return True

    @property
    def has_expected_value(self) -> bool:
        """False = `Scores.expected` is always NaN, so that nothing is above or below of it."""
        return True

    @property
    @abstractmethod
    def n_slots(self) -> int:
        """Rows reserved so far."""

    @abstractmethod
    def reserve(self, n_slots: int) -> None:
        """Make rows ``0 .. n_slots-1`` usable; existing rows keep their state.  Growth is geometric."""

    @abstractmethod
    def reset(self, slots: IntColumn) -> None:
        """Return the rows `slots` to the state of a series never seen (used when a slot is evicted)."""

    @abstractmethod
    def score_learn_many(self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores) -> BoolColumn:
        """Score every sample by the state before it, then learn it, in order.

        Parameters
        ----------
        slots : (B,) int64
            Row of each sample's series; every row must have been reserved.
        event_time_ns : (B,) int64
            Event time, ns UTC.  Models without a notion of time ignore it.
        X : (B,) or (B, F) float64
            Values.  NaN = missing feature; what a model does with it is in its docstring.
        out : Scores
            Columns of length B, overwritten.

        Returns
        -------
        ready : (B,) bool
            False while the series' model is warming up (its score then is 0.0): unknown never reads as normal.

        Raises
        ------
        SlotError
            A slot is not reserved; nothing was learned.
        ShapeError
            The columns differ in length or dtype; nothing was learned.
        """

    def score_learn_parts(
        self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores, parts: FloatColumn
    ) -> BoolColumn:
        """`score_learn_many` that also writes what every score is made of: the same bits, whatever the batching.

        Parameters
        ----------
        slots, event_time_ns, X, out
            As for `score_learn_many`.
        parts : (B, len(part_names)) float64
            Overwritten; a row that stands for nothing (a sample that is not finite) is NaN.  `share_parts` reads a row.

        Returns
        -------
        ready : (B,) bool

        Raises
        ------
        SlotError, ShapeError
            As `score_learn_many`; nothing was learned.
        """
        if parts.shape != (slots.size, len(self.part_names)):
            raise ShapeError(f"{self.name}: parts has shape {parts.shape}; expected {(slots.size, len(self.part_names))}")
        return self.score_learn_many(slots, event_time_ns, X, out)

    def share_parts(self, parts: FloatColumn) -> tuple[tuple[str, float], ...]:  # noqa: ARG002 - for those that tell
        """What one score is made of: names and shares that add up to 1, greatest first; empty when there is nothing to share.

        Parameters
        ----------
        parts : (P,) float64
            A row written by `score_learn_parts`.
        """
        return ()

    @abstractmethod
    def snapshot(self, slots: IntColumn) -> Snapshot:
        """State of `slots` as a versioned dict of arrays and plain values; shares no memory with the model."""

    @abstractmethod
    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        """Put a snapshot's rows into `slots` (reserved as needed); later scores are bit-identical to the original's.

        Raises
        ------
        SnapshotError
            Unknown version, another model, other parameters, or a row count that does not fit.  Nothing is changed.
        """

    def withhold(self, slots: IntColumn, before: Snapshot) -> None:
        """Take back what its last sample has taught each series in `slots`, because a filter keeps it out.

        What a model keeps of its own scores stays, as where the errors of a forecaster set the threshold they are judged by: kept
        out as well, no error could ever move it.

        Parameters
        ----------
        slots : (B,) int64
            The series, each once.
        before : dict
            Their snapshot before the sample.
        """
        self.restore(slots, before)

    @property
    @abstractmethod
    def state_nbytes(self) -> int:
        """Bytes held for all reserved rows."""

    @property
    @abstractmethod
    def parameters(self) -> Mapping[str, Any]:
        """Constructor parameters, JSON-serialisable: part of the model hash."""

    @abstractmethod
    def describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        """What the model knows of one series, for explanations."""

    def take_faults(self) -> tuple[Fault, ...]:
        """Faults since it was asked last, one a code; compiled models have none."""
        return ()

    def are_failing(self) -> BoolColumn | None:
        """Which reserved rows cannot be scored because of faults, (n_slots,) bool; None = this model has no faults."""
        return None

    @property
    def slot_nbytes(self) -> int:
        """Bytes of state per series."""
        return self.state_nbytes // max(self.n_slots, 1)

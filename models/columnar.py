"""State in columns: the part of the estimator contract that every compiled model shares.

A model's state is a few arrays with the slot as leading axis.  This base class grows, resets, snapshots and restores them,
validates the columns of a batch, and leaves the arithmetic to the subclass.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from models.base import BoolColumn, Estimator, FloatColumn, IntColumn, Scores, Snapshot
from models.damage import find_not_finite
from models.errors import ShapeError, SlotError, SnapshotError
from models.gate import OPEN_GATE, Gate
from models.number import to_number
from models.parameters import Parameter, settle_parameters
from models.slot_kernel import are_slots_reserved
from models.state_array import StateArray, as_run, make_zeros

__all__ = ["Batch", "ColumnarEstimator", "UnivariateEstimator"]

# NumPy keeps one object for each plain dtype, so most comparisons end at identity, which is six times quicker.
_FLOAT = np.dtype(np.float64)
_INT = np.dtype(np.int64)
_CURE = "Drop it and let the model learn anew"


class Batch(NamedTuple):
    """Columns of one batch call, validated: contiguous, writeable, of one length, every slot reserved.

    Attributes
    ----------
    slots, event_time_ns : (B,) int64
    X : (B,) float64 for univariate models, else (B, F)
    """

    slots: IntColumn
    event_time_ns: IntColumn
    X: FloatColumn


class ColumnarEstimator(Estimator):
    """Base of the compiled models.

    Parameters
    ----------
    **parameters
        Every constructor parameter, checked against `schema`.

    Attributes
    ----------
    schema : tuple of Parameter
        Constructor parameters in order.
    state_version : int
        Version written to snapshots; raised whenever the layout or the meaning of a state array changes.
    variants : tuple of dict
        Parameter sets that together reach every branch and every kernel signature: what warm-up and the checks build.
    has_gate : bool
        True when the kernels ask `models.gate` before they learn a sample, so that a filter can stand in front.
    has_fixed_size : bool
        False when the bytes of a series vary with what it has learned.
    bound : tuple of str
        Attributes that `_bind` makes and that hold on to the state arrays in a way no copy can follow.

    Raises
    ------
    ParameterError
        A parameter is out of its range or of a wrong type.
    """

    schema: ClassVar[tuple[Parameter, ...]] = ()
    state_version: ClassVar[int] = 1
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    has_gate: ClassVar[bool] = False
    has_fixed_size: ClassVar[bool] = True
    bound: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **parameters: Any) -> None:
        self._parameters = settle_parameters(self.name, self.schema, parameters)
        self._n_slots = 0
        self._capacity = 0
        self._state: dict[str, StateArray] = {}
        self._gate = OPEN_GATE

    # What a subclass says -------------------------------------------------------------------------------------------

    @abstractmethod
    def _make_fresh_row(self) -> dict[str, StateArray]:
        """State of a series never seen: every state array with a leading axis of length 1, in the kernels' order."""

    def _bind(self) -> None:
        """Called after the state arrays were replaced, for a subclass that keeps references to them."""

    @abstractmethod
    def _score_learn(self, batch: Batch, out: Scores, ready: BoolColumn) -> None:
        """The batch call on columns already validated."""

    @abstractmethod
    def _is_ready(self, slot: int) -> bool:
        """True when the next sample of `slot` will be scored."""

    @abstractmethod
    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        """Facts of one series beyond those every model has."""

    def _find_damage(self, columns: Mapping[str, StateArray]) -> str:
        """What in columns of the right shapes and types no series can come to, and a kernel must not meet; "" = nothing."""
        return find_not_finite(columns)

    def _upgrade(self, snapshot: Snapshot) -> Snapshot:
        """`snapshot` in the layout of `state_version` when it is of an older one; left as it is when it cannot be read."""
        return snapshot

    def is_withheld(self) -> bool:
        """True when the batch call would not score the next sample of slot 0, though `score_one` says what river does.

        What stands in front of the model goes by the batch call.
        """
        return False

    def install_gate(self, gate: Gate) -> None:
        """Let `gate` decide which scored samples are learned from now on; its rows must cover the reserved slots."""
        self._gate = gate

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in self.bound}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._capacity:
            self._bind()

    # The contract ---------------------------------------------------------------------------------------------------

    @property
    def n_slots(self) -> int:
        """Rows reserved so far."""
        return self._n_slots

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Constructor parameters, JSON-serialisable; a copy, also of a model's inside a model."""
        return copy.deepcopy(self._parameters)

    @property
    def state_nbytes(self) -> int:
        """Bytes of the reserved rows; room kept for growth is not counted."""
        return self._n_slots * self.slot_nbytes

    @property
    def slot_nbytes(self) -> int:
        """Bytes of state per series."""
        return sum(row.nbytes for row in self._make_fresh_row().values())

    def reserve(self, n_slots: int) -> None:
        """Make rows ``0 .. n_slots-1`` usable; existing rows keep their state.  Capacity doubles, so growth is amortised."""
        if n_slots <= self._n_slots:
            return
        if n_slots > self._capacity:
            self._grow(max(n_slots, 2 * self._capacity))
        self._n_slots = n_slots

    def _grow(self, capacity: int) -> None:
        grown: dict[str, StateArray] = {}
        for key, fresh in self._make_fresh_row().items():
            array = make_zeros((capacity, *fresh.shape[1:]), fresh.dtype)
            if fresh.tobytes().strip(b"\0"):
                array[self._capacity :] = fresh
            if self._capacity:
                array[: self._capacity] = self._state[key]
            grown[key] = array
        self._state = grown
        self._capacity = capacity
        self._bind()

    def reset(self, slots: IntColumn) -> None:
        """Return the rows `slots` to the state of a series never seen.

        Raises
        ------
        SlotError
            A slot is not reserved; nothing was reset.
        """
        slots = self._check_slots(slots)
        for key, fresh in self._make_fresh_row().items():
            self._state[key][slots] = fresh

    def score_learn_many(self, slots: IntColumn, event_time_ns: IntColumn, X: FloatColumn, out: Scores) -> BoolColumn:
        """Score every sample by the state before it, then learn it, in order: see `Estimator.score_learn_many`."""
        slots = self._check_slots(slots)
        times = _as_column(event_time_ns, _INT, "event_time_ns")
        values = self._check_values(X, slots.size)
        if times.size != slots.size:
            raise ShapeError(
                f"{self.name}: event_time_ns has {times.size} rows, slots has {slots.size}; give one time per sample"
            )
        if not isinstance(out, Scores):
            raise ShapeError(
                f"{self.name}: out is a {type(out).__name__}; expected Scores, as made by Scores.empty({slots.size})"
            )
        for column in out:
            _require_array(column, "out", _FLOAT)
            if (column.dtype is not _FLOAT and column.dtype != _FLOAT) or column.shape != slots.shape or not column.flags.carray:
                raise ShapeError(
                    f"{self.name}: a column of out is {column.dtype} {column.shape}; expected writeable contiguous float64 "
                    f"columns of {slots.size} rows, as made by Scores.empty"
                )
        ready = np.empty(slots.size, dtype=np.bool_)
        self._score_learn(Batch(slots, times, values), out, ready)
        return ready

    def snapshot(self, slots: IntColumn) -> Snapshot:
        """State of `slots`: ``{"model", "version", "parameters", "n_rows", "columns": {name: (len(slots), ...) array}}``.

        Raises
        ------
        SlotError
            A slot is not reserved.
        """
        slots = self._check_slots(slots)
        names = self._make_fresh_row()
        return {
            "model": self.name,
            "version": self.state_version,
            "parameters": dict(self._parameters),
            "n_rows": int(slots.size),
            "columns": {key: self._state[key][slots] if self._state else names[key][:0] for key in names},
        }

    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        """Put a snapshot's rows into `slots`, reserving them as needed: see `Estimator.restore`."""
        slots = _as_column(slots, _INT, "slots")
        if slots.size and slots.min() < 0:
            raise SlotError(f"{self.name}: slot {slots.min()} is negative")
        snapshot = self._get_current(snapshot, slots.size)
        if slots.size:
            self.reserve(int(slots.max()) + 1)
            run = as_run(slots)
            for key, rows in snapshot["columns"].items():
                self._state[key][run] = rows

    def describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        """What the model knows of one series: its name, readiness, bytes of state, and the model's own facts.

        Raises
        ------
        SlotError
            The slot is not reserved.
        """
        self._check_slots(np.array([slot], dtype=np.int64))
        return {"model": self.name, "ready": self._is_ready(slot), "slot_nbytes": self.slot_nbytes, **self._describe(slot)}

    # Validation -----------------------------------------------------------------------------------------------------

    def _check_slots(self, slots: IntColumn) -> IntColumn:
        slots = _as_column(slots, _INT, "slots")
        if not are_slots_reserved(slots, self._n_slots):
            raise SlotError(
                f"{self.name}: slots lie between {slots.min()} and {slots.max()}, {self._n_slots} are reserved; "
                f"call reserve({slots.max() + 1}) first"
            )
        return slots

    def _check_values(self, X: FloatColumn, n_samples: int) -> FloatColumn:
        """`X` as a contiguous (B, F) array, or (B,) for a univariate model."""
        _require_array(X, "X", _FLOAT)
        if X.ndim == 1 and self.n_features == 1 and X.size == n_samples:
            return _as_values(X).reshape(-1, 1)
        if X.ndim != 2 or X.shape != (n_samples, self.n_features):
            raise ShapeError(f"{self.name}: X has shape {X.shape}; expected ({n_samples}, {self.n_features})")
        return _as_values(X)

    def _get_current(self, snapshot: Snapshot, n_rows: int) -> Snapshot:
        """`snapshot` in the layout of `state_version`, and sound."""
        self._require_mapping(snapshot)
        try:
            snapshot = self._upgrade(snapshot)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise SnapshotError(f"{self.name}: the snapshot, of an older version, is damaged ({error}). {_CURE}") from error
        self._check_snapshot(snapshot, n_rows)
        return snapshot

    def _require_mapping(self, snapshot: object) -> None:
        if not isinstance(snapshot, Mapping):
            raise SnapshotError(
                f"{self.name}: a snapshot is a mapping, as `snapshot` returns it; found a {type(snapshot).__name__}"
            )

    def _check_snapshot(self, snapshot: Snapshot, n_rows: int) -> None:
        found = (snapshot.get("model"), snapshot.get("version"))
        if found != (self.name, self.state_version):
            raise SnapshotError(
                f"{self.name}: the snapshot is of model {found[0]!r} version {found[1]!r}; "
                f"expected {self.name!r} version {self.state_version}. {_CURE}"
            )
        if snapshot.get("parameters") != self._parameters:
            raise SnapshotError(
                f"{self.name}: the snapshot was taken with parameters {snapshot.get('parameters')!r}; "
                f"this model has {self._parameters!r}. Restore the old parameters or let the model learn anew"
            )
        if snapshot.get("n_rows") != n_rows:
            raise SnapshotError(f"{self.name}: the snapshot holds {snapshot.get('n_rows')} rows; {n_rows} slots were given")
        columns = snapshot.get("columns")
        fresh_row = self._make_fresh_row()
        if not isinstance(columns, Mapping) or list(columns) != list(fresh_row):
            raise SnapshotError(f"{self.name}: the snapshot's columns are damaged; expected {', '.join(fresh_row)}")
        for key, fresh in fresh_row.items():
            rows = columns[key]
            if not isinstance(rows, np.ndarray):
                raise SnapshotError(f"{self.name}: column {key!r} of the snapshot is a {type(rows).__name__}; expected an array")
            if rows.dtype != fresh.dtype or rows.shape != (n_rows, *fresh.shape[1:]):
                raise SnapshotError(
                    f"{self.name}: column {key!r} of the snapshot is {rows.dtype} {rows.shape}; "
                    f"expected {fresh.dtype} {(n_rows, *fresh.shape[1:])}"
                )
        damage = self._find_damage(columns)
        if damage:
            raise SnapshotError(f"{self.name}: the snapshot is damaged: {damage}. {_CURE}")


class UnivariateEstimator(ColumnarEstimator):
    """Base of the models of one value: river's supervised detectors, whose feature dict is ignored."""

    @abstractmethod
    def _learn_value(self, y: float) -> None:
        """Learn `y` in slot 0, which is reserved."""

    @abstractmethod
    def _score_value(self, y: float) -> float:
        """Score `y` by slot 0, which is reserved."""

    def learn_one(self, x: object, y: float | None = None) -> None:
        """Learn one value in slot 0: ``learn_one(None, y)`` as in river, or ``learn_one(y)``."""
        if not self._n_slots:
            self.reserve(1)
        value = x if y is None else y
        self._learn_value(value if type(value) is float else to_number(value))

    def score_one(self, x: object, y: float | None = None) -> float:
        """Score one value by slot 0: ``score_one(None, y)`` as in river, or ``score_one(y)``.  The state is not changed."""
        if not self._n_slots:
            self.reserve(1)
        value = x if y is None else y
        return self._score_value(value if type(value) is float else to_number(value))

    def _check_values(self, X: FloatColumn, n_samples: int) -> FloatColumn:
        _require_array(X, "X", _FLOAT)
        if X.shape not in ((n_samples,), (n_samples, 1)):
            raise ShapeError(
                f"{self.name}: X has shape {X.shape}; expected ({n_samples},) - the model takes one value per sample"
            )
        return _as_values(X).reshape(-1)


def _require_array(array: object, label: str, dtype: np.dtype[Any]) -> None:
    if not isinstance(array, np.ndarray):
        found = f"{label} is a {type(array).__name__}"
        raise ShapeError(f"{found}; expected a NumPy array (np.asarray({label}, dtype=np.{dtype}))")


def _as_values(X: FloatColumn) -> FloatColumn:
    if X.dtype is not _FLOAT and X.dtype != _FLOAT:
        raise ShapeError(f"X is {X.dtype}; expected float64 (X.astype(np.float64))")
    return _usable(X)


def _as_column(column: npt.NDArray[Any], dtype: np.dtype[Any], label: str) -> npt.NDArray[Any]:
    _require_array(column, label, dtype)
    if (column.dtype is not dtype and column.dtype != dtype) or column.ndim != 1:
        raise ShapeError(f"{label} is {column.dtype} of {column.ndim} axes; expected a {dtype} column of one axis")
    return _usable(column)


def _usable(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`array` itself when kernels can take it as compiled, else a copy: a read-only or strided one would be a new signature."""
    return array if array.flags.carray else array.copy(order="C")

"""One model inside another: the part of the estimator contract that filters and predictive detection share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from models.base import BoolColumn, Estimator, Fault, IntColumn, Snapshot
from models.columnar import ColumnarEstimator
from models.errors import SnapshotError
from models.registry import build, model_class

__all__ = ["WrapperEstimator"]


class WrapperEstimator(ColumnarEstimator):
    """Base of the models around another one.  Slot by slot the inner model is reserved, reset, kept and restored with its wrapper.

    Parameters
    ----------
    **parameters
        As of `ColumnarEstimator`; the one called `inner_name` chooses the inner model: ``{model: name, parameters: {...}}``.

    Attributes
    ----------
    inner_name : str
        What the inner model is to its wrapper: name of the parameter (one of those that `models.registry.list_nested` knows), key in a
        snapshot, prefix of its facts in `describe`.

    Raises
    ------
    ParameterError
        As of `ColumnarEstimator`, or the inner model's.
    """

    inner_name: ClassVar[str]

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        chosen = self._parameters[self.inner_name]
        self._inner = self._build_inner(chosen["model"], chosen["parameters"])
        self._parameters[self.inner_name] = {"model": chosen["model"], "parameters": dict(self._inner.parameters)}
        self.n_features = self._inner.n_features

    def _build_inner(self, name: str, parameters: Mapping[str, Any]) -> Estimator:
        """The inner model, for a subclass that does not take any."""
        return build(name, parameters)

    @abstractmethod
    def _describe_own(self, slot: int) -> Mapping[str, float | int | str | bool]:
        """Facts of one series beside the inner model's."""

    @classmethod
    def with_features(cls, parameters: Mapping[str, Any], features: Sequence[str]) -> dict[str, Any]:
        """See `Estimator.with_features`: those of the inner model.

        Examples
        --------
        >>> model_class("quantile_filter").with_features({"q": 0.9, "detector": {"model": "loda"}}, ["a", "b"])
        {'q': 0.9, 'detector': {'model': 'loda', 'parameters': {'features': ['a', 'b']}}}
        """
        chosen = parameters[cls.inner_name]
        placed = model_class(chosen["model"]).with_features(chosen.get("parameters", {}), features)
        return {**parameters, cls.inner_name: {"model": chosen["model"], "parameters": placed}}

    @property
    def _supervised(self) -> bool:
        """As the inner model."""
        return self._inner._supervised

    def adopt_names(self, x: object) -> None:
        """Let the inner model take the names of its features from the first dict, before there are rows."""
        inner: Any = self._inner
        if hasattr(inner, "adopt_names"):
            inner.adopt_names(x)
            self.n_features = inner.n_features

    @property
    def has_target(self) -> bool:
        """As the inner model."""
        return self._inner.has_target

    @property
    def has_expected_value(self) -> bool:
        """As the inner model."""
        return self._inner.has_expected_value

    def take_faults(self) -> tuple[Fault, ...]:
        """Those of the inner model."""
        return self._inner.take_faults()

    def are_failing(self) -> BoolColumn | None:
        """As the inner model."""
        return self._inner.are_failing()

    @property
    def slot_nbytes(self) -> int:
        """Bytes of state per series: its own and the inner model's."""
        return super().slot_nbytes + self._inner.slot_nbytes

    def reserve(self, n_slots: int) -> None:
        """See `Estimator.reserve`."""
        super().reserve(n_slots)
        self._inner.reserve(n_slots)

    def reset(self, slots: IntColumn) -> None:
        """See `Estimator.reset`."""
        super().reset(slots)
        self._inner.reset(slots)

    def snapshot(self, slots: IntColumn) -> Snapshot:
        """See `ColumnarEstimator.snapshot`; the inner model's own snapshot stands under `inner_name`."""
        return {**super().snapshot(slots), self.inner_name: self._inner.snapshot(slots)}

    def restore(self, slots: IntColumn, snapshot: Snapshot) -> None:
        """See `Estimator.restore`."""
        snapshot = self._get_current(snapshot, slots.size)
        inner = snapshot.get(self.inner_name)
        if not isinstance(inner, dict):
            raise SnapshotError(f"{self.name}: the snapshot holds no {self.inner_name}")
        self._inner.restore(slots, inner)
        super().restore(slots, snapshot)

    def _describe(self, slot: int) -> Mapping[str, float | int | str | bool]:
        inner = {f"{self.inner_name}_{key}": value for key, value in self._inner.describe(slot).items() if key != "ready"}
        return {**self._describe_own(slot), **inner}

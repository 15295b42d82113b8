"""Errors of the models, a small tree of their own.

::

    ModelError
    ├── ParameterError      a parameter is out of its range, of a wrong type or unknown
    ├── ShapeError          an array argument has a wrong shape or dtype
    ├── SlotError           a slot is negative or not reserved
    └── SnapshotError       a snapshot is of an unknown version, of another model, or damaged
"""

from __future__ import annotations

__all__ = ["ModelError", "ParameterError", "ShapeError", "SlotError", "SnapshotError"]


class ModelError(Exception):
    """Base of everything `models` raises."""


class ParameterError(ModelError, ValueError):
    """A model parameter is unknown, of a wrong type or out of its range.

    Parameters
    ----------
    model : str
        Registered name of the model.
    parameter : str
        Name of the offending parameter.
    expected, found : str
        What was asked for, and what was given.
    cure : str
        What to do about it; "" = that is plain from `expected`.
    """

    def __init__(self, model: str, parameter: str, *, expected: str, found: object, cure: str = "") -> None:
        self.model = model
        self.parameter = parameter
        self.expected = expected
        self.found = found
        self.cure = cure
        super().__init__(f"{model}.{parameter}: expected {expected}; found {found!r}" + (f"; {cure}" if cure else ""))


class ShapeError(ModelError, ValueError):
    """An array argument has a wrong shape or dtype."""


class SlotError(ModelError, IndexError):
    """A slot is negative or beyond the reserved rows."""


class SnapshotError(ModelError, ValueError):
    """A snapshot cannot be restored: unknown version, another model or other parameters."""

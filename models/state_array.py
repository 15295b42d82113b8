"""Type of a state array: any dtype, the slot as leading axis."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

__all__ = ["StateArray"]

StateArray = npt.NDArray[Any]

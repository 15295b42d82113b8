"""Type of a state array: any dtype, the slot as leading axis."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

__all__ = ["Row", "StateArray"]

StateArray = npt.NDArray[Any]

Row = Any
"""One element of a structured state array, whose fields a kernel reads and writes as attributes."""

"""How bad an alert is."""

from __future__ import annotations

from typing import Literal

__all__ = ["Severity"]

Severity = Literal["P0", "P1", "P2", "P3"]

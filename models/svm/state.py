"""State of the one-class SVM: one row of floats a series."""

from __future__ import annotations

__all__ = ["INTERCEPT", "WEIGHTS", "N"]

N, INTERCEPT, WEIGHTS = 0, 1, 2
"""Columns: samples learned, offset of the hyperplane, and from there the weights."""

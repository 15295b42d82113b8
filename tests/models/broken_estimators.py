"""Estimators with one flaw each, and the check that must see it: a check that lets its own flaw through is worth nothing."""

from __future__ import annotations

from tests.models.broken import bits, calls, explanations, scores, state
from tests.models.broken.flaw import Flaw

__all__ = ["FLAWS", "Flaw"]

FLAWS: list[Flaw] = [*calls.FLAWS, *scores.FLAWS, *bits.FLAWS, *state.FLAWS, *explanations.FLAWS]

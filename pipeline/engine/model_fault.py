"""Faults of models: a model raised on what its detector gave it, and the series was not scored."""

from __future__ import annotations

from typing import NamedTuple

from models.base import Fault

__all__ = ["ModelFault"]


class ModelFault(NamedTuple):
    """Faults of one code of the model of a detector.

    Attributes
    ----------
    detector : str
        Name of the detector.
    series : str or None
        The first series it happened to; None = it is gone.
    fault : Fault
        What happened, and how often.
    """

    detector: str
    series: str | None
    fault: Fault

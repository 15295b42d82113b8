"""A band of expected values, and how far a value is from its middle."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.crosscheck.base import Outcome

__all__ = ["Band"]


@dataclass(frozen=True, slots=True)
class Band:
    """Where a metric is expected at a time."""

    lower: float
    upper: float

    def share(self, value: float) -> float:
        """Distance from the middle in half-widths: up to 1 inside, above 1 outside.

        Examples
        --------
        >>> Band(10, 20).share(15), Band(10, 20).share(20), Band(10, 20).share(5), Band(3, 3).share(3)
        (0.0, 1.0, 2.0, 0.0)
        """
        half = (self.upper - self.lower) / 2.0
        distance = abs(value - (self.lower + self.upper) / 2.0)
        if half <= 0.0:
            return 0.0 if distance == 0.0 else math.inf
        return distance / half

    def judge(self, value: float, refute_share: float) -> tuple[Outcome, str]:
        """What the band says of a value, and the reason.

        Parameters
        ----------
        value : float
            Finite.
        refute_share : float
            In (0, 1]: share of the half-width within which a value is refuted.

        Examples
        --------
        >>> band = Band(10, 20)
        >>> band.judge(21, 0.5), band.judge(16, 0.5), band.judge(19, 0.5)
        (('confirmed', 'outside_band'), ('refuted', 'inside_band'), ('unknown', 'near_edge'))
        """
        share = self.share(value)
        if share > 1.0:
            return "confirmed", "outside_band"
        return ("refuted", "inside_band") if share <= refute_share else ("unknown", "near_edge")

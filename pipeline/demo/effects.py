"""What incidents do to simulated values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.demo.incidents import Effect, ScheduledIncident
from pipeline.demo.metrics import SimulatedSeries
from pipeline.demo.noise import Floats

__all__ = ["apply_incidents", "effect_strength"]


def effect_strength(live_secs: Floats, incident: ScheduledIncident, effect: Effect) -> Floats:
    """Strength of an effect over time: 0 outside its incident, rising to 1, falling at the end.

    Parameters
    ----------
    live_secs : (T,) float64
        Seconds since the beginning of the live part, negative before.

    Examples
    --------
    >>> from pipeline.demo.network import SeriesMatch
    >>> effect = Effect(SeriesMatch("x"), "factor", 2.0, rise_secs=20.0, fall_secs=10.0)
    >>> incident = ScheduledIncident("n", "t", "r", "security", 100.0, 200.0, (effect,))
    >>> effect_strength(np.array([99.0, 110.0, 150.0, 195.0, 200.0]), incident, effect).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    since, left = live_secs - incident.start_secs, incident.end_secs - live_secs
    if effect.kind == "silence":
        return np.where((since >= 0.0) & (left > 0.0), 1.0, 0.0)
    rising = since / effect.rise_secs
    falling = left / effect.fall_secs
    return np.clip(np.minimum(rising, falling), 0.0, 1.0)


def apply_incidents(simulated: Sequence[SimulatedSeries], live_secs: Floats, incidents: Sequence[ScheduledIncident]) -> None:
    """Change the values of `simulated` in place as the incidents demand; then bound and round every series."""
    for one in simulated:
        silent = np.zeros(len(live_secs), dtype=np.bool_)
        for incident in incidents:
            for effect in incident.effects:
                if not effect.match.fits(one.labels):
                    continue
                strength = effect_strength(live_secs, incident, effect)
                if effect.kind == "silence":
                    silent |= strength > 0.0
                elif effect.kind == "factor":
                    one.value *= 1.0 + (effect.amount - 1.0) * strength
                else:
                    one.value += (effect.amount - one.value) * strength
        bounded: Floats = np.clip(one.value, one.low, one.high)
        one.value = bounded.round(one.n_digits)
        one.value[silent] = np.nan

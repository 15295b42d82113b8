"""Sparklines: a series' recent samples in one line of text, and where the band lies."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

__all__ = ["draw_sparkline", "sparkline"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_GAP = " "


def sparkline(values: Sequence[float | None], width: int = 24) -> str:
    """The last `width` values as block characters, lowest to highest; a gap for what is missing.

    Examples
    --------
    >>> sparkline([1.0, 2.0, float("nan"), 8.0])
    '▁▂ █'
    >>> sparkline([5.0, 5.0]), sparkline([])
    ('▄▄', '')
    """
    shown = [math.nan if value is None else value for value in values[-width:]] if width > 0 else []
    finite = [value for value in shown if math.isfinite(value)]
    if not finite:
        return _GAP * len(shown)
    low, high = min(finite), max(finite)
    if not high > low:
        return "".join(_BLOCKS[3] if math.isfinite(value) else _GAP for value in shown)
    # The span of two huge values of opposite sign is not finite, that of their halves is.
    unit = 1.0 if math.isfinite(high - low) else 0.5
    span = high * unit - low * unit
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((value * unit - low * unit) / span * top)] if math.isfinite(value) else _GAP for value in shown)


def draw_sparkline(
    values: Sequence[float | None], *, lower: float | None = None, upper: float | None = None, width: int = 24
) -> Text:
    """A sparkline whose values outside the band stand out.

    Parameters
    ----------
    values : sequence of float
        Oldest first.
    lower, upper : float or None
        The band; None or NaN = no such bound.

    Examples
    --------
    >>> draw_sparkline([1.0, 1.0, 9.0], upper=5.0).spans[-1].style
    'bold red'
    """
    shown = list(values[-width:]) if width > 0 else []
    text = Text()
    for value, block in zip(shown, sparkline(shown, width), strict=True):
        is_above = value is not None and upper is not None and value > upper
        is_below = value is not None and lower is not None and value < lower
        text.append(block, style="bold red" if is_above or is_below else "cyan")
    return text

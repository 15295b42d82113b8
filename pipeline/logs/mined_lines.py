"""What mining makes of log lines: points, new templates, the outcome of each line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.codecs.base import Points

__all__ = [
    "CEILING_REASON",
    "LINE_FILTERED",
    "LINE_LATE",
    "LINE_SCORED",
    "LOG_RATE_NAME",
    "MinedLines",
    "NewTemplate",
    "RateFacts",
]

LOG_RATE_NAME = "log_template_rate"
"""Metric name of the rates: lines per second of one template at one level from one group of sources."""

LINE_SCORED, LINE_LATE, LINE_FILTERED = 0, 1, 3
"""Outcomes of a line, numbered as records are in `pipeline.engine.accounting`: counted in a window; for a window closed before; its
series would be one too many (`CEILING_REASON`)."""

CEILING_REASON = "log_series_ceiling"


class RateFacts(NamedTuple):
    """What stands behind one rate, for explanations.

    Attributes
    ----------
    template : str
        The template as generalised when the window closed.
    n_lines : int
        Lines of the series in the window.
    n_template_lines : int
        Lines of the template in the partition so far, whatever the group and the level.
    example : str
        First line of the series in the window, at most 300 characters; "" = it had none.
    """

    template: str
    n_lines: int
    n_template_lines: int
    example: str


class NewTemplate(NamedTuple):
    """A line of a kind not seen before.

    Attributes
    ----------
    row : int
        Row of the record batch.
    event_time_ns : int
        Of the line, ns UTC.
    labels : mapping of str to str
        Those of the series in which the template's lines will be counted, with ``__name__``.
    template : str
        The masked line.
    example : str
        The line, at most 1,000 characters.
    n_lines : int
        Lines the partition had had before.
    """

    row: int
    event_time_ns: int
    labels: Mapping[str, str]
    template: str
    example: str
    n_lines: int


@dataclass(slots=True)
class MinedLines:
    """Outcome of one batch of lines.

    Attributes
    ----------
    points : Points
        Rates of the windows that the batch closed: value in lines per second, event time the end of the window, row that of the line
        that moved the watermark, position the ordinal among the points of that row.  By row, then window, then series in the order of
        their first lines.
    facts : list of RateFacts
        One a point.
    new_templates : list of NewTemplate
        In order of rows.
    withheld : list of int
        Rows of further new templates, of which too many came at once to tell of each; their lines count like any other.
    outcome : (M,) int8
        `LINE_SCORED`, `LINE_LATE` or `LINE_FILTERED` of each line.
    """

    points: Points
    facts: list[RateFacts] = field(default_factory=list)
    new_templates: list[NewTemplate] = field(default_factory=list)
    withheld: list[int] = field(default_factory=list)
    outcome: npt.NDArray[np.int8] = field(default_factory=lambda: np.empty(0, dtype=np.int8))

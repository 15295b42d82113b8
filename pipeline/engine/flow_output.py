"""What becomes of the samples that a partition's series take in."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.engine.anomaly import Anomaly
from pipeline.engine.detector import Detector, Findings
from pipeline.errors import RecordError
from pipeline.samples.index import SeriesIndex

__all__ = ["EVICTED", "HEARD", "KNOWN", "NEWS", "POINT", "SILENT", "VECTOR", "FlowOutput", "Observer", "RankedAnomaly"]

NEWS, HEARD, POINT, VECTOR, EVICTED, SILENT, KNOWN = range(7)
"""Order of what happens at one sample."""


class RankedAnomaly(NamedTuple):
    """An anomaly and its place in the order in which they are published: by offset, position, rank."""

    offset: int
    position: int
    rank: int
    anomaly: Anomaly


class Observer(Protocol):
    """Is told of the samples that a detector has scored."""

    def __call__(self, detector: Detector, findings: Findings, index: SeriesIndex) -> None:
        """Look at the findings; `index` knows the series of their slots, which may be another's later."""


class FlowOutput(NamedTuple):
    """What became of samples.

    Attributes
    ----------
    outcome : (B,) int8
        Outcome code (`pipeline.engine.accounting`) of each sample.
    errors : list of (int, RecordError)
        Samples with labels that cannot be used, ascending.
    anomalies : list of RankedAnomaly
        In order.
    """

    outcome: npt.NDArray[np.int8]
    errors: list[tuple[int, RecordError]]
    anomalies: list[RankedAnomaly]

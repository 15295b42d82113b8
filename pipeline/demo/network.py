"""The simulated network: three regions of the KALDRIX DAG engine, their nodes, links and services."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipeline.samples.labels import NAME_LABEL, LabelSet

__all__ = ["LINKS", "NODES_PER_REGION", "REGIONS", "Region", "SeriesMatch", "nodes_of", "series"]

NODES_PER_REGION = 4


@dataclass(frozen=True, slots=True)
class Region:
    """One region and its size.

    Attributes
    ----------
    name, code : str
        Cloud region; short form in node names.
    utc_offset_hours : float
        When its day begins.
    tx_rate : float
        Usual transactions a second.
    propagation_ms, consensus_ms : float
        Usual time until a block has reached nine of ten nodes; usual length of a consensus round.
    n_active_nodes : int
        Validators that usually take part.
    """

    name: str
    code: str
    utc_offset_hours: float
    tx_rate: float
    propagation_ms: float
    consensus_ms: float
    n_active_nodes: int


REGIONS = (
    Region("us-east-1", "use1", -5.0, 1_450.0, 185.0, 820.0, 48),
    Region("us-west-2", "usw2", -8.0, 920.0, 210.0, 870.0, 32),
    Region("eu-west-1", "euw1", 0.0, 1_130.0, 240.0, 900.0, 40),
)

LINKS = {
    ("us-east-1", "us-west-2"): 66.0,
    ("us-east-1", "eu-west-1"): 78.0,
    ("us-west-2", "eu-west-1"): 141.0,
}
"""Usual round-trip time between two regions, ms."""


def nodes_of(region: Region) -> tuple[str, ...]:
    """Names of a region's nodes.

    Examples
    --------
    >>> nodes_of(REGIONS[2])
    ('euw1-n1', 'euw1-n2', 'euw1-n3', 'euw1-n4')
    """
    return tuple(f"{region.code}-n{i}" for i in range(1, NODES_PER_REGION + 1))


def series(name: str, **labels: str) -> LabelSet:
    """A series by its metric name and labels.

    Examples
    --------
    >>> str(series("dag_tx_rate", region="eu-west-1"))
    'dag_tx_rate{region="eu-west-1"}'
    """
    return LabelSet({NAME_LABEL: name, **labels})


@dataclass(frozen=True, slots=True)
class SeriesMatch:
    """Which series something is about.

    Attributes
    ----------
    name : str
        Metric name; ``*`` stands for any text.
    labels : tuple of (str, str)
        Labels the series must have, exactly.

    Examples
    --------
    >>> match = SeriesMatch("node_*", (("node", "euw1-n1"),))
    >>> match.fits(series("node_cpu_ratio", node="euw1-n1")), match.fits(series("node_cpu_ratio", node="euw1-n2"))
    (True, False)
    """

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    def fits(self, labels: LabelSet) -> bool:
        """Whether a series is meant."""
        return fnmatchcase(labels.name, self.name) and all(labels.get(name) == value for name, value in self.labels)

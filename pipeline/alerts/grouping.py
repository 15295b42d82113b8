"""Which anomalies belong together: the incident group, and the deterministic ids of incidents."""

from __future__ import annotations

import hashlib

from pipeline.config.schema import IncidentSettings
from pipeline.engine.anomaly import Anomaly

__all__ = ["REGION_LABEL", "group_labels", "incident_group", "incident_id"]

REGION_LABEL = "region"


def group_labels(anomaly: Anomaly, settings: IncidentSettings, region: str) -> dict[str, str]:
    """Values of the labels that an incident group is made of.

    Parameters
    ----------
    anomaly : Anomaly
        Any anomaly of the group.
    settings : IncidentSettings
        `group_by` names the labels and their order.
    region : str
        Stands in for the label ``region`` where the series carries none.

    Returns
    -------
    dict of str to str
        In the order of `group_by`; a label the series lacks has the value ``""``.
    """
    values = {name: anomaly.series.get(name) for name in settings.group_by}
    if REGION_LABEL in values and not values[REGION_LABEL]:
        values[REGION_LABEL] = region
    return values


def incident_group(anomaly: Anomaly, settings: IncidentSettings, region: str) -> str:
    r"""Key of the incident group: the Kafka key on ``anomalies-checked`` and ``incidents``.

    Category and label values written as in a Prometheus selector, with backslash, quote and line break escaped, so that
    two groups never share a key.

    Parameters
    ----------
    anomaly : Anomaly
        Any anomaly of the group.
    settings : IncidentSettings
        `group_by` names the labels.
    region : str
        Region of the worker, for series without the label.

    Examples
    --------
    >>> from pipeline.engine.anomaly import Anomaly
    >>> from pipeline.samples.labels import LabelSet
    >>> nan = float("nan")
    >>> series = LabelSet({"__name__": "tps", "service": "dag"})
    >>> anomaly = Anomaly("0" * 32, "point", "opened", "0" * 32, "metrics", 0, 7, 0, 1, 1, series, "tps", "application",
    ...     "gaussian", 9.0, nan, nan, nan, 9.0, 1e-9, 1e-9, 1, "c", (), (1,), (9.0,), "")
    >>> incident_group(anomaly, IncidentSettings(), "us-east-1")
    'application{region="us-east-1",service="dag"}'
    """

    def quote(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    inside = ",".join(f'{name}="{quote(value)}"' for name, value in group_labels(anomaly, settings, region).items())
    return f"{anomaly.category}{{{inside}}}"


def incident_id(group: str, opening_anomaly_id: str) -> str:
    """Deterministic id of the incident that this anomaly opened in this group: 32 hex digits.

    Examples
    --------
    >>> len(incident_id("application{}", "ab" * 16)), incident_id("a", "b") == incident_id("a", "b")
    (32, True)
    """
    return hashlib.blake2b(f"{group}\x00{opening_anomaly_id}".encode(), digest_size=16).hexdigest()

"""Codecs by the format name of a source topic."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.codecs.base import Codec
from pipeline.codecs.fluentd_json import FluentdJsonCodec
from pipeline.codecs.log_json import LogJsonCodec
from pipeline.codecs.metric_json import MetricJsonCodec
from pipeline.codecs.otlp_metrics import OtlpMetricsCodec
from pipeline.codecs.remote_write import RemoteWriteCodec
from pipeline.config.schema import SourceTopic

__all__ = ["FORMATS", "codec"]

FORMATS: dict[str, Callable[[], Codec]] = {
    "metric_json": MetricJsonCodec,
    "remote_write": RemoteWriteCodec,
    "otlp_metrics": OtlpMetricsCodec,
    "log_json": LogJsonCodec,
    "fluentd_json": FluentdJsonCodec,
}
"""Format name → what makes its codec."""


def codec(source: SourceTopic) -> Codec:
    """The codec of a source topic.

    Examples
    --------
    >>> codec(SourceTopic(name="m", kind="metrics", format="metric_json")).name
    'metric_json'
    """
    return FORMATS[source.format]()

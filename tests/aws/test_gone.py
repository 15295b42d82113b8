"""Endpoints that are gone: every remote provider says so in time, and leaves them alone after a while."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from pipeline.clock import SystemClock
from pipeline.config.schema import CrosscheckSettings
from pipeline.crosscheck.registry import build_provider
from pipeline.samples.labels import LabelSet
from tests.stories.timeline import make_anomaly

GONE = {"endpoint_url": "http://127.0.0.1:1", "region": "us-east-1", "max_calls_per_minute": 6_000, "burst_calls": 100}
PROVIDERS: dict[str, dict[str, Any]] = {
    "cloudwatch": {"metrics": [{}]},
    "lookout": {"detectors": [{"name": "dag", "measures": {"tps": {"metric": "dag_tps"}}}]},
    "amp": {"workspace_id": "ws-1", "detectors": [{"alias": "dag"}]},
    "opensearch": {"detectors": [{"name": "dag", "detector_id": "d1"}]},
}


@pytest.mark.parametrize("kind", PROVIDERS)
def test_who_is_gone_is_unknown_with_the_reason_and_then_left_alone(kind: str) -> None:
    settings = CrosscheckSettings.model_validate(
        {"deadline_secs": 20, "provider": {"type": kind, **GONE, "breaker_failures": 1, "max_attempts": 1, **PROVIDERS[kind]}}
    )
    suspicions = [replace(make_anomaly(f"n{i}"), series=LabelSet({"__name__": "dag_tps", "node": f"n{i}"})) for i in range(2)]

    async def run() -> list[tuple[str, str]]:
        provider = build_provider(settings, SystemClock())
        assert provider is not None
        try:
            verdicts = [(await provider.judge([one], 5.0))[0] for one in suspicions]
        finally:
            await provider.close()
        return [(verdict.outcome, verdict.reason) for verdict in verdicts]

    assert asyncio.run(run()) == [("unknown", "unreachable"), ("unknown", "circuit_open")]

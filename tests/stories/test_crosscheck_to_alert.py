"""The low-volume road in one piece: anomalies through the cross-check with the real local provider into alert events."""

from __future__ import annotations

import asyncio

import numpy as np

from pipeline.alerts.explain import explain
from pipeline.alerts.grouping import incident_group
from pipeline.alerts.severity import grade_anomaly
from pipeline.clock import ManualClock
from pipeline.crosscheck.base import CheckedAnomaly
from pipeline.crosscheck.registry import build_provider
from pipeline.crosscheck.stage import CrosscheckStage
from pipeline.engine.anomaly import Anomaly
from pipeline.telemetry.metrics import Metrics
from tests.stories.timeline import Timeline, at_ns, make_anomaly

RULES = {"severity": [{"name": "dag", "match": {"name": "tps_true"}, "severity": "P1"}]}


def anomaly_over(values: list[float], name: str, at: float, offset: int) -> Anomaly:
    times = tuple(at_ns(at - 10 * (len(values) - 1 - i)) for i in range(len(values)))
    return make_anomaly(name, at, offset, value=values[-1], context_value=tuple(values), context_time_ns=times)


def run_road(crosscheck: dict[str, object], *, is_false_first: bool = False) -> tuple[Timeline, Metrics, dict[str, Anomaly]]:
    rng = np.random.default_rng(11)
    usual = rng.normal(10, 1, 63).tolist()
    spiky = list(usual)
    spiky[3::4] = [30.0 + i * 0.1 for i in range(len(spiky[3::4]))]
    contexts = {"true": [*usual, 60.0], "false": [*spiky, 30.8]}
    names = sorted(contexts, reverse=not is_false_first)
    batch = {name: anomaly_over(contexts[name], name, 0, i) for i, name in enumerate(names)}
    story, metrics = Timeline(RULES, crosscheck), Metrics()

    async def publish(checked: CheckedAnomaly) -> None:
        # As over Kafka: bytes in between, keyed by group.
        assert (
            incident_group(checked.anomaly, story.policy.alerts.incident, "us-east-1")
            == 'application{region="us-east-1",service="dag"}'
        )
        story.push(CheckedAnomaly.from_json(checked.to_json()))

    async def run() -> None:
        settings = story.policy.crosscheck
        clock = ManualClock()
        stage = CrosscheckStage(settings, build_provider(settings, clock), clock, metrics)
        await stage.check(list(batch.values()), lambda one: grade_anomaly(one, story.policy.alerts.severity).severity, publish)
        await stage.close()

    asyncio.run(run())
    return story, metrics, batch


def test_a_true_spike_is_told_at_once_then_confirmed_and_a_false_one_lowered() -> None:
    story, metrics, _ = run_road({"on_confirmed": "raise", "policy": {"P1": "emit_then_update"}})
    assert [(event.type, event.severity) for event in story.events] == [("firing", "P1"), ("updated", "P0")]
    assert story.events[-1].verdicts["confirmed"] == 1
    assert metrics.read("verdicts_total", provider="local", outcome="confirmed", reason="tail") == 1
    assert metrics.read("verdicts_total", provider="local", outcome="refuted", reason="tail") == 1
    # The false one joined within update_min_secs: told when due.
    assert story.tick(at=60) == ["2 updated P0 joined,verdict_refuted"]
    assert {one.series.name: one.verdict and one.verdict.outcome for one in story.events[-1].series} == {
        "tps_true": "confirmed",
        "tps_false": "refuted",
    }


def test_the_first_alert_carries_the_verdict_of_a_local_provider() -> None:
    story, _, _ = run_road({"on_confirmed": "raise"})
    assert [(event.type, event.severity, event.verdicts["confirmed"]) for event in story.events] == [("firing", "P0", 1)]


HOLD_AND_MUTE = {"on_refuted": "mute", "policy": {"P1": "hold", "P3": "hold"}}


def test_a_refutation_that_comes_after_a_confirmation_is_outvoted() -> None:
    story, _, batch = run_road(HOLD_AND_MUTE)
    assert story.state is not None
    assert "refuted_muted" not in story.trail
    trace = explain(batch["false"].id, checked=story.messages, alerts=story.events, incidents=[story.state])
    assert trace.conclusion.startswith(
        f"It joined incident {story.events[0].incident_id}, which has alerted; no event has named it yet"
    )
    assert "cross-check local: refuted" in trace.render()


def test_a_refutation_that_comes_first_mutes_until_the_confirmation() -> None:
    story, _, batch = run_road(HOLD_AND_MUTE, is_false_first=True)
    assert story.state is not None
    assert [code for code in story.trail if "muted" in code] == ["refuted_muted", "unmuted_confirmed"]
    assert [(event.type, event.n_series_open) for event in story.events] == [("firing", 2)]
    trace = explain(batch["false"].id, checked=story.messages, alerts=story.events, incidents=[story.state])
    assert trace.conclusion.startswith(f"It alerted: incident {story.events[0].incident_id}")

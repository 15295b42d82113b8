"""Whatever the provider's delays and failures: once final each, in order per series."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.clock import ManualClock
from pipeline.config.schema import CrosscheckSettings
from pipeline.crosscheck.base import CheckedAnomaly, Verdict
from pipeline.crosscheck.stage import CrosscheckStage
from pipeline.engine.anomaly import Anomaly
from tests.stories.timeline import make_anomaly

anomalies = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(["opened", "opened", "continued", "cleared"]), st.sampled_from(["P1", "P3"])
    ),
    max_size=12,
)


class Moody:
    """Takes as many turns as drawn, and fails as drawn."""

    name = "moody"

    def __init__(self, moods: list[tuple[int, bool]]) -> None:
        self._moods = moods
        self._n_asked = 0

    async def judge(self, anomalies: Sequence[Anomaly], deadline_secs: float) -> Sequence[Verdict]:
        turns, fails = self._moods[self._n_asked % len(self._moods)]
        self._n_asked += 1
        for _ in range(turns):
            await asyncio.sleep(0)
        if fails:
            raise ConnectionError("gone")
        return [Verdict(self.name, "confirmed", "tail", anomaly.id) for anomaly in anomalies]

    async def close(self) -> None:
        """Nothing to release."""


@settings(deadline=None, max_examples=150)
@given(
    batches=st.lists(anomalies, min_size=1, max_size=3),
    moods=st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=4),
    max_in_flight=st.integers(1, 4),
    is_concurrent=st.booleans(),
)
def test_once_final_each_and_in_order_per_series(
    batches: list[list[tuple[str, str, str]]], moods: list[tuple[int, bool]], max_in_flight: int, is_concurrent: bool
) -> None:
    offset = 0
    severity_by_id: dict[str, str] = {}
    made: list[list[Anomaly]] = []
    for batch in batches:
        made.append([])
        for name, phase, severity in batch:
            offset += 1
            anomaly = make_anomaly(name, offset, offset, phase=phase)
            severity_by_id[anomaly.id] = severity
            made[-1].append(anomaly)
    published: list[CheckedAnomaly] = []

    async def publish(checked: CheckedAnomaly) -> None:
        await asyncio.sleep(0)
        published.append(checked)

    async def run() -> None:
        settings = CrosscheckSettings(max_in_flight=max_in_flight, policy={"P1": "emit_then_update"})
        stage = CrosscheckStage(settings, Moody(moods), ManualClock())
        calls = [stage.check(batch, lambda one: severity_by_id[one.id], publish) for batch in made]  # type: ignore[arg-type,return-value]
        if is_concurrent:
            await asyncio.gather(*calls)
        else:
            for call in calls:
                await call
        assert not stage._last_by_series

    asyncio.run(run())
    by_series: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    for checked in published:
        by_series[checked.anomaly.series.name].append((checked.anomaly.offset, checked.is_final))
        assert (checked.verdict is not None) == (checked.is_final and checked.anomaly.phase == "opened")
        if checked.verdict is not None and checked.verdict.outcome == "confirmed":
            assert checked.verdict.detail == checked.anomaly.id
    expected: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    for anomaly in (one for batch in made for one in batch):
        is_told_first = anomaly.phase == "opened" and severity_by_id[anomaly.id] == "P1"
        expected[anomaly.series.name] += ([(anomaly.offset, False)] if is_told_first else []) + [(anomaly.offset, True)]
    assert by_series == expected

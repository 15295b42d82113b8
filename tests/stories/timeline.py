"""Alert stories: push at t, see what is told.  Every event is validated, every state goes through JSON."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import orjson

from pipeline.alerts.event import AlertEvent
from pipeline.alerts.incident import apply, tick
from pipeline.alerts.policy import AlertPolicy
from pipeline.alerts.schema import validate
from pipeline.alerts.state import IncidentState
from pipeline.clock import NS_PER_SEC
from pipeline.config.schema import AlertSettings, CrosscheckSettings
from pipeline.crosscheck.base import CheckedAnomaly, Verdict
from pipeline.engine.anomaly import Anomaly
from pipeline.samples.labels import LabelSet

START_NS = 1_700_000_000 * NS_PER_SEC


def at_ns(at_secs: float) -> int:
    """Seconds of the story as event time."""
    return START_NS + round(at_secs * NS_PER_SEC)


def make_anomaly(name: str = "a", at: float = 0.0, offset: int = 0, **fields: object) -> Anomaly:
    """An anomaly of series `name` (metric ``tps_<name>`` unless `series` is given) that opens an episode."""
    anomaly_id = hashlib.blake2b(f"{name}{offset}{fields.get('phase')}".encode(), digest_size=16).hexdigest()
    base = Anomaly(
        id=anomaly_id,
        kind="point",
        phase="opened",
        episode_id=anomaly_id,
        topic="metrics",
        partition=0,
        offset=offset,
        position=0,
        event_time_ns=at_ns(at),
        started_ns=at_ns(at),
        series=LabelSet({"__name__": f"tps_{name}", "region": "us-east-1", "service": "dag"}),
        detector="dag",
        category="application",
        model="gaussian",
        value=9.0,
        expected=1.0,
        lower=0.0,
        upper=2.0,
        score=8.0,
        tail_probability=1e-7,
        peak_tail_probability=1e-7,
        n_anomalous=1,
        config_hash="c0ffee",
        contributors=(),
        context_time_ns=tuple(at_ns(at - 10 * (39 - i)) for i in range(40)),
        context_value=(*[1.0 + 0.01 * (i % 7) for i in range(39)], 9.0),
        explanation=f"tps_{name} was 9, expected 1",
        runbook="https://runbooks.example/tps",
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def make_verdict(outcome: str, tail: float | None = None) -> Verdict:
    """A verdict of the provider ``fake``."""
    return Verdict("fake", outcome, "tail", f"it is {outcome}", tail)  # type: ignore[arg-type]


class Timeline:
    """One incident group through time.

    ``told`` holds one text per event: ``sequence type severity`` and the reason codes.
    """

    def __init__(self, alerts: dict[str, object] | None = None, crosscheck: dict[str, object] | None = None) -> None:
        self.policy = AlertPolicy(
            AlertSettings.model_validate(alerts or {}), CrosscheckSettings.model_validate(crosscheck or {}), "us-east-1"
        )
        self.state: IncidentState | None = None
        self.events: list[AlertEvent] = []
        self.messages: list[CheckedAnomaly] = []
        self._opened: dict[str, Anomaly] = {}
        self._source_offset = 0

    def push(self, checked: CheckedAnomaly, at: float | None = None) -> list[str]:
        """One message; wall clock `at` or its event time.  Returns what it told."""
        now_ns = checked.anomaly.event_time_ns if at is None else at_ns(at)
        self.messages.append(checked)
        state, events = apply(self.state, checked, now_ns=now_ns, offset=len(self.messages) - 1, policy=self.policy)
        return self._keep(state, events)

    def open(self, name: str, at: float, verdict: str | None = None, is_final: bool = True, **fields: object) -> list[str]:
        """An episode opens."""
        self._source_offset += 1
        anomaly = make_anomaly(name, at, self._source_offset, **fields)
        self._opened[name] = anomaly
        return self.push(CheckedAnomaly(anomaly, None if verdict is None else make_verdict(verdict), is_final))

    def judge(self, name: str, outcome: str) -> list[str]:
        """The verdict on an opening comes."""
        return self.push(CheckedAnomaly(self._opened[name], make_verdict(outcome), True))

    def go_on(self, name: str, at: float, **fields: object) -> list[str]:
        """An episode is reported again."""
        return self.push(CheckedAnomaly(self._later(name, at, phase="continued", n_anomalous=5, **fields), None, True))

    def clear(self, name: str, at: float) -> list[str]:
        """An episode ends."""
        return self.push(CheckedAnomaly(self._later(name, at, phase="cleared", n_anomalous=5), None, True))

    def tick(self, at: float) -> list[str]:
        """Wall-clock time passes."""
        assert self.state is not None
        return self._keep(*tick(self.state, at_ns(at), self.policy))

    @property
    def trail(self) -> list[str]:
        """Reason codes, oldest first."""
        assert self.state is not None
        return [reason.code for reason in self.state.trail]

    def _later(self, name: str, at: float, **fields: object) -> Anomaly:
        self._source_offset += 1
        opened = self._opened[name]
        return replace(
            make_anomaly(name, at, self._source_offset, **fields),
            episode_id=opened.id,
            started_ns=opened.started_ns,
            series=opened.series,
            kind=opened.kind,
        )

    def _keep(self, state: IncidentState, events: list[AlertEvent]) -> list[str]:
        restored = IncidentState.from_json(state.to_json())
        assert restored == state
        self.state = restored
        for event in events:
            validate(orjson.loads(event.to_json()))
            assert AlertEvent.from_json(event.to_json()) == event
        self.events.extend(events)
        return [
            f"{event.sequence} {event.type} {event.severity} {','.join(code for code, _ in event.reasons)}" for event in events
        ]

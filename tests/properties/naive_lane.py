"""A lane one can read: one record at a time, plain dicts and lists, no kernel of the engine; what each rule says, done literally."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from models import registry
from models.base import Estimator, Scores
from pipeline.clock import NS_PER_SEC
from pipeline.codecs.metric_json import MetricJsonCodec
from pipeline.config.matching import matches
from pipeline.config.schema import Config, DetectorSettings, TailThreshold
from pipeline.errors import RecordError
from pipeline.samples.labels import LabelSet
from tests.properties.naughty_log import Row, batch_of

__all__ = ["NaiveLane"]


class NaiveTail:
    """The calibrated tail of one series, as `pipeline.engine.threshold` describes it."""

    def __init__(self) -> None:
        self.n = 0
        self.centre = self.spread = self.level = self.mean_excess = self.n_excess = 0.0
        self.rate = 0.02

    def estimate(self, x: float) -> float:
        excess = x - self.level
        if self.n == 0 or excess <= 0:
            return 1.0
        mean = self.mean_excess or self.spread
        if mean == 0:
            return 1e-300
        shape = 0.2 + 1 / (self.n_excess + 2)
        return max(self.rate * (1 + shape * excess / (0.8 * mean)) ** (-1 / shape), 1e-300)

    def learn(self, x: float, share: float) -> None:
        if self.n == 0:
            self.centre = self.level = x
        has_spread = self.spread > 0
        weight = share * max(1 / (self.n + 1), 0.0005)
        deviation = x - self.centre
        if self.n > 20 and self.spread > 0:
            deviation = math.copysign(min(abs(deviation), 10 * self.spread), deviation)
        self.spread += weight * (abs(deviation) - self.spread)
        self.centre += weight * deviation
        self.level += weight * 6 * self.spread * (0.98 if x > self.level else -(1 - 0.98))
        above = x > self.level
        self.rate += share * max(1 / (self.n + 50), 0.0005) * (above - self.rate)
        if above:
            excess = x - self.level
            if self.n_excess >= 3:
                excess = min(excess, 10 * self.mean_excess)
            elif self.n > 20 and has_spread:
                excess = min(excess, max(10 * self.mean_excess, 100 * self.spread))
            self.mean_excess += share * max(1 / (self.n_excess + 1), 0.005) * (excess - self.mean_excess)
            self.n_excess += share
        self.n += 1


@dataclass
class NaiveDetector:
    """One detector for one series."""

    settings: DetectorSettings
    estimator: Estimator
    tail: NaiveTail = field(default_factory=NaiveTail)
    is_open: bool = False
    run: list[int] = field(default_factory=list)
    n_normal: int = 0
    reported_ns: int = 0

    def look(self, event_time_ns: int, value: float) -> tuple[str | None, str]:
        """Phase of what is to be reported, if anything, and what became of an anomalous sample."""
        out = Scores.empty(1)
        ready = self.estimator.score_learn_many(np.zeros(1, np.int64), np.array([event_time_ns]), np.array([value]), out)
        if not ready[0]:
            return None, ""
        score, expected = float(out.score[0]), float(out.expected[0])
        tail_settings = self.settings.threshold if isinstance(self.settings.threshold, TailThreshold) else None
        if self.estimator.is_calibrated:
            x, p = 0.0, 1.0 - score
        elif self.estimator.score_kind == "raw":
            x = score
            p = self.tail.estimate(x)
        else:
            x = 0.0 if value == expected else min(-math.log10(max(1 - score, 1e-300)), 300.0)
            p = max(self.tail.estimate(x), 10.0**-x)
        verdict: bool | None
        rare = False
        if tail_settings is not None:
            verdict = rare = self.tail.n >= tail_settings.min_samples and p <= tail_settings.probability
            if self.tail.n < tail_settings.min_samples:
                verdict = None
        else:
            verdict = score >= self.settings.threshold.score  # type: ignore[union-attr]
        self.tail.learn(x, 0.1 if rare and p <= 0.001 else 1.0)
        if verdict is None:
            return None, ""
        fate = ""
        if verdict and self.settings.direction != "both" and not math.isnan(expected):
            above = self.settings.direction == "above"
            if (value <= expected) if above else (value >= expected):
                verdict, fate = False, "direction"
        return self._follow(event_time_ns, verdict, fate)

    def _follow(self, event_time_ns: int, is_anomalous: bool, fate: str) -> tuple[str | None, str]:
        rules = self.settings.episode
        if is_anomalous:
            self.n_normal = 0
            self.run.append(event_time_ns)
            phase = None
            if not self.is_open and len(self.run) >= rules.open_after_samples:
                self.is_open, phase = True, "opened"
            elif self.is_open and event_time_ns - self.reported_ns >= rules.repeat_secs * NS_PER_SEC:
                phase = "continued"
            if phase:
                self.reported_ns = event_time_ns
            return phase, "reported" if phase else "folded"
        if not self.is_open:
            self.run = []
            return None, fate
        self.n_normal += 1
        if self.n_normal < rules.clear_after_samples:
            return None, fate
        self.is_open, self.run, self.n_normal = False, [], 0
        return "cleared", fate


@dataclass
class NaiveSeries:
    """One series: its newest times, its habit, its detectors."""

    labels: LabelSet
    detectors: list[NaiveDetector]
    newest: list[int] = field(default_factory=list)
    n: int = 0
    interval: float = 0.0
    deviation: float = 0.0
    is_silent: bool = False
    is_absent: bool = False

    def judge(self, t: int, lateness_ns: int) -> str:
        if self.newest and t <= self.newest[-1]:
            if t in self.newest:
                return "duplicate"
            if self.newest[-1] - t > lateness_ns or (len(self.newest) == 8 and t < self.newest[0]):
                return "late"
            self.newest = sorted([*self.newest, t])[-8:]
            self.n += 1
            return "scored"
        gap = t - self.newest[-1] if self.newest else 0
        self.newest = [*self.newest, t][-8:]
        if self.n >= 8:
            clipped = min(gap, 4 * (self.interval + self.deviation))
            self.deviation += (abs(clipped - self.interval) - self.deviation) / 32
            self.interval += (clipped - self.interval) / 32
        elif self.n:
            gaps = sorted(b - a for a, b in zip(self.newest, self.newest[1:], strict=False))
            self.interval = float(gaps[len(gaps) // 2])
            self.deviation = sum(min(abs(g - self.interval), 4 * self.interval) for g in gaps) / len(gaps)
        self.n += 1
        self.is_silent = False
        return "scored"


class NaiveLane:
    """The whole lane for metric JSON.

    Attributes
    ----------
    told : list of tuple
        (offset, kind, phase, detector, series) of every anomaly, in order.
    dead : list of tuple
        (offset, code) of every dead letter.
    outcomes, reasons : dict
        Counts, as in the accounting.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.source = config.topics[0]
        self.series: dict[LabelSet, NaiveSeries] = {}
        self.order: list[LabelSet | None] = []
        self.watermark = -1
        self.cell = -1
        self.heard_from = self.kept_from = -1
        self.told: list[tuple[int, str, str, str, str]] = []
        self.dead: list[tuple[int, str]] = []
        self.outcomes = dict.fromkeys(("scored", "late", "duplicate", "filtered", "dead_lettered"), 0)
        self.reasons: dict[tuple[str, str], int] = {}
        self.anomalous = {"reported": 0, "folded": 0, "direction": 0}
        self._codec = MetricJsonCodec()

    def take(self, row: Row) -> None:
        outcome, reason = self._take(row)
        self.outcomes[outcome] += 1
        if outcome != "scored":
            self.reasons[outcome, reason] = self.reasons.get((outcome, reason), 0) + 1
        if outcome == "dead_lettered":
            self.dead.append((row[0], reason))

    def _take(self, row: Row) -> tuple[str, str]:
        offset, timestamp_ms, _, value = row
        if value is None:
            return "filtered", "empty"
        points = self._codec.decode(batch_of([row]))
        if points.bad:
            return "dead_lettered", points.bad[0].error.code
        t, number = int(points.event_time_ns[0]), float(points.value[0])
        if timestamp_ms >= 0 and t > timestamp_ms * 1_000_000 + self.source.future_secs * NS_PER_SEC:
            return "dead_lettered", "TIME_FUTURE"
        try:
            given = {k: v for k, v in points.labels_of(points.keys[0]).items() if v != ""}
            labels = LabelSet({**self.source.labels, **given})
        except RecordError as error:
            return "dead_lettered", error.code
        outcome = self._sample(offset, t, number, labels)
        if self.watermark // self.grid_ns > self.cell:
            self.cell = self.watermark // self.grid_ns
            self._look_around(offset)
        return outcome

    @property
    def grid_ns(self) -> int:
        return round(self.config.series.check_interval_secs * NS_PER_SEC)

    def _sample(self, offset: int, t: int, number: float, labels: LabelSet) -> tuple[str, str]:
        one = self.series.get(labels)
        if one is None:
            if len(self.series) >= self.config.series.max_per_partition:
                self.watermark = max(self.watermark, t)
                return "filtered", "ceiling"
            one = self._open(labels)
        gap = t - one.newest[-1] if one.newest else 0
        was_overdue = gap > 0 and self._is_overdue(one, gap)
        was_silent = one.is_silent
        verdict = one.judge(t, round(self.source.lateness_secs * NS_PER_SEC))
        if t > self.watermark:
            step = t - self.watermark
            if self.watermark >= 0 and gap > 0:
                if was_overdue and step > self.config.series.silence_min_secs * NS_PER_SEC:
                    self.heard_from = t
                if step > self.config.series.evict_after_secs * NS_PER_SEC:
                    self.kept_from = t
            self.watermark = t
        if was_silent and not one.is_silent and one.is_absent:
            one.is_absent = False
            self._tell(offset, "absence", "cleared", one)
        if verdict != "scored":
            return verdict, verdict
        for detector in one.detectors:
            phase, fate = detector.look(t, number)
            if fate:
                self.anomalous[fate] += 1
            if phase:
                self.told.append((offset, "point", phase, detector.settings.name, str(labels)))
        return ("scored", "") if one.detectors else ("filtered", "no_detector")

    def _open(self, labels: LabelSet) -> NaiveSeries:
        detectors = []
        for settings in self.config.detectors:
            if matches(settings.match, self.source.name, labels.to_dict()):
                estimator = registry.build(settings.model.type, settings.model.parameters)
                estimator.reserve(1)
                detectors.append(NaiveDetector(settings, estimator))
                if not settings.also:
                    break
        one = self.series[labels] = NaiveSeries(labels, detectors)
        if None in self.order:
            self.order[self.order.index(None)] = labels
        else:
            self.order.append(labels)
        return one

    def _is_overdue(self, one: NaiveSeries, quiet: int) -> bool:
        rules = self.config.series
        return (
            one.n >= rules.silence_min_samples
            and quiet > rules.silence_min_secs * NS_PER_SEC
            and quiet > rules.silence_intervals * (one.interval + one.deviation)
        )

    def _look_around(self, offset: int) -> None:
        silent = []
        for slot, labels in enumerate(self.order):
            if labels is None:
                continue
            one = self.series[labels]
            last = one.newest[-1]
            if self.watermark - max(last, self.kept_from) > self.config.series.evict_after_secs * NS_PER_SEC:
                for detector in one.detectors:
                    if detector.is_open:
                        self.told.append((offset, "point", "cleared", detector.settings.name, str(labels)))
                if one.is_absent:
                    self._tell(offset, "absence", "cleared", one)
                del self.series[labels]
                self.order[slot] = None
            elif not one.is_silent and self._is_overdue(one, self.watermark - max(last, self.heard_from)):
                one.is_silent = True
                silent.append(one)
        for one in silent:
            if any(detector.settings.absence for detector in one.detectors):
                one.is_absent = True
                self._tell(offset, "absence", "opened", one)

    def _tell(self, offset: int, kind: str, phase: str, one: NaiveSeries) -> None:
        detector = next(detector for detector in one.detectors if detector.settings.absence)
        self.told.append((offset, kind, phase, detector.settings.name, str(one.labels)))

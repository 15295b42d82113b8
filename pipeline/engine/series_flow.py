"""Samples of one partition on their way through series index, series clock and detectors, to anomalies.

The outcome is that of one record at a time.  Most batches are one pass all the same: only where series are evicted, or a series that is
new comes after the watermark may have let others be evicted, is a batch cut into stretches.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.codecs.base import SeriesKey
from pipeline.codecs.key_slices import take_keys
from pipeline.config.schema import Config, SourceTopic
from pipeline.engine.absence import Absence, OpenAbsences, Turn
from pipeline.engine.accounting import DEAD_LETTERED, DUPLICATE, FILTERED, LATE, SCORED, Accounting
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.dirty_blocks import DirtyBlocks
from pipeline.engine.flow_output import EVICTED, HEARD, KNOWN, NEWS, POINT, SILENT, FlowOutput, Observer, RankedAnomaly
from pipeline.engine.news import News, OpenNews
from pipeline.engine.report import Context, Place, Reporter
from pipeline.engine.routing import Detectors, choose_detectors
from pipeline.engine.vector_reports import close_periods
from pipeline.errors import RecordError
from pipeline.logs.mined_lines import NewTemplate
from pipeline.samples import lateness
from pipeline.samples.batch import SampleBatch
from pipeline.samples.index import BAD_LABELS, REFUSED, UNKNOWN, LabelsOf, SeriesIndex
from pipeline.samples.lateness import SeriesClock, Verdicts

__all__ = ["SeriesFlow"]

_NEVER_NS = 2**63 - 1
_IntColumn = npt.NDArray[np.int64]
_Codes = npt.NDArray[np.int8]

_OUTCOME_OF = np.zeros(4, dtype=np.int8)
_OUTCOME_OF[lateness.ACCEPTED] = SCORED
_OUTCOME_OF[lateness.LATE] = LATE
_OUTCOME_OF[lateness.DUPLICATE] = DUPLICATE
_OUTCOME_OF[lateness.UNUSABLE] = DEAD_LETTERED


class SeriesFlow:
    """The series of one partition and what is known about them.

    Parameters
    ----------
    config : Config
        Series settings and detectors.
    source : SourceTopic
        Of the partition.
    reporter : Reporter
        Builds its anomalies.

    Attributes
    ----------
    index : SeriesIndex
    clock : SeriesClock
    detectors : Detectors
    n_evicted : int
        Series forgotten so far.
    dirty : DirtyBlocks
        Slots of which something is not in a checkpoint yet.
    observer : Observer or None
        Who is told of every sample that was scored; nothing depends on it.
    """

    def __init__(self, config: Config, source: SourceTopic, reporter: Reporter) -> None:
        self.index = SeriesIndex(config.series.max_per_partition, source.labels)
        # Rates of log templates end on purpose, after a row of zeros: their silence means nothing.
        is_log = source.kind == "logs"
        settings = config.series.model_copy(update={"silence_intervals": math.inf}) if is_log else config.series
        self.clock = SeriesClock(settings, source.lateness_secs)
        self.detectors = Detectors(config.detectors, source.name)
        self.n_evicted = 0
        self.observer: Observer | None = None
        self._settings = config.detectors
        self._topic = source.name
        self._reporter = reporter
        self._absences = OpenAbsences(config.detectors, reporter)
        self._news = OpenNews(config.detectors, reporter)
        self.dirty = DirtyBlocks()

    def take(
        self,
        samples: SampleBatch,
        keys: Sequence[SeriesKey],
        labels_of: LabelsOf,
        start: int,
        stop: int,
        accounting: Accounting | None,
    ) -> FlowOutput:
        """Take samples in.

        Parameters
        ----------
        samples : SampleBatch
            `slot` as `SeriesIndex.find_slots` gives it for `keys`; mutated.
        keys : sequence of B
            Their series.
        labels_of : callable
            Of the codec.
        start, stop : int
            Which of them; both at the edge of a record.
        accounting : Accounting or None
            Where the samples are counted; None = they are learned once more, and nothing is reported.
        """
        errors: list[tuple[int, RecordError]] = []
        anomalies: list[RankedAnomaly] = []
        outcome = np.empty(samples.n_samples, dtype=np.int8)
        verdicts = Verdicts.empty(samples.n_samples)
        begin = start
        while begin < stop:
            limit = self._open_series(samples, keys, labels_of, begin, stop, errors)
            turns: list[Turn] = []
            end, idle, is_due = self._watch(samples, begin, limit, verdicts, turns)
            if is_due:
                at = self._place_of_look(samples, end)
                known = self._news.settle(at)
                if accounting is not None:
                    anomalies += [RankedAnomaly(at.offset, at.position, KNOWN, anomaly) for anomaly in known]
            self._score(samples, begin, end, verdicts, turns, outcome, anomalies, accounting)
            if is_due and self.detectors.groups:
                anomalies += close_periods(self.detectors.groups, self._reporter, self._place_of_look(samples, end), accounting)
            if idle.size:
                self._evict(samples, end, idle, anomalies, accounting)
            self.dirty.mark(samples.slot[begin:end])
            self.dirty.mark(idle)
            begin = end
        if accounting is not None:
            accounting.add_samples(outcome[start:stop])
        # Stable: what is of one sample and rank stays in order of detectors and slots.
        anomalies.sort(key=lambda ranked: ranked[:3])
        return FlowOutput(outcome[start:stop], errors, anomalies)

    def snapshot_head(self) -> dict[str, Any]:
        """What belongs to no single series, as plain values."""
        return {
            "n_slots": self.index.n_slots,
            "time": self.clock.time,
            "n_evicted": self.n_evicted,
            "routing_hash": self.detectors.routing_hash,
            "absences": self._absences.to_list(),
            "news": self._news.to_list(),
            "groups": self.detectors.snapshot_groups(),
        }

    def snapshot_slots(self, start: int, stop: int) -> dict[str, Any]:
        """The series in slots from `start` up to `stop`: a dict of arrays and plain values, all copies."""
        index = self.index.snapshot(start, stop)
        return {"index": index, "clock": self.clock.snapshot(index["slots"]), "detectors": self.detectors.snapshot(start, stop)}

    def restore(self, head: Mapping[str, Any], blocks: Iterable[Mapping[str, Any]]) -> None:
        """Take over snapshots of the head and of all slots, block by block; nothing was taken in yet.

        Raises
        ------
        StateError
            They are damaged or of another release.
        """
        n_slots = int(head["n_slots"])
        self.index.clear(n_slots)
        self.clock.reserve(n_slots)
        self.clock.restore_time(head["time"])
        self.detectors.reserve(n_slots)
        is_routing_same = head["routing_hash"] == self.detectors.routing_hash
        for block in blocks:
            self.index.restore(block["index"])
            slots = block["index"]["slots"]
            self.clock.restore(slots, block["clock"])
            self.detectors.restore(block["detectors"], slots, self.index.label_set, is_routing_same=is_routing_same)
        self.detectors.restore_groups(head["groups"], self.index)
        self.n_evicted = int(head["n_evicted"])
        self._absences.restore(head["absences"])
        self._news.restore(head["news"])

    def announce(self, news: NewTemplate, place: Place, *, is_told: bool) -> list[RankedAnomaly]:
        """Take in a new template, between the samples before its record and those from it on.

        Parameters
        ----------
        news : NewTemplate
            Of the log miner.
        place : Place
            Of the line.
        is_told : bool
            False = it is learned once more, and nothing is reported.
        """
        try:
            series = self.index.complete(news.labels)
        except RecordError:
            # The rate of a series with such labels is refused as well, and tells why.
            return []
        chosen = choose_detectors(self._settings, self._topic, series)
        if not chosen:
            return []
        anomaly = self._news.open(News(chosen[0], series, place, news.template, news.example))
        return [RankedAnomaly(place.offset, place.position, NEWS, anomaly)] if is_told else []

    def _open_series(
        self,
        samples: SampleBatch,
        keys: Sequence[SeriesKey],
        labels_of: LabelsOf,
        start: int,
        stop: int,
        errors: list[tuple[int, RecordError]],
    ) -> int:
        """Give new series a slot, as far as it is certain which slots are free then; returns how far the samples can be taken."""
        slots = samples.slot
        unknown = np.flatnonzero(slots[start:stop] == UNKNOWN) + start
        if not unknown.size:
            return stop
        # Up to there no look at the series can come in between.
        is_past = samples.event_time_ns[start:stop] >= self.clock.next_check_ns()
        edge = stop
        if is_past.any():
            edge = int(np.searchsorted(samples.row, samples.row[start + int(is_past.argmax())], side="right"))
        opened = unknown[unknown < edge]
        if opened.size:
            self.index.open_slots(keys, slots, start, edge, labels_of)
            self.clock.reserve(self.index.n_slots)
            self.detectors.reserve(self.index.n_slots)
            for i in opened.tolist():
                slot = int(slots[i])
                if slot == BAD_LABELS:
                    errors.append((i, self.index.error_of(keys[i])))
                elif slot >= 0 and not self.detectors.is_routed(slot):
                    self.detectors.route(slot, self.index.label_set(slot))
        # Others of the series that were opened just now are known; the first that is not waits for its turn.
        at, n_looked_up = opened.size, 64
        while at < unknown.size:
            some = unknown[at : at + n_looked_up]
            slots[some] = self.index.find_slots(take_keys(keys, some))
            waiting = some[slots[some] == UNKNOWN]
            if waiting.size:
                return int(np.searchsorted(samples.row, samples.row[waiting[0]], side="left"))
            at, n_looked_up = at + some.size, 2 * n_looked_up
        return stop

    def _watch(
        self, samples: SampleBatch, start: int, stop: int, verdicts: Verdicts, turns: list[Turn]
    ) -> tuple[int, _IntColumn, bool]:
        """Let the clock take samples, up to where series are to be evicted or news is due; notes silences that begin and end."""
        due_ns = min(self._news.due_ns, *(group.table.due_ns for group in self.detectors.groups), _NEVER_NS)
        while True:
            end, idle, silent, has_looked = self.clock.take(samples, start, stop, verdicts, due_ns=due_ns)
            is_due = has_looked and self.clock.watermark_ns >= due_ns
            if self._absences:
                for i in (np.flatnonzero(verdicts.was_silent[start:end]) + start).tolist():
                    slot = int(samples.slot[i])
                    absence = self._absences.end(slot)
                    if absence is not None:
                        turns.append(Turn(i + 1, HEARD, "cleared", Place.of_sample(samples, i), slot, absence))
            if silent.size:
                self.dirty.mark(silent)
                place = self._place_of_look(samples, end)
                for slot in silent.tolist():
                    ordinal = self.detectors.absence_ordinal_of(slot)
                    if ordinal is not None:
                        absence = Absence(
                            ordinal,
                            place.offset,
                            place.position,
                            self.clock.last_time_ns(slot),
                            round(self.clock.usual_interval_ns(slot)),
                        )
                        self._absences.open(slot, absence)
                        turns.append(Turn(end, SILENT, "opened", place, slot, absence))
            if idle.size or is_due or end == stop:
                return end, idle, is_due
            start = end

    def _score(
        self,
        samples: SampleBatch,
        start: int,
        stop: int,
        verdicts: Verdicts,
        turns: list[Turn],
        outcome: _Codes,
        anomalies: list[RankedAnomaly],
        accounting: Accounting | None,
    ) -> None:
        """Score what the clock accepted, remember it, and report what was found and what the clock noted."""
        code = verdicts.code[start:stop]
        outcome[start:stop] = _OUTCOME_OF[code]
        accepted = np.flatnonzero(code == lateness.ACCEPTED) + start
        is_all = accepted.size == samples.n_samples
        taken = samples if is_all else samples.select(accepted)
        is_scored = self.detectors.are_scored(taken.slot)
        if not is_scored.all():
            outcome[accepted[~is_scored]] = FILTERED
        if accepted.size < stop - start:
            outcome[start:stop][samples.slot[start:stop] == REFUSED] = FILTERED
        n_over = 0
        if self.detectors.groups:
            is_over = self.detectors.take_into_groups(taken)
            outcome[accepted[is_over]] = LATE
            n_over = int(np.count_nonzero(is_over))
        findings = self.detectors.score(taken)
        if self.observer is not None:
            for detector, found in findings:
                self.observer(detector, found, self.index)
        if accounting is not None:
            n_unscored = int(np.count_nonzero(~is_scored))
            _count(accounting, samples.slot[start:stop], outcome[start:stop], n_unscored=n_unscored, n_over=n_over)
            for detector, found in findings:
                events = found.events
                for ordinal, i in enumerate(events.sample.tolist()):
                    slot = int(found.samples.slot[i])
                    n_past = int(found.given[i]) + 1
                    anomaly = self._reporter.report_point(
                        detector, found, ordinal, self.index.label_set(slot), self._context_with(slot, taken, n_past)
                    )
                    anomalies.append(RankedAnomaly(anomaly.offset, anomaly.position, POINT, anomaly))
                accounting.add_anomalous(events.n_reported, events.n_folded, events.n_wrong_side)
            for turn in turns:
                n_past = int(np.searchsorted(accepted, turn.end))
                context = self._context_with(turn.slot, taken, n_past)
                anomaly = self._absences.report(turn.absence, turn.phase, turn.place, self.index.label_set(turn.slot), context)
                anomalies.append(RankedAnomaly(anomaly.offset, anomaly.position, turn.rank, anomaly))
        self.clock.remember(taken.slot, taken.event_time_ns, taken.value)

    def _evict(
        self,
        samples: SampleBatch,
        end: int,
        idle: _IntColumn,
        anomalies: list[RankedAnomaly],
        accounting: Accounting | None,
    ) -> None:
        """Forget series; what is open about them ends."""
        if accounting is not None:
            place = self._place_of_look(samples, end)
            for slot in idle.tolist():
                anomalies += [
                    RankedAnomaly(place.offset, place.position, EVICTED, anomaly) for anomaly in self._close(slot, place)
                ]
                # One by one, so that the last of a group is seen to be it.
                self.detectors.remove_from_groups(slot)
        for slot in idle.tolist():
            self._absences.end(slot)
        self.detectors.remove(idle)
        self.clock.reset(idle)
        self.index.evict(idle)
        self.n_evicted += idle.size
        ahead = samples.slot[end:]
        ahead[np.isin(ahead, idle)] = UNKNOWN

    def _close(self, slot: int, place: Place) -> list[Anomaly]:
        """The ends of all that is open about a series that is forgotten."""
        closed: list[Anomaly] = []
        absence = self._absences.find(slot)
        series = self.index.label_set(slot)
        for detector in self.detectors.detectors_of(slot):
            facts = detector.open_episode_of(slot)
            if facts is not None:
                idle_ns = place.event_time_ns - self.clock.last_time_ns(slot)
                context = Context.of_columns(*self.clock.context(slot))
                closed.append(self._reporter.report_point_evicted(detector, facts, place, series, context, idle_ns))
        for group in self.detectors.groups:
            if group.table.is_last_of_group(slot):
                number = group.table.group_of(slot)
                facts = group.detector.open_episode_of(number)
                if facts is not None:
                    labels, idle_ns = group.table.label_set(number), place.event_time_ns - self.clock.last_time_ns(slot)
                    closed.append(self._reporter.report_point_evicted(group.detector, facts, place, labels, Context(), idle_ns))
        if absence is not None:
            context = Context.of_columns(*self.clock.context(slot))
            closed.append(self._absences.report(absence, "cleared", place, series, context, is_evicted=True))
        return closed

    def _place_of_look(self, samples: SampleBatch, end: int) -> Place:
        """Where and when the clock has looked at the series: after the sample before `end`."""
        at = Place.of_sample(samples, end - 1)
        return Place(at.offset, at.position, self.clock.watermark_ns)

    def _context_with(self, slot: int, taken: SampleBatch, n_past: int) -> Context:
        return Context.of_columns(
            *self.clock.context_with(slot, taken.slot[:n_past], taken.event_time_ns[:n_past], taken.value[:n_past])
        )


def _count(accounting: Accounting, slots: _IntColumn, outcome: _Codes, *, n_unscored: int, n_over: int) -> None:
    """Name the reasons of samples that are neither scored nor in a dead letter."""
    accounting.add_reason("filtered", "no_detector", n_unscored)
    if n_unscored or outcome.any():
        accounting.add_reason("filtered", "ceiling", int(np.count_nonzero(slots == REFUSED)))
        accounting.add_reason("late", "late", int(np.count_nonzero(outcome == LATE)) - n_over)
        accounting.add_reason("late", "group_period", n_over)
        accounting.add_reason("duplicate", "duplicate", int(np.count_nonzero(outcome == DUPLICATE)))

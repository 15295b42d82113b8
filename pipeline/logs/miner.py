"""The log miner of one partition: lines to rates of templates, and new templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from pipeline.clock import NS_PER_SEC
from pipeline.codecs.base import LogLines, Points, SeriesKey
from pipeline.codecs.record import RecordBatch
from pipeline.codecs.record_labels import RecordLabels
from pipeline.config.schema import LogSettings, SourceTopic
from pipeline.errors import StateError
from pipeline.logs.mined_lines import (
    LINE_FILTERED,
    LINE_LATE,
    LINE_SCORED,
    LOG_RATE_NAME,
    MinedLines,
    NewTemplate,
    RateFacts,
)
from pipeline.logs.rate_windows import ClosedRate, RateWindows
from pipeline.logs.template_finder import TemplateFinder
from pipeline.logs.template_tree import Template
from pipeline.samples.labels import NAME_LABEL

__all__ = ["NEWS_PER_WINDOW", "OTHER", "LogMiner"]

OTHER = "other"
"""Template id and text of lines for whose template there was no room."""

NEWS_PER_WINDOW = 20
"""New templates of a partition that are told in the time of one window."""

_SERIES_PER_TEMPLATE = 4
_MAX_EXAMPLE_CHARACTERS = 1_000
_MAX_TEXT_CHARACTERS = 300
_MAX_LABEL_CHARACTERS = 120
_SNAPSHOT_VERSION = 1

_Group = tuple[str, ...]
_Key = tuple[str, str, _Group]
"""Template id, level, values of the labels that rates are kept apart by."""


class LogMiner:
    """Mines the lines of one partition.

    Every line that is in time teaches the template tree and is counted in its window of event time.  When a line moves the watermark
    over the end of a window by the topic's lateness, the counts become points (`pipeline.logs.rate_windows`), placed at that line.  A
    template is news when the partition has had `new_template_after_lines` lines before; of more than `NEWS_PER_WINDOW` in the time of
    one window the rest is withheld: lines that never repeat, or a new release, are one piece of news, not thousands.

    Parameters
    ----------
    settings : LogSettings
        Windows, similarity, ceiling, grouping.
    source : SourceTopic
        The topic: lateness, labels for sources that lack them.

    Notes
    -----
    A deterministic function of the log: the same whatever the batches.  Lines from the future are not looked for here: take them out
    before, since they would close windows early.

    Labels of a rate: ``__name__`` `LOG_RATE_NAME`, those of `group_by`, ``template_id`` (12 hex digits over the first line, which it
    keeps), ``template`` (its text when it was first reported, cut to 120 characters) and ``level``.

    Memory: a template about 2 kB, at most `max_templates`; a live series about 300 bytes, at most 4 for each template of the ceiling.

    Examples
    --------
    >>> miner = LogMiner(LogSettings(window_secs=60), SourceTopic(name="l", kind="logs", format="log_json", lateness_secs=0))
    >>> lines = LogLines(
    ...     row=np.arange(3),
    ...     event_time_ns=np.array([10, 20, 60]) * 1_000_000_000,
    ...     message=["disk sda1 is full", "disk sdb2 is full", "ready"],
    ...     level=["ERROR", "ERROR", "INFO"],
    ...     labels=[{"service": "db"}] * 3,
    ... )
    >>> batch = RecordBatch.from_rows("l", 0, [(offset, 0, None, b"") for offset in range(3)])
    >>> mined = miner.take(batch, lines)
    >>> points = mined.points
    >>> points.row.tolist(), points.event_time_ns.tolist(), (points.value * 60).tolist()
    ([2], [60000000000], [2.0])
    >>> labels = points.labels_of(points.keys[0])
    >>> labels["template"], labels["level"], labels["service"], mined.facts[0].example
    ('disk <*> is full', 'ERROR', 'db', 'disk sda1 is full')
    """

    def __init__(self, settings: LogSettings, source: SourceTopic) -> None:
        self._settings = settings
        self._group_defaults = [(name, source.labels.get(name, "")) for name in settings.group_by]
        self._window_ns = max(round(settings.window_secs * NS_PER_SEC), 1)
        self._windows = RateWindows[_Key](
            self._window_ns, round(source.lateness_secs * NS_PER_SEC), _SERIES_PER_TEMPLATE * settings.max_templates
        )
        self._finder = TemplateFinder(settings.similarity, settings.max_templates)
        self._label_text_by_id: dict[str, str] = {OTHER: OTHER}
        self._n_lines = 0
        self._n_other = 0
        # Window of the watermark in which news was last told, and how many.
        self._news_window = -1
        self._n_news = 0

    @property
    def n_templates(self) -> int:
        """Templates so far."""
        return len(self._finder)

    @property
    def n_lines(self) -> int:
        """Lines mined so far; late ones are not."""
        return self._n_lines

    @property
    def n_series(self) -> int:
        """Series that report rates at present."""
        return self._windows.n_series

    def take(self, batch: RecordBatch, lines: LogLines) -> MinedLines:
        """Mine the lines of a batch.

        Parameters
        ----------
        batch : RecordBatch
            Where the lines come from; batches come in the order of their offsets.
        lines : LogLines
            As decoded, in order of rows.
        """
        del batch  # The place of a line is its row; the rest of the record does not matter to mining.
        windows = self._windows
        find = self._finder.find
        advance, is_closed, count = windows.advance, windows.is_closed, windows.count
        watermark_ns = windows.watermark_ns
        outcome = np.full(len(lines), LINE_SCORED, dtype=np.int8)
        closed: list[ClosedRate[_Key]] = []
        closed_at: list[tuple[int, int]] = []
        facts: list[RateFacts] = []
        new_templates: list[NewTemplate] = []
        withheld: list[int] = []
        group_by_labels: dict[int, _Group] = {}
        times, rows = lines.event_time_ns.tolist(), lines.row.tolist()
        for i, (event_time_ns, message, level, labels) in enumerate(
            zip(times, lines.message, lines.level, lines.labels, strict=True)
        ):
            if event_time_ns > watermark_ns:
                watermark_ns = event_time_ns
                due = advance(event_time_ns)
                if due:
                    closed += due
                    closed_at.append((rows[i], len(due)))
                    facts += map(self._facts_of, due)
            if is_closed(event_time_ns):
                outcome[i] = LINE_LATE
                continue
            # Labels of a batch are alive until its end, so that their identity will do.
            group = group_by_labels.get(id(labels))
            if group is None:
                group = self._group_of(labels)
                group_by_labels[id(labels)] = group
            template, is_new = find(message)
            if template is None:
                self._n_other += 1
            key = (template.id if template is not None else OTHER, level, group)
            if template is not None and is_new and self._n_lines >= self._settings.new_template_after_lines:
                if self._may_announce(watermark_ns):
                    new_templates.append(self._announce(rows[i], event_time_ns, template, key, message))
                else:
                    withheld.append(rows[i])
            self._n_lines += 1
            if not count(event_time_ns, key, message):
                outcome[i] = LINE_FILTERED
        return MinedLines(self._points_of(closed, closed_at), facts, new_templates, withheld, outcome)

    def labels_of(self, key: SeriesKey) -> dict[str, str]:
        """Labels of a series key of the points."""
        template_id, level, group = cast(_Key, key)
        return {
            **{name: value for (name, _), value in zip(self._group_defaults, group, strict=True) if value},
            **({"level": level} if level else {}),
            NAME_LABEL: LOG_RATE_NAME,
            "template_id": template_id,
            "template": self._label_text_by_id[template_id],
        }

    def snapshot(self) -> dict[str, Any]:
        """Everything it has learned, as plain JSON values; the caches are left out, since nothing depends on them."""
        return {
            "version": _SNAPSHOT_VERSION,
            "window_ns": self._window_ns,
            "group_by": self._settings.group_by,
            "n_lines": self._n_lines,
            "n_other": self._n_other,
            "news": [self._news_window, self._n_news],
            "templates": self._finder.snapshot(),
            "label_texts": dict(self._label_text_by_id),
            "windows": self._windows.snapshot(),
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Replace everything by what `snapshot` of a miner of the same settings returned; it goes on bit for bit.

        Templates and what their series are called are kept whatever the settings are now.  Where windows have another length, or
        series other labels, counting begins anew at the first window that begins after those that were closed.

        Raises
        ------
        StateError
            Of a version not known here (``LOG_SNAPSHOT``), or damaged.
        """
        if snapshot.get("version") != _SNAPSHOT_VERSION:
            raise StateError(
                f"log miner: found a snapshot of version {snapshot.get('version')!r}, expected {_SNAPSHOT_VERSION}; run the release "
                "that wrote it, or start without it",
                code="LOG_SNAPSHOT",
            )
        self._n_lines = int(snapshot["n_lines"])
        self._n_other = int(snapshot["n_other"])
        self._finder.restore(snapshot["templates"])
        self._label_text_by_id = dict(snapshot["label_texts"])
        if snapshot["window_ns"] == self._window_ns and snapshot["group_by"] == self._settings.group_by:
            self._windows.restore(snapshot["windows"], _to_key)
            self._news_window, self._n_news = snapshot["news"]
        else:
            self._windows.begin_after(snapshot["windows"], int(snapshot["window_ns"]))
            self._news_window, self._n_news = -1, 0

    def _may_announce(self, watermark_ns: int) -> bool:
        window = watermark_ns // self._window_ns
        if window != self._news_window:
            self._news_window, self._n_news = window, 0
        self._n_news += 1
        return self._n_news <= NEWS_PER_WINDOW

    def _group_of(self, labels: Mapping[str, str]) -> _Group:
        find = labels.find if isinstance(labels, RecordLabels) else labels.get
        return tuple([find(name) or default for name, default in self._group_defaults])

    def _announce(self, row: int, event_time_ns: int, template: Template, key: _Key, message: str) -> NewTemplate:
        self._fix_label_text(template.id)
        text = template.text[:_MAX_EXAMPLE_CHARACTERS]
        return NewTemplate(row, event_time_ns, self.labels_of(key), text, message[:_MAX_EXAMPLE_CHARACTERS], self._n_lines)

    def _facts_of(self, rate: ClosedRate[_Key]) -> RateFacts:
        template_id = rate.key[0]
        self._fix_label_text(template_id)
        template = self._finder.get(template_id)
        if template is None:
            return RateFacts(OTHER, rate.n_lines, self._n_other, rate.example)
        return RateFacts(template.text[:_MAX_TEXT_CHARACTERS], rate.n_lines, template.n_lines, rate.example)

    def _fix_label_text(self, template_id: str) -> None:
        # The text in the labels is that of the first report, for ever: labels are the identity of a series.
        if template_id not in self._label_text_by_id:
            template = self._finder.get(template_id)
            text = template.text if template is not None else ""
            if len(text) > _MAX_LABEL_CHARACTERS:
                text = text[: _MAX_LABEL_CHARACTERS - 1] + "…"
            self._label_text_by_id[template_id] = text

    def _points_of(self, closed: list[ClosedRate[_Key]], closed_at: list[tuple[int, int]]) -> Points:
        n_by_row = np.array([n for _, n in closed_at], dtype=np.int64)
        starts = np.cumsum(n_by_row) - n_by_row
        window_secs = self._window_ns / NS_PER_SEC
        return Points(
            row=np.repeat(np.array([row for row, _ in closed_at], dtype=np.int64), n_by_row),
            position=np.arange(len(closed), dtype=np.int64) - np.repeat(starts, n_by_row),
            event_time_ns=np.array([rate.end_ns for rate in closed], dtype=np.int64),
            value=np.array([rate.n_lines for rate in closed], dtype=np.float64) / window_secs,
            keys=[rate.key for rate in closed],
            labels_of=self.labels_of,
        )


def _to_key(plain: Any) -> _Key:
    template_id, level, group = plain
    return template_id, level, tuple(group)

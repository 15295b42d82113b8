"""History in a notebook: a table or files in, every sample with its band and every anomaly out, from the worker's own engine.

The way is that of `HistoryScorer`: samples become the records their replay puts on a topic, and those go through the lanes the worker
runs.  What a configuration finds here it finds in production.  Needs pandas (``pip install 'streamwarden[notebooks]'``).

Importing this module brings the models along, and with them the time that Numba needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models.errors import ParameterError
from pipeline.codecs.event_times import read_times
from pipeline.config.load import config_hash, load_config
from pipeline.config.model_fit import find_misfit
from pipeline.config.report import render_path
from pipeline.config.schema import Config, DetectorSettings, SourceTopic
from pipeline.engine.accounting import Accounting
from pipeline.engine.anomaly import Anomaly
from pipeline.engine.dead_letter import DeadLetter
from pipeline.engine.model_fault import ModelFault
from pipeline.errors import ConfigError, HistoryError
from pipeline.history.entry import Entry, SampleEntry, SeriesText
from pipeline.history.scoring import HistoryScorer
from pipeline.history.trace import Trace
from pipeline.samples.labels import NAME_LABEL, LabelSet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ScoredHistory", "default_config", "score_entries", "score_frame"]


def default_config(*detectors: DetectorSettings) -> Config:
    """A configuration with one topic of each format and the given detectors, or the default one for everything.

    Examples
    --------
    >>> [topic.name for topic in default_config().topics], default_config().detectors[0].model.type
    (['metrics', 'logs', 'logs-fluentd'], 'default')
    """
    topics = [
        SourceTopic(name="metrics", kind="metrics", format="metric_json"),
        SourceTopic(name="logs", kind="logs", format="log_json"),
        SourceTopic(name="logs-fluentd", kind="logs", format="fluentd_json"),
    ]
    return Config(version=1, topics=topics, detectors=list(detectors) or [DetectorSettings(name="default")])


@dataclass(frozen=True, slots=True)
class ScoredHistory:
    """What the engine made of history.

    Attributes
    ----------
    trace : Trace
        Every sample that was scored.
    anomalies : list of Anomaly
        As the worker would publish them, in order.
    dead_letters : list of DeadLetter
        Records that could not be used.
    accounting : Accounting
        Records and samples by outcome.
    faults : list of ModelFault
        Models that raised on what their detectors gave them.
    """

    trace: Trace
    anomalies: list[Anomaly]
    dead_letters: list[DeadLetter]
    accounting: Accounting
    faults: list[ModelFault]

    def to_frame(self, *labels: str) -> pd.DataFrame:
        """Samples by series and time: the columns of `Trace.columns`, ``time`` in place of ``time_ns``, series and detector as text.

        Parameters
        ----------
        *labels : str
            Labels of the series that get a column of their own.
        """
        import pandas as pd

        columns: dict[str, Any] = self.trace.columns()
        numbers, series = columns["series"], self.trace.series
        columns["series"] = pd.Categorical.from_codes(numbers, categories=[str(one) for one in series])
        columns["detector"] = pd.Categorical.from_codes(columns["detector"], categories=self.trace.detectors)
        time = pd.to_datetime(columns.pop("time_ns"), unit="ns", utc=True)
        return pd.DataFrame(
            {
                "time": time,
                **columns,
                **{label: pd.Series([one.get(label) for one in series], dtype="str").to_numpy()[numbers] for label in labels},
            }
        )

    def anomalies_frame(self, *labels: str) -> pd.DataFrame:
        """Anomalies in order, one a row: time, series, detector, kind, phase, value, band, tail probability, explanation, id.

        Parameters
        ----------
        *labels : str
            Labels of the series that get a column of their own.
        """
        import pandas as pd

        def column(name: str, dtype: str) -> pd.Series[Any]:
            return pd.Series([getattr(one, name) for one in self.anomalies], dtype=dtype)

        numbers = ("value", "expected", "lower", "upper", "score", "tail_probability")
        return pd.DataFrame(
            {
                "time": pd.to_datetime(
                    np.array([one.event_time_ns for one in self.anomalies], dtype=np.int64), unit="ns", utc=True
                ),
                "series": pd.Series([str(one.series) for one in self.anomalies], dtype="str"),
                **{name: column(name, "str") for name in ("detector", "kind", "phase")},
                **{name: column(name, "float64") for name in numbers},
                "n_anomalous": column("n_anomalous", "int64"),
                **{name: column(name, "str") for name in ("explanation", "id")},
                **{label: pd.Series([one.series.get(label) for one in self.anomalies], dtype="str") for label in labels},
            }
        )


def score_entries(
    entries: Iterable[Entry], config: Config | Path | str | None = None, *, topic: str | None = None, form: str = "metric_json"
) -> ScoredHistory:
    """Score entries of history, such as those of `open_history`.

    Parameters
    ----------
    entries : iterable of Entry
        In the order of a replay.
    config : Config or path, optional
        ``topics.yaml``; `default_config` when absent.
    topic : str, optional
        Source topic they would be replayed into; the first of their format when absent.
    form : str
        Their format: `History.format`.

    Raises
    ------
    ConfigError
        The file is wrong, or a detector's model cannot do what the detector asks.
    HistoryError
        It has no such topic (``HISTORY_TOPIC``).
    """
    if config is None:
        config = default_config()
    elif not isinstance(config, Config):
        config = load_config(Path(config))
    else:
        _check_detectors(config)
    sources = [one for one in config.topics if one.name == topic or (topic is None and one.format == form)]
    if not sources:
        there = ", ".join(f"{one.name} ({one.format})" for one in config.topics)
        raise HistoryError(
            f"topic: expected {topic or f'one of format {form}'}, found {there}; add it to the configuration",
            code="HISTORY_TOPIC",
        )
    source = sources[0]
    scorer = HistoryScorer(config, source, n_partitions=source.partitions, config_hash=config_hash(config))
    trace = Trace()
    for lane in scorer.lanes:
        lane.observe(trace)
    anomalies: list[Anomaly] = []
    dead_letters: list[DeadLetter] = []
    for chunk in scorer.score(entries):
        anomalies += chunk.anomalies
        dead_letters += chunk.dead_letters
    accounting = Accounting()
    for lane in scorer.lanes:
        accounting.add(lane.accounting)
    return ScoredHistory(trace, anomalies, dead_letters, accounting, scorer.take_faults())


def _check_detectors(config: Config) -> None:
    """What `load_config` would say of the models of a configuration that was made without a file."""
    for detector in config.detectors:
        try:
            misfit = find_misfit(detector)
        except ParameterError as error:
            raise ConfigError(f"detector {detector.name}, model: {error}") from error
        if misfit is not None:
            raise ConfigError(f"detector {detector.name}, {render_path(misfit.path)}: {misfit}")


def score_frame(
    frame: pd.DataFrame,
    config: Config | Path | str | None = None,
    *,
    time: str = "time",
    value: str = "value",
    name: str | None = None,
    labels: Sequence[str] = (),
    topic: str | None = None,
) -> ScoredHistory:
    """Score a table of samples, one a row.

    Parameters
    ----------
    frame : DataFrame
        In any order: it is scored in that of its times, rows of one time in theirs.
    config : Config or path, optional
        ``topics.yaml``; `default_config` when absent.
    time : str
        Column of event times: datetimes (without a zone: UTC), numbers or RFC 3339 text (`pipeline.codecs.timestamps`).
    value : str
        Column of values.  Rows where it is NaN are left out: missing, not zero.
    name : str, optional
        Metric name; that of the value column when absent.
    labels : sequence of str
        Columns that make the label set of a series.
    topic : str, optional
        Source topic; the first of native metrics when absent.

    Raises
    ------
    ConfigError
        The file is wrong.
    HistoryError
        A column is missing (``HISTORY_COLUMN``), a time cannot be read (``HISTORY_TIME``) or a value is infinite (``HISTORY_VALUE``).

    Examples
    --------
    >>> import pandas as pd
    >>> from pipeline.config.schema import ModelSettings
    >>> days = pd.DataFrame({"time": range(1_700_000_000, 1_700_000_000 + 300), "cpu": [0.5, 0.6, 0.55] * 100})
    >>> days.loc[290, "cpu"] = 9.0
    >>> simple = DetectorSettings(name="simple", model=ModelSettings(type="gaussian_scorer"))
    >>> scored = score_frame(days, default_config(simple), value="cpu")
    >>> samples = scored.to_frame()
    >>> int(samples.is_anomalous.sum()), float(samples[samples.is_anomalous].value.iloc[0])
    (1, 9.0)
    >>> scored.anomalies[0].phase, str(scored.anomalies[0].series)
    ('opened', 'cpu')
    """
    for column in (time, value, *labels):
        if column not in frame.columns:
            there = ", ".join(map(str, frame.columns))
            raise HistoryError(f"table: expected a column {column!r}, found {there}; name it", code="HISTORY_COLUMN")
    frame = frame[frame[value].notna()]
    times_ns = _read_times(frame[time])
    values = frame[value].to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        at = int(np.flatnonzero(~np.isfinite(values))[0])
        raise HistoryError(
            f"table: row {frame.index[at]}, column {value!r}: found {values[at]}, expected a finite number; leave such samples out",
            code="HISTORY_VALUE",
        )
    metric = name or str(value)
    texts: dict[tuple[str, ...], SeriesText] = {}
    keys = list(zip(*(frame[label].astype(str) for label in labels), strict=True)) if labels else [()] * len(frame)
    for key in keys:
        if key not in texts:
            texts[key] = SeriesText(LabelSet({NAME_LABEL: metric, **dict(zip(labels, key, strict=True))}))
    order = np.argsort(times_ns, kind="stable").tolist()
    return score_entries((SampleEntry(int(times_ns[i]), texts[keys[i]], float(values[i])) for i in order), config, topic=topic)


def _read_times(column: pd.Series[Any]) -> npt.NDArray[np.int64]:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        times = pd.to_datetime(column, utc=True)
        if times.isna().any():
            raise HistoryError(
                f"table: row {times.index[times.isna()][0]}, column {column.name!r}: found no time, expected one; leave such rows out",
                code="HISTORY_TIME",
            )
        return np.asarray(times.dt.as_unit("ns").astype("int64"), dtype=np.int64)
    read = read_times(column.tolist(), np.arange(len(column)), where=str(column.name))
    if read.bad:
        raise HistoryError(f"table: row {column.index[read.bad[0].row]}: {read.bad[0].error}", code="HISTORY_TIME")
    return read.event_time_ns

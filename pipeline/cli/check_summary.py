"""What a configuration comes to, as data: what is read, who scores it at what cost, how alerts are graded, what to think about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from models.base import Estimator
from models.cost import is_accelerated, measure_series_nbytes, relative_cost
from pipeline.config.load import LoadedConfig, config_hash
from pipeline.config.matching import fits_glob
from pipeline.config.model_fit import build_detector_model, list_hints, model_parameters, order_columns
from pipeline.config.options import show_plain
from pipeline.config.schema import Config, DetectorSettings, FixedThreshold, Glob, Match, SeverityRule
from pipeline.logs.mined_lines import LOG_RATE_NAME

__all__ = ["DetectorSummary", "Summary", "describe_match", "summarize", "topics_of"]

_SAMPLED_SLOTS = 64


@dataclass(frozen=True, slots=True)
class DetectorSummary:
    """One detector in words and numbers.

    Attributes
    ----------
    name, category, direction : str
        As configured.
    model : str
        Registered name with the parameters that were given.
    is_accelerated : bool
        Whether it runs in compiled kernels.
    nbytes_per_series : int
        Bytes of model state a series; of one that grows, after 300 samples.
    relative_cost : float
        CPU time a sample beside the default detector's.
    threshold, episode : str
        In words.
    topics : tuple of str
        Source topics whose series it can get.
    match : str
        Series, in words.
    """

    name: str
    category: str
    direction: str
    model: str
    is_accelerated: bool
    nbytes_per_series: int
    relative_cost: float
    threshold: str
    episode: str
    topics: tuple[str, ...]
    match: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a configuration comes to.

    Attributes
    ----------
    file, config_hash, broker : str
        File; hash of what decides outcomes; address.
    topics, outputs : tuple of dict
        Topics read and written.
    detectors : tuple of DetectorSummary
        In order.
    crosscheck : str
        In words.
    incidents : str
        How anomalies are grouped, in words.
    severity : tuple of (str, str, str)
        Severity, name and condition of each rule in order.
    notes : tuple of str
        What is allowed but worth a thought.
    """

    file: str
    config_hash: str
    broker: str
    topics: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...]
    detectors: tuple[DetectorSummary, ...]
    crosscheck: str
    incidents: str
    severity: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def summarize(loaded: LoadedConfig) -> Summary:
    """Sum a configuration up; builds every model once, to weigh it."""
    config = loaded.config
    return Summary(
        file=loaded.document.name,
        config_hash=config_hash(config),
        broker=config.broker.bootstrap,
        topics=tuple(topic.model_dump(mode="json") for topic in config.topics),
        outputs=tuple(
            {"role": role, **getattr(config.outputs, role).model_dump(mode="json")} for role in type(config.outputs).model_fields
        ),
        detectors=tuple(_summarize_detector(detector, config) for detector in config.detectors),
        crosscheck=_describe_crosscheck(config),
        incidents=f"one per category, {' and '.join(config.alerts.incident.group_by)}; over after "
        f"{config.alerts.incident.resolve_after_secs:g} s without an anomaly",
        severity=tuple((rule.severity, rule.name, _describe_rule(rule)) for rule in config.alerts.severity),
        notes=tuple(_find_notes(config)),
    )


def topics_of(detector: DetectorSettings, config: Config) -> tuple[str, ...]:
    """Source topics whose series a detector can get: topics of logs give rates of log templates only.

    Examples
    --------
    >>> from pipeline.config.schema import SourceTopic
    >>> topics = [SourceTopic(name="m", kind="metrics", format="metric_json"), SourceTopic(name="l", kind="logs", format="log_json")]
    >>> cpu, rest = DetectorSettings(name="cpu", match=Match(name="cpu_*")), DetectorSettings(name="rest")
    >>> config = Config(version=1, topics=topics, detectors=[cpu, rest])
    >>> topics_of(cpu, config), topics_of(rest, config)
    (('m',), ('m', 'l'))
    """
    match = detector.match
    is_of_logs_only = match.name in (LOG_RATE_NAME, [LOG_RATE_NAME])
    return tuple(
        topic.name
        for topic in config.topics
        if fits_glob(match.topic, topic.name)
        and (fits_glob(match.name, LOG_RATE_NAME) if topic.kind == "logs" else not is_of_logs_only)
    )


def describe_match(match: Match) -> str:
    """A matcher in words.

    Examples
    --------
    >>> describe_match(Match(name=["a", "b*"], labels={"level": ["WARN", "ERROR"]})), describe_match(Match())
    ('a | b*, level = WARN | ERROR', 'everything')
    """
    parts = [] if match.name is None else [_describe_glob(match.name)]
    parts += [f"{label} = {_describe_glob(glob)}" if glob else f"no {label}" for label, glob in match.labels.items()]
    if match.topic is not None:
        parts.append(f"on {_describe_glob(match.topic)}")
    return ", ".join(parts) or "everything"


def _describe_glob(glob: Glob) -> str:
    return glob if isinstance(glob, str) else " | ".join(glob)


def _summarize_detector(detector: DetectorSettings, config: Config) -> DetectorSummary:
    model = build_detector_model(detector)
    model.reserve(_SAMPLED_SLOTS)
    threshold = detector.threshold
    cut = f"score ≥ {threshold.score:g}" if isinstance(threshold, FixedThreshold) else f"tail ≤ {threshold.probability:g}"
    episode = detector.episode
    parameters = ", ".join(f"{name}: {show_plain(value)}" for name, value in detector.model.parameters.items())
    return DetectorSummary(
        name=detector.name,
        category=detector.category,
        direction=detector.direction,
        model=detector.model.type + (f" {{{parameters}}}" if parameters else ""),
        is_accelerated=is_accelerated(detector.model.type, detector.model.parameters),
        nbytes_per_series=measure_series_nbytes(model),
        relative_cost=relative_cost(detector.model.type, model_parameters(detector)),
        threshold=cut,
        episode=f"{episode.open_after_samples} in a row to open, {episode.clear_after_samples} to clear",
        topics=topics_of(detector, config),
        match=_describe_series(detector, model),
    )


def _describe_series(detector: DetectorSettings, model: Estimator) -> str:
    series = describe_match(detector.match)
    if detector.group is not None:
        group = detector.group
        first, *others = order_columns(group)
        what = f"as vectors of {', '.join(group.features)}"
        if model.has_target:
            what += f", {first} predicted from {', '.join(others)}"
        elif model.n_features == 1:
            what += f", of which {first} only is looked at"
        return f"{series}, {what} per {' and '.join(group.by)} (joins in)"
    return series + (" (joins in)" if detector.also else "")


def _describe_crosscheck(config: Config) -> str:
    settings = config.crosscheck
    if settings.provider is None:
        return "none: no suspicion is asked about twice"
    held = [severity for severity, policy in settings.policy.items() if policy == "hold"]
    told = [severity for severity, policy in settings.policy.items() if policy != "hold"]
    parts = [f"{settings.provider.type}, {settings.deadline_secs:g} s to answer"]
    parts += [f"{', '.join(told)} told at once and updated"] if told else []
    parts += [f"{', '.join(held)} held for the verdict"] if held else []
    effect = {"lower": "lowers the severity by one", "mute": "mutes the suspicion", "keep": "changes nothing"}
    parts.append(f"a refutation {effect[settings.on_refuted]}")
    parts += ["a confirmation raises it by one"] if settings.on_confirmed == "raise" else []
    return "; ".join(parts)


def _describe_rule(rule: SeverityRule) -> str:
    parts: list[str] = [] if rule.category is None else [rule.category]
    parts += [] if rule.detector is None else [f"detector {_describe_glob(rule.detector)}"]
    parts += [] if rule.kind is None else [rule.kind.replace("_", " ")]
    parts += [] if rule.match == Match() else [describe_match(rule.match)]
    parts += [] if rule.max_tail_probability is None else [f"tail ≤ {rule.max_tail_probability:g}"]
    parts += [] if rule.min_series == 1 else [f"{rule.min_series} series or more at once"]
    return ", ".join(parts) or "everything"


def _find_notes(config: Config) -> Iterator[str]:
    idle = [detector.name for detector in config.detectors if not topics_of(detector, config)]
    if idle:
        yield f"{_name(idle, 'detector')} can get no series of any topic: see its match"
    lasting = [detector for detector in config.detectors if not detector.also and detector.group is None]
    if not any(describe_match(detector.match) == "everything" for detector in lasting):
        yield "series that fit no detector are not scored, only counted as filtered: end with a detector that has no match"
    slow = [detector.name for detector in config.detectors if not is_accelerated(detector.model.type, detector.model.parameters)]
    if slow:
        yield f"{_name(slow, 'detector')} runs river's own Python, unaccelerated: fit for a few series, not for thousands"
    for detector in config.detectors:
        yield from list_hints(detector)
    horizon_hours = config.worker.restart_horizon_secs / 3600.0
    short = [topic.name for topic in config.topics if topic.retention_hours is not None and topic.retention_hours < horizon_hours]
    if short:
        yield (
            f"{_name(short, 'topic')} keeps less than worker.restart_horizon_secs, {horizon_hours:g} h: "
            "a restarted worker re-learns from what is left"
        )
    if not config.alerts.severity:
        yield "there is no severity rule: every alert is P3"
    if config.crosscheck.provider is None:
        yield "the cross-check is off: every suspicion alerts on one detector's word"
    security = config.broker.security
    if security.protocol == "sasl_plaintext" and security.mechanism == "PLAIN":
        yield "the password crosses the network in the clear: protocol sasl_ssl encrypts it"
    lonely = [topic.name for topic in (*config.topics, *_outputs(config)) if topic.replication_factor == 1]
    if lonely and not config.broker.bootstrap.startswith(("127.", "localhost", "[::1]")):
        yield f"{_name(lonely, 'topic')} has one copy of its data: with three brokers or more, replication_factor: 3"


def _outputs(config: Config) -> list[Any]:
    return [getattr(config.outputs, role) for role in type(config.outputs).model_fields]


def _name(names: list[str], what: str) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{what} {shown}"

"""What topics shall be, beside what they are: what to make, to change, to refuse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.config.schema import Config, OutputTopic, SourceTopic

__all__ = ["Change", "Plan", "TopicSpec", "TopicState", "make_plan", "want_topics"]

Action = Literal["create", "change", "refuse"]

_MS_PER_HOUR = 3_600_000
_RETENTIONS = frozenset({"retention.ms", "retention.bytes"})
_UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as the configuration wants it.

    Attributes
    ----------
    name, role : str
        Kafka name; ``source`` or the key under ``outputs``.
    n_partitions, replication_factor : int
        As configured.
    settings : mapping of str to str
        Kafka topic settings, retention included.
    """

    name: str
    role: str
    n_partitions: int
    replication_factor: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the cluster has it.

    Attributes
    ----------
    n_partitions, replication_factor : int
        As they are; the replication factor is that of the least replicated partition.
    settings : mapping of str to str
        Effective settings; those the broker does not tell are left out.
    """

    n_partitions: int
    replication_factor: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes
    ----------
    topic, what : str
        Topic; ``topic``, ``partitions``, ``replication_factor`` or a Kafka setting.
    action : {"create", "change", "refuse"}
        What `apply` does about it.
    found, wanted : str
        "" = there is none.
    note : str
        A warning, or why it is refused and the cure; "" = nothing to say.
    """

    topic: str
    what: str
    action: Action
    found: str
    wanted: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Every difference.

    Attributes
    ----------
    specs : tuple of TopicSpec
        All topics wanted.
    states : mapping of str to TopicState
        Those that are there.
    changes : tuple of Change
        In the order of the specs.
    """

    specs: tuple[TopicSpec, ...]
    states: Mapping[str, TopicState]
    changes: tuple[Change, ...]

    @property
    def refused(self) -> tuple[Change, ...]:
        """What `apply` will not do."""
        return tuple(change for change in self.changes if change.action == "refuse")

    @property
    def to_do(self) -> tuple[Change, ...]:
        """What `apply` will do."""
        return tuple(change for change in self.changes if change.action != "refuse")

    def spec(self, topic: str) -> TopicSpec:
        """What a topic shall be."""
        return next(spec for spec in self.specs if spec.name == topic)


def want_topics(config: Config) -> tuple[TopicSpec, ...]:
    """Every topic the worker needs: those it reads and those it writes.

    Examples
    --------
    >>> source = SourceTopic(name="m", kind="metrics", format="metric_json", retention_hours=1.5)
    >>> from pipeline.config.schema import DetectorSettings
    >>> specs = want_topics(Config(version=1, topics=[source], detectors=[DetectorSettings(name="all")]))
    >>> [spec.name for spec in specs], dict(specs[0].settings)
    (['m', 'anomalies', 'anomalies-checked', 'verdicts', 'alerts', 'incidents', 'dead-letters', 'checkpoints'],
     {'retention.ms': '5400000'})
    """
    wanted: list[tuple[str, SourceTopic | OutputTopic]] = [("source", topic) for topic in config.topics]
    wanted += [(role, getattr(config.outputs, role)) for role in type(config.outputs).model_fields]
    return tuple(
        TopicSpec(topic.name, role, topic.partitions, topic.replication_factor, _settings_of(topic)) for role, topic in wanted
    )


def _settings_of(topic: SourceTopic | OutputTopic) -> dict[str, str]:
    settings = dict(topic.config)
    if isinstance(topic, SourceTopic) and topic.retention_hours is not None:
        settings["retention.ms"] = str(round(topic.retention_hours * _MS_PER_HOUR))
    return settings


def make_plan(specs: Iterable[TopicSpec], states: Mapping[str, TopicState], *, may_lower_retention: bool = False) -> Plan:
    """Compare what topics shall be with what they are.

    Nothing is ever deleted: fewer partitions, another number of copies, and, unless `may_lower_retention`, a shorter
    retention are refused.  Settings the configuration does not name are left as they are.

    Examples
    --------
    >>> spec = TopicSpec("m", "source", 6, 1, {"retention.ms": "1000"})
    >>> [change.action for change in make_plan([spec], {}).changes]
    ['create']
    >>> [(one.what, one.action) for one in make_plan([spec], {"m": TopicState(3, 1, {"retention.ms": "2000"})}).changes]
    [('partitions', 'change'), ('retention.ms', 'refuse')]
    >>> make_plan([spec], {"m": TopicState(6, 1, {"retention.ms": "1000"})}).changes
    ()
    """
    wanted = tuple(specs)
    changes: list[Change] = []
    for spec in wanted:
        state = states.get(spec.name)
        if state is None:
            changes.append(Change(spec.name, "topic", "create", "", describe_spec(spec)))
            continue
        changes += _compare_partitions(spec, state)
        changes += _compare_copies(spec, state)
        for name, value in spec.settings.items():
            changes += _compare_setting(spec, state, name, value, may_lower_retention=may_lower_retention)
    return Plan(wanted, states, tuple(changes))


def describe_spec(spec: TopicSpec) -> str:
    """A topic in words.

    Examples
    --------
    >>> describe_spec(TopicSpec("m", "source", 1, 3, {"cleanup.policy": "compact"}))
    '1 partition, 3 copies, cleanup.policy=compact'
    """
    partitions = f"{spec.n_partitions} partition{'s' if spec.n_partitions != 1 else ''}"
    copies = f"{spec.replication_factor} cop{'ies' if spec.replication_factor != 1 else 'y'}"
    return ", ".join([partitions, copies, *(f"{name}={value}" for name, value in spec.settings.items())])


def _compare_partitions(spec: TopicSpec, state: TopicState) -> list[Change]:
    found, wanted = state.n_partitions, spec.n_partitions
    if found == wanted:
        return []
    if found > wanted:
        cure = f"a topic cannot shrink without losing records; write partitions: {found}"
        return [Change(spec.name, "partitions", "refuse", str(found), str(wanted), cure)]
    if spec.role == "source":
        note = (
            "keys move to other partitions: series that move are learned anew, and are split until the old records have aged out"
        )
    elif spec.role in ("incidents", "checked"):
        note = "keys move to other partitions: incidents that are open now are left behind, and resolved as stale"
    else:
        note = "keys move to other partitions: messages of one key before and after stand in different ones"
    return [Change(spec.name, "partitions", "change", str(found), str(wanted), note)]


def _compare_copies(spec: TopicSpec, state: TopicState) -> list[Change]:
    found, wanted = state.replication_factor, spec.replication_factor
    if found == wanted:
        return []
    cure = "copies are moved with kafka-reassign-partitions, which takes a plan of brokers; "
    cure += f"do that, or write replication_factor: {found}"
    return [Change(spec.name, "replication_factor", "refuse", str(found), str(wanted), cure)]


def _compare_setting(spec: TopicSpec, state: TopicState, name: str, wanted: str, *, may_lower_retention: bool) -> list[Change]:
    found = state.settings.get(name)
    if found is None:
        # A broker that tells no settings, or does not know this one: setting it will say which.
        return [Change(spec.name, name, "change", "", wanted)] if state.settings else []
    if _canonical(found) == _canonical(wanted):
        return []
    if name in _RETENTIONS and _is_shorter(wanted, found):
        note = "the broker will delete records older than that"
        if not may_lower_retention:
            return [Change(spec.name, name, "refuse", found, wanted, f"{note}; apply with --lower-retention to allow it")]
        return [Change(spec.name, name, "change", found, wanted, note)]
    return [Change(spec.name, name, "change", found, wanted)]


def _canonical(value: str) -> str | float:
    """Equal for what means the same: numbers however written, lists in any order."""
    text = value.strip()
    try:
        return float(text) if len(text) < 16 else str(int(text))
    except ValueError:
        return ",".join(sorted(part.strip() for part in text.lower().split(",")))


def _is_shorter(wanted: str, found: str) -> bool:
    try:
        new, old = int(wanted), int(found)
    except ValueError:
        return False
    return new > _UNLIMITED and (old <= _UNLIMITED or new < old)

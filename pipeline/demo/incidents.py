"""The scheduled incidents of a simulation: what goes wrong, where, when, and which series show it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pipeline.clock import NS_PER_SEC
from pipeline.demo.network import SeriesMatch
from pipeline.demo.noise import stream
from pipeline.demo.timeline import Timeline

__all__ = ["Effect", "LogEffect", "ScheduledIncident", "schedule_incidents"]

Category = Literal["infrastructure", "application", "business", "security"]
LIVE_SECS = 3600.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What an incident does to the series it fits.

    Attributes
    ----------
    match : SeriesMatch
        Which series.
    kind : {"factor", "toward", "silence"}
        Multiply by `amount`; move from where the series stands to the level `amount`; send nothing.
    amount : float
        Factor or level at full strength; unused for silence.
    rise_secs, fall_secs : float
        Time to full strength after the start; time back to normal before the end.
    """

    match: SeriesMatch
    kind: Literal["factor", "toward", "silence"]
    amount: float = 1.0
    rise_secs: float = 30.0
    fall_secs: float = 30.0


@dataclass(frozen=True, slots=True)
class LogEffect:
    """Log lines of an incident.

    Attributes
    ----------
    service, region : str
        Who writes them.
    level, template : str
        Severity word; text with fields as in `pipeline.demo.log_templates`.
    rate : float
        Lines a simulated second.
    """

    service: str
    region: str
    level: str
    template: str
    rate: float


@dataclass(frozen=True, slots=True)
class ScheduledIncident:
    """One incident of the script.

    Attributes
    ----------
    name, title : str
        Short name; one line for the summary.
    region : str
        Region, or ``all``.
    category : str
        Category its alerts should have.
    start_secs, end_secs : float
        Simulated seconds since the beginning of the live part.
    effects, logs : tuples
        What it does.
    """

    name: str
    title: str
    region: str
    category: Category
    start_secs: float
    end_secs: float
    effects: tuple[Effect, ...] = ()
    logs: tuple[LogEffect, ...] = ()

    @property
    def affected(self) -> tuple[SeriesMatch, ...]:
        """The series that show it: those it changes, and the log series of the services that write its lines."""
        logs = (SeriesMatch("log_*", (("region", log.region), ("service", log.service))) for log in self.logs)
        return (*(effect.match for effect in self.effects), *logs)

    def start_ns(self, timeline: Timeline) -> int:
        """Event time of its start before any shift, ns UTC."""
        return timeline.live_start_ns + round(self.start_secs * NS_PER_SEC)

    def end_ns(self, timeline: Timeline) -> int:
        """Event time of its end before any shift, ns UTC."""
        return timeline.live_start_ns + round(self.end_secs * NS_PER_SEC)


def _in(region: str) -> tuple[tuple[str, str], ...]:
    return (("region", region),)


_SCRIPT = (
    ScheduledIncident(
        "tx_rate_drop",
        "transaction rate falls by half",
        "us-east-1",
        "business",
        240.0,
        720.0,
        (
            Effect(SeriesMatch("dag_tx_rate", _in("us-east-1")), "factor", 0.5),
            Effect(SeriesMatch("dag_tx_value_usd", _in("us-east-1")), "factor", 0.5),
        ),
    ),
    ScheduledIncident(
        "node_crash",
        "node usw2-n3 goes dark",
        "us-west-2",
        "infrastructure",
        480.0,
        1_080.0,
        (Effect(SeriesMatch("node_*", (("node", "usw2-n3"),)), "silence"),),
    ),
    ScheduledIncident(
        "auth_brute_force",
        "logins are tried by brute force",
        "eu-west-1",
        "security",
        720.0,
        1_320.0,
        (Effect(SeriesMatch("auth_failures_rate", _in("eu-west-1")), "factor", 20.0, rise_secs=60.0),),
        (LogEffect("gateway", "eu-west-1", "WARN", "authentication failed for user {user} from {ip}: bad password", 1.5),),
    ),
    ScheduledIncident(
        "memory_leak",
        "node use1-n2 leaks memory until it is killed",
        "us-east-1",
        "infrastructure",
        960.0,
        1_860.0,
        (Effect(SeriesMatch("node_memory_ratio", (("node", "use1-n2"),)), "toward", 0.97, rise_secs=840.0, fall_secs=15.0),),
    ),
    ScheduledIncident(
        "slow_consensus",
        "consensus rounds take longer and longer",
        "us-west-2",
        "application",
        1_260.0,
        1_860.0,
        (
            Effect(SeriesMatch("dag_consensus_round_ms", _in("us-west-2")), "factor", 1.7, rise_secs=180.0, fall_secs=60.0),
            Effect(SeriesMatch("dag_orphan_ratio", _in("us-west-2")), "factor", 1.5, rise_secs=180.0, fall_secs=60.0),
        ),
    ),
    ScheduledIncident(
        "region_partition",
        "eu-west-1 is cut off from its peers",
        "eu-west-1",
        "application",
        1_680.0,
        2_280.0,
        (
            Effect(SeriesMatch("dag_block_propagation_ms", _in("eu-west-1")), "factor", 3.5),
            Effect(SeriesMatch("dag_peer_latency_ms", _in("eu-west-1")), "factor", 4.0),
            Effect(SeriesMatch("dag_peer_latency_ms", (("peer", "eu-west-1"),)), "factor", 4.0),
            Effect(SeriesMatch("dag_orphan_ratio", _in("eu-west-1")), "factor", 4.0, rise_secs=60.0),
            Effect(SeriesMatch("dag_tx_rate", _in("eu-west-1")), "factor", 0.7, rise_secs=60.0),
            Effect(SeriesMatch("dag_tx_value_usd", _in("eu-west-1")), "factor", 0.7, rise_secs=60.0),
            Effect(SeriesMatch("dag_active_nodes", _in("eu-west-1")), "factor", 0.65),
        ),
    ),
    ScheduledIncident(
        "new_error",
        "mempool reports an error nobody has seen before",
        "us-east-1",
        "application",
        2_040.0,
        2_400.0,
        (),
        (LogEffect("mempool", "us-east-1", "ERROR", "eviction index corrupt at slot {n}, rebuilding from {hash}", 0.5),),
    ),
    ScheduledIncident(
        "disk_filling",
        "the disk of euw1-n1 fills up",
        "eu-west-1",
        "infrastructure",
        2_280.0,
        3_120.0,
        (Effect(SeriesMatch("node_disk_ratio", (("node", "euw1-n1"),)), "toward", 0.97, rise_secs=780.0, fall_secs=15.0),),
    ),
    ScheduledIncident(
        "error_burst",
        "the gateway's upstream times out again and again",
        "us-west-2",
        "application",
        2_460.0,
        2_880.0,
        (),
        (LogEffect("gateway", "us-west-2", "ERROR", "upstream {service} timed out after {ms} ms on {route}", 1.5),),
    ),
    ScheduledIncident(
        "creeping_propagation",
        "block propagation creeps up by a sixth",
        "us-east-1",
        "application",
        2_520.0,
        3_060.0,
        (Effect(SeriesMatch("dag_block_propagation_ms", _in("us-east-1")), "factor", 1.16, rise_secs=360.0, fall_secs=120.0),),
    ),
    ScheduledIncident(
        "outage",
        "consensus stalls in every region",
        "all",
        "business",
        3_120.0,
        3_420.0,
        (
            Effect(SeriesMatch("dag_tx_rate"), "factor", 0.04),
            Effect(SeriesMatch("dag_tx_value_usd"), "factor", 0.04),
            Effect(SeriesMatch("dag_consensus_round_ms"), "factor", 5.0),
        ),
    ),
)


def schedule_incidents(seed: int, timeline: Timeline) -> tuple[ScheduledIncident, ...]:
    """The script of a simulation in order of start: fixed kinds, starts and lengths varied by the seed.

    The script is written for an hour; a shorter or longer live part stretches it.

    Examples
    --------
    >>> [incident.name for incident in schedule_incidents(1, Timeline())][:3]
    ['tx_rate_drop', 'node_crash', 'auth_brute_force']
    """
    stretch = timeline.live_secs / LIVE_SECS
    scheduled = []
    for incident in _SCRIPT:
        rng = stream(seed, "incident", incident.name)
        start_secs = (incident.start_secs + float(rng.uniform(-45.0, 45.0))) * stretch
        length_secs = (incident.end_secs - incident.start_secs) * float(rng.uniform(0.9, 1.05)) * stretch
        effects = tuple(
            replace(effect, rise_secs=effect.rise_secs * stretch, fall_secs=effect.fall_secs * stretch)
            for effect in incident.effects
        )
        scheduled.append(
            replace(incident, start_secs=round(start_secs), end_secs=round(start_secs + length_secs), effects=effects)
        )
    return tuple(sorted(scheduled, key=lambda incident: incident.start_secs))

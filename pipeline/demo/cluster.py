"""Where a run takes place: a broker of its own, or a cluster that is there and must be left as it was found."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from pipeline.client.connection import connection_settings
from pipeline.client.topic_admin import TopicAdmin
from pipeline.client.topic_plan import TopicSpec, make_plan, want_topics
from pipeline.config.schema import BrokerSettings, Config, SecuritySettings
from pipeline.demo.brokers.apache_kafka import ApacheKafka
from pipeline.demo.brokers.base import OwnBroker
from pipeline.demo.brokers.embedded import EmbeddedBroker
from pipeline.demo.brokers.kafka_jars import KAFKA_CURE
from pipeline.errors import BrokerError, ConfigError

__all__ = ["Cluster", "open_cluster"]

_ADDRESS = re.compile(r"^[^\s:,]+:\d{1,5}(,[^\s:,]+:\d{1,5})*$")
_OF_MORE_NODES = frozenset({"min.insync.replicas"})
_CANNOT_BE_HAD = frozenset({"NO_EMBEDDED", "NO_JAVA", "NO_MAVEN"})


@dataclass(slots=True)
class Cluster:
    """The brokers of a run.

    Attributes
    ----------
    name : str
        What it is, for people.
    broker : BrokerSettings
        Address and security.
    prefix : str
        Put before topics and the group; "" on a broker of the run's own.
    is_own : bool
        Whether it ends with the run.
    """

    name: str
    broker: BrokerSettings
    prefix: str
    is_own: bool
    _made: list[str] = field(default_factory=list)

    @property
    def bootstrap(self) -> str:
        """Its address."""
        return self.broker.bootstrap

    @property
    def settings(self) -> dict[str, Any]:
        """Connection settings of kafka-python."""
        return connection_settings(self.broker)

    def provision(self, config: Config) -> None:
        """Make the topics of a configuration.

        Raises
        ------
        BrokerError
            The cluster cannot be reached or refused one.
        """
        specs = [self._adapt(spec) for spec in want_topics(config)]
        with TopicAdmin(self.settings) as admin:
            admin.apply(make_plan(specs, {}), lambda change: self._made.append(change.topic))

    def _adapt(self, spec: TopicSpec) -> TopicSpec:
        """One node keeps one copy; what a run sends is as old as its history, and is kept."""
        if not self.is_own:
            return spec
        settings = {name: value for name, value in spec.settings.items() if name not in _OF_MORE_NODES}
        return replace(spec, replication_factor=1, settings=settings | {"retention.ms": "-1"})

    def clear(self, say: Callable[[str], None]) -> None:
        """Delete what `provision` has made and the group of the run, on a cluster that stays."""
        if self.is_own or not self._made:
            return
        try:
            admin: Any = KafkaAdminClient(**self.settings)
            try:
                admin.delete_topics(self._made, timeout_ms=20_000, raise_errors=False)
                groups = [group["group_id"] for group in admin.list_groups() if str(group["group_id"]).startswith(self.prefix)]
                if groups:
                    admin.delete_groups(groups)
            finally:
                admin.close()
        except KafkaError as error:
            say(f"could not delete the demo's topics {', '.join(self._made)}: {error}; delete them by hand")
        else:
            say(f"deleted the {len(self._made)} topics of the demo from {self.bootstrap}")


@contextmanager
def open_cluster(broker: str, config: Config, say: Callable[[str], None]) -> Iterator[Cluster]:
    """Start a broker, or go to one that is there; end or clear it afterwards.

    Parameters
    ----------
    broker : str
        ``embedded``, ``kafka``, ``host:port`` (several with commas between), or ``auto``: embedded where it can be had, else Apache
        Kafka.
    config : Config
        Its security settings are used on a cluster that is there.
    say : callable
        Told, in words, what takes time.

    Raises
    ------
    ConfigError
        `broker` is none of these.
    BrokerError
        It cannot be had or reached.
    """
    if broker not in ("auto", "embedded", "kafka") and not _ADDRESS.match(broker):
        raise ConfigError(f"--broker: found {broker!r}, expected auto, embedded, kafka or host:port; correct it")
    with ExitStack() as stack:
        if broker in ("auto", "embedded", "kafka"):
            own = _start(broker, say)
            stack.callback(own.stop)
            settings = config.broker.model_copy(update={"bootstrap": own.bootstrap, "security": SecuritySettings()})
            cluster = Cluster(own.name, settings, "", is_own=True)
            say(f"broker: {own.name} on {own.bootstrap}, started for this run")
        else:
            prefix = f"streamwarden-demo-{secrets.token_hex(3)}-"
            cluster = Cluster("cluster", config.broker.model_copy(update={"bootstrap": broker}), prefix, is_own=False)
            stack.callback(cluster.clear, say)
            say(f"broker: {broker}; topics and group of this run begin with {prefix} and are deleted afterwards")
        yield cluster


def _start(broker: str, say: Callable[[str], None]) -> OwnBroker:
    if broker == "kafka":
        say("starting Apache Kafka")
        return ApacheKafka(say=say)
    try:
        return EmbeddedBroker()
    except BrokerError as error:
        if broker == "embedded" or error.code not in _CANNOT_BE_HAD:
            raise
        say("the embedded broker is not to be had here; starting Apache Kafka in its place")
    try:
        return ApacheKafka(say=say)
    except BrokerError as error:
        if error.code not in _CANNOT_BE_HAD:
            raise
        raise BrokerError(
            "no broker can be started here: the embedded one exists for Linux on x86-64 only, and Apache Kafka needs what is "
            f"missing; {KAFKA_CURE}",
            code="NO_BROKER",
        ) from error

"""Topics of a cluster through kafka-python's admin client: read how they are, make and change them, never delete."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

from pipeline.client.connection import unreachable
from pipeline.client.topic_plan import Change, Plan, TopicSpec, TopicState
from pipeline.errors import BrokerError

__all__ = ["TopicAdmin"]

_TIMEOUT_MS = 20_000
_CONNECT_MS = 10_000
_UNKNOWN_TOPIC = UnknownTopicOrPartitionError.errno
_TOLD = re.compile(r"error_message=(?:'([^']*)'|\"([^\"]*)\")")


class TopicAdmin:
    """The topics of a cluster.

    Parameters
    ----------
    settings : mapping
        Connection settings (`pipeline.client.connection.connection_settings`).

    Raises
    ------
    BrokerError
        The cluster cannot be reached (``BROKER_UNREACHABLE``).
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._where = ",".join(settings["bootstrap_servers"])
        try:
            self._admin: Any = KafkaAdminClient(**{"bootstrap_timeout_ms": _CONNECT_MS, **settings})
        except KafkaError as error:
            raise unreachable(self._where, error) from error

    def __enter__(self) -> TopicAdmin:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._admin.close()

    def read(self, names: Sequence[str]) -> dict[str, TopicState]:
        """How topics are; those that are not there are left out.

        Raises
        ------
        BrokerError
            The cluster refused to tell (``TOPIC_REFUSED``).
        """
        with self._telling("describe", ", ".join(names)):
            described = self._admin.describe_topics(list(names))
        there: dict[str, TopicState] = {}
        for one in described:
            if one["error_code"] == _UNKNOWN_TOPIC:
                continue
            if one["error_code"]:
                raise self._refusal("describe", one["name"], f"error {one['error_code']}")
            copies = min((len(partition["replica_nodes"]) for partition in one["partitions"]), default=0)
            there[one["name"]] = TopicState(len(one["partitions"]), copies, {})
        settings = self._read_settings(list(there))
        return {
            name: TopicState(state.n_partitions, state.replication_factor, settings.get(name, {}))
            for name, state in there.items()
        }

    def _read_settings(self, names: list[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name, configs=None) for name in names]
        with self._telling("describe the settings of", ", ".join(names)):
            answer = self._admin.describe_configs(resources, config_filter="all")
        told: dict[str, dict[str, str]] = {}
        for by_name in answer.values():
            for name, settings in by_name.items():
                # In place of the settings there may be an error, for one who may see the topic but not its settings.
                if isinstance(settings, Mapping):
                    told[name] = {key: str(one["value"]) for key, one in settings.items() if one.get("value") is not None}
        return told

    def apply(self, plan: Plan, done: Callable[[Change], None]) -> None:
        """Do what a plan has to do; what it refuses is left alone.

        Parameters
        ----------
        plan : Plan
            Made from what `read` told.
        done : callable
            Told of each change when the broker has acknowledged it.

        Raises
        ------
        BrokerError
            The cluster refused changes (``TOPIC_REFUSED``); the others are done, and running it again does the rest.
        """
        refusals: list[BrokerError] = []
        for change in plan.to_do:
            try:
                self._do(change, plan)
            except BrokerError as error:
                refusals.append(error)
            else:
                done(change)
        if refusals:
            raise BrokerError("\n".join(map(str, refusals)), code=refusals[0].code) from refusals[0]

    def _do(self, change: Change, plan: Plan) -> None:
        if change.action == "create":
            self._create(plan.spec(change.topic))
        elif change.what == "partitions":
            with self._telling("add partitions to", change.topic):
                self._admin.create_partitions({change.topic: int(change.wanted)}, timeout_ms=_TIMEOUT_MS)
        else:
            self._set(change)

    def _create(self, spec: TopicSpec) -> None:
        options = {
            "num_partitions": spec.n_partitions,
            "replication_factor": spec.replication_factor,
            "configs": dict(spec.settings),
        }
        with self._telling("make the topic", spec.name):
            try:
                self._admin.create_topics({spec.name: options}, timeout_ms=_TIMEOUT_MS, wait_for_metadata=True)
            except TopicAlreadyExistsError:
                # Somebody else has made it since it was looked for, most likely another run of this very command.
                return

    def _set(self, change: Change) -> None:
        resource = ConfigResource(ConfigResourceType.TOPIC, change.topic, configs={change.what: change.wanted})
        with self._telling(f"set {change.what} of", change.topic):
            answer = self._admin.alter_configs([resource], raise_on_unknown=False)
        for by_name in answer.values():
            for result in by_name.values():
                if str(result) != "OK":
                    raise self._refusal(f"set {change.what} of", change.topic, str(result))

    @contextmanager
    def _telling(self, what: str, topics: str) -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            raise self._refusal(what, topics, str(error) or type(error).__name__) from error

    def _refusal(self, what: str, topics: str, why: str) -> BrokerError:
        # kafka-python tells the whole request and answer; the broker's own sentence is in it.
        sentence = next((found[1] or found[2] for found in _TOLD.finditer(why)), None) or why
        return BrokerError(
            f"{self._where}: the cluster refused to {what} {topics}: {sentence}; correct topics.yaml or the rights of this user, "
            "then run it again",
            code="TOPIC_REFUSED",
        )

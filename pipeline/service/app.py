"""The Faust application: group membership, one agent a topic, timers."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable
from typing import Any, cast

with warnings.catch_warnings():
    # Faust and what it brings along warn of their own future on import.
    warnings.simplefilter("ignore")
    import faust
    from faust.types import TP

from pipeline.config.broker_access import bootstrap_servers
from pipeline.config.schema import Config
from pipeline.service.assignment import Assignment
from pipeline.service.consumer_thread import BatchConsumerThread
from pipeline.service.fetched_batch import FetchedBatch
from pipeline.service.transport import BatchConsumer, BatchTransport
from pipeline.telemetry.events import Telemetry
from pipeline.telemetry.library_logs import hear_libraries

__all__ = ["WorkerApp", "build_app"]

_ORDINARY = (
    "because it is rebalancing",
    "Marking the coordinator dead",
    "GroupCoordinatorNotAvailableError",
    "Coordinator load in progress",
    "Recovery rebalancing again",
    "rebalance again generation id",
)
"""Parts of what Faust and aiokafka warn of in the ordinary course of a rebalance or a broker's start."""


class WorkerApp(faust.App):
    """Faust's application with our transport, and with partitions handed to an `Assignment`.

    Attributes
    ----------
    settings_of_worker : Config
        For the transport.
    offsets : Assignment
        Knows what may be committed.
    telemetry : Telemetry
        Told of what the broker refuses.
    fail : callable
        Told of what ends the process.
    """

    settings_of_worker: Config
    offsets: Assignment
    telemetry: Telemetry
    fail: Callable[[BaseException], None]

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_producer, self)

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        config = self.settings_of_worker
        self.telemetry.emit("partitions_revoked", n_partitions=len(revoked))
        # The group waits for us this long at most; a good part of it is left for committing and joining.
        await self.offsets.revoke(config.broker.rebalance_timeout_secs / 2)
        await self.consumer.commit()
        await super()._on_partitions_revoked(revoked)

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        await super()._on_partitions_assigned(assigned, generation_id)
        if not self.should_stop:
            self.offsets.assign(assigned, self.reader)

    @property
    def batch_consumer(self) -> BatchConsumer:
        """Faust's consumer, which is ours."""
        return cast(BatchConsumer, self.consumer)

    @property
    def reader(self) -> BatchConsumerThread:
        """The thread that reads."""
        return self.batch_consumer.thread

    def _create_directories(self) -> None:
        """None: there are no tables, and the working directory is the user's, who may not even let us write there."""

    async def _producer_flush(self, logger: Any) -> None:
        """Nothing: what is published is waited for where it is published."""


def build_app(
    config: Config,
    assignment: Assignment,
    telemetry: Telemetry,
    *,
    every_second: Callable[[], Awaitable[None]],
    fail: Callable[[BaseException], None],
) -> WorkerApp:
    """The application, ready to be started inside a running event loop.

    Parameters
    ----------
    config : Config
        The whole configuration.
    assignment : Assignment
        Gets partitions and batches.
    telemetry : Telemetry
        Gets events.
    every_second : async callable
        Called by a Faust timer.
    fail : callable
        Told of what ends the process.
    """
    hear_libraries(telemetry, ("faust", "mode", "aiokafka"), _ORDINARY)
    app = WorkerApp(
        config.worker.group,
        broker=";".join(f"kafka://{server}" for server in bootstrap_servers(config.broker)),
        store="memory://",
        cache="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_commit_interval=config.worker.commit_interval_secs,
        broker_session_timeout=config.broker.session_timeout_secs,
        broker_heartbeat_interval=config.broker.heartbeat_interval_secs,
        broker_rebalance_timeout=config.broker.rebalance_timeout_secs,
        broker_request_timeout=max(90.0, config.broker.session_timeout_secs),
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        consumer_auto_offset_reset=config.worker.start_at,
    )
    app.settings_of_worker = config
    app.fail = fail
    app.offsets = assignment
    app.telemetry = telemetry

    async def dispatch(stream: Any) -> None:
        async for event in stream.noack().events():
            fetched: FetchedBatch = event.value
            assignment.deliver(event.message.tp, fetched)

    names = [topic.name for topic in config.topics] + [config.outputs.anomalies.name, config.outputs.checked.name]
    for name in names:
        topic = app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", acks=False)
        app.agent(topic, name=f"pipeline.service.{name}", concurrency=1)(dispatch)

    @app.timer(interval=1.0)  # type: ignore[untyped-decorator]
    async def each_second() -> None:
        await every_second()

    return app

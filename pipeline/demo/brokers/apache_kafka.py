"""Apache Kafka on loopback: one node or several, in KRaft mode, each broker and controller at once."""

from __future__ import annotations

import base64
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.demo.brokers.kafka_jars import fetch_kafka_jars, find_java
from pipeline.demo.brokers.ports import LOOPBACK, find_free_ports, wait_until_open
from pipeline.demo.brokers.server_process import ServerProcess
from pipeline.errors import BrokerError

__all__ = ["ApacheKafka", "KafkaNode"]

_START_SECS = 60.0
_STOP_SECS = 15.0
_HEAP_MB = 512
_LOGGING = """\
org.slf4j.simpleLogger.defaultLogLevel=warn
org.slf4j.simpleLogger.logFile=System.out
org.slf4j.simpleLogger.showDateTime=true
org.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS
"""


def _make_id() -> str:
    """An id as Kafka writes them: 22 characters of URL-safe base64; Kafka refuses those that begin with a hyphen."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


class KafkaNode:
    """One node of an `ApacheKafka`.

    Parameters
    ----------
    node_id : int
        From 1.
    folder : Path
        Holds its settings, its log, its data.
    java : list of str
        Java with its options and the class path.
    port : int
        Where clients connect.
    """

    def __init__(self, node_id: int, folder: Path, java: list[str], port: int) -> None:
        self.node_id = node_id
        self.port = port
        self._folder = folder
        self._java = java
        self._process: ServerProcess | None = None

    @property
    def bootstrap(self) -> str:
        """Its address."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def log_path(self) -> Path:
        """What it prints."""
        return self._folder / "broker.log"

    @property
    def properties_path(self) -> Path:
        """Its settings."""
        return self._folder / "server.properties"

    @property
    def is_running(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.is_running

    def format(self, cluster_id: str, arguments: list[str]) -> None:
        """Prepare its data folder.

        Raises
        ------
        BrokerError
            Kafka refused (``BROKER_FORMAT``).
        """
        command = [
            *self._java,
            "kafka.tools.StorageTool",
            "format",
            "-t",
            cluster_id,
            "-c",
            str(self.properties_path),
            *arguments,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - our own command
        if done.returncode != 0:
            raise BrokerError(
                f"Kafka would not format its storage, exit code {done.returncode}:\n{done.stdout}{done.stderr}",
                code="BROKER_FORMAT",
            )

    def start(self) -> None:
        """Start it; returns at once (`wait_until_open`)."""
        command = [*self._java, "kafka.Kafka", str(self.properties_path)]
        self._process = ServerProcess(command, self.log_path, self._folder, clear=self._folder.parent)

    def wait_until_open(self, timeout_secs: float = _START_SECS) -> None:
        """Wait until clients can connect.

        Raises
        ------
        BrokerError
            It ended (``BROKER_ENDED``) or did not open its port in time (``BROKER_START``).
        """
        process = self._process
        if process is None:
            raise BrokerError(f"Kafka node {self.node_id} was not started, expected it to be", code="BROKER_START")
        if not wait_until_open(self.port, timeout_secs, process.require_running):
            raise BrokerError(
                f"Kafka did not open port {self.port} within {timeout_secs:.0f} s, expected it to; see {self.log_path}",
                code="BROKER_START",
            )

    def stop(self) -> None:
        """End it in order, or after a while at once."""
        if self._process is not None:
            self._process.send(signal.SIGTERM)
            if not self._process.wait(_STOP_SECS):
                self._process.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()

    def pause(self) -> None:
        """Freeze it: connections stay, nothing answers."""
        if self._process is not None:
            self._process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send(signal.SIGCONT)


class ApacheKafka:
    """A cluster of one or more nodes, started when made.

    Parameters
    ----------
    n_nodes : int
        How many; topics get as many copies by default, of which all but one must be written (with three or more).
    properties : mapping of str to str
        Server settings added to each node's, or in place of those below.
    format_arguments : sequence of str
        Added to the command that prepares the data folders, such as ``--add-scram`` with the first users.
    say : callable
        Told, in words, what takes time.

    Attributes
    ----------
    nodes : list of KafkaNode
        By id.

    Raises
    ------
    BrokerError
        Java or Maven cannot be had, or Kafka does not start.

    Notes
    -----
    A node whose process was killed comes back within about 3 s: its session with the controllers is set to 1 s in place of 9
    (with several nodes 2 s).
    """

    name = "Apache Kafka"

    def __init__(
        self,
        n_nodes: int = 1,
        *,
        properties: Mapping[str, str] | None = None,
        format_arguments: Sequence[str] = (),
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        java = find_java()
        jars = fetch_kafka_jars(say)
        self._folder = Path(tempfile.mkdtemp(prefix="streamwarden-kafka-"))
        (self._folder / "simplelogger.properties").write_text(_LOGGING)
        options = [f"-Xmx{_HEAP_MB}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{self._folder}:{jars}/*"]
        ports = find_free_ports(2 * n_nodes)
        controllers = ",".join(f"{LOOPBACK}:{port}" for port in ports[n_nodes:])
        self.nodes: list[KafkaNode] = []
        for i in range(n_nodes):
            folder = self._folder / f"node-{i + 1}"
            folder.mkdir()
            node = KafkaNode(i + 1, folder, [java, *options], ports[i])
            settings = self._settings(node, controllers, ports[n_nodes + i], folder, n_nodes) | dict(properties or {})
            node.properties_path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
            self.nodes.append(node)
        try:
            self._format(ports[n_nodes:], list(format_arguments))
            for node in self.nodes:
                node.start()
            for node in self.nodes:
                node.wait_until_open()
        except BaseException:
            self.stop()
            raise

    @property
    def bootstrap(self) -> str:
        """Addresses of all nodes."""
        return ",".join(node.bootstrap for node in self.nodes)

    def restart(self, node: KafkaNode, *, down_secs: float = 0.0, kill: bool = False) -> None:
        """End a node and start it again on its data.

        Parameters
        ----------
        node : KafkaNode
            Which.
        down_secs : float
            How long it stays away.
        kill : bool
            End it as a crash would.
        """
        if kill:
            node.kill()
        else:
            node.stop()
        time.sleep(down_secs)
        node.start()
        node.wait_until_open()

    def stop(self) -> None:
        """End all nodes at once and delete what they hold."""
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> ApacheKafka:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _format(self, controller_ports: list[int], arguments: list[str]) -> None:
        cluster_id = _make_id()
        if len(self.nodes) == 1:
            self.nodes[0].format(cluster_id, ["--standalone", *arguments])
            return
        voters = ",".join(
            f"{node.node_id}@{LOOPBACK}:{port}:{_make_id()}" for node, port in zip(self.nodes, controller_ports, strict=True)
        )
        for node in self.nodes:
            node.format(cluster_id, ["--initial-controllers", voters, *arguments])

    def _settings(self, node: KafkaNode, controllers: str, controller_port: int, folder: Path, n_nodes: int) -> dict[str, str]:
        n_in_sync = max(n_nodes - 1, 1)
        return {
            "process.roles": "broker,controller",
            "node.id": str(node.node_id),
            "controller.quorum.bootstrap.servers": controllers,
            "listeners": f"PLAINTEXT://{node.bootstrap},CONTROLLER://{LOOPBACK}:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{node.bootstrap}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": str(folder / "data"),
            "auto.create.topics.enable": "false",
            # What is written may bear any time: nothing ages out.
            "log.retention.ms": "-1",
            "default.replication.factor": str(n_nodes),
            "min.insync.replicas": str(n_in_sync),
            "offsets.topic.replication.factor": str(n_nodes),
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": str(n_nodes),
            "transaction.state.log.min.isr": str(n_in_sync),
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": str(n_nodes),
            "share.coordinator.state.topic.min.isr": str(n_in_sync),
            "group.initial.rebalance.delay.ms": "0",
            # Looks for what can be compacted twice a second, in place of every 15 s: tests wait for it.
            "log.cleaner.backoff.ms": "500",
            "group.min.session.timeout.ms": "1000",
            "broker.session.timeout.ms": "1000" if n_nodes == 1 else "2000",
            "broker.heartbeat.interval.ms": "250" if n_nodes == 1 else "500",
        }

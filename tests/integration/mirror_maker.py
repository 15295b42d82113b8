"""MirrorMaker 2 between two clusters, as a process that can be killed: the one of Apache Kafka, fetched as the broker is."""

from __future__ import annotations

from pathlib import Path

from pipeline.demo.brokers.kafka_jars import fetch_kafka_jars, find_java
from pipeline.demo.brokers.server_process import ServerProcess

_POM = Path(__file__).with_name("mirror_maker.pom.xml")
_LOGGING = """\
org.slf4j.simpleLogger.defaultLogLevel=warn
org.slf4j.simpleLogger.logFile=System.out
"""


class MirrorMaker:
    """Copies topics of the cluster ``eu`` to the cluster ``hub``, where their names begin with ``eu.``.

    Everything is by default, offsets are kept every 60 s: what was copied since is copied again after a crash.

    Parameters
    ----------
    folder : Path
        For its settings and its log.
    source, target : str
        Addresses of the clusters.
    topics : str
        Regular expression of the topics.

    Raises
    ------
    BrokerError
        Java or Maven cannot be had.
    """

    def __init__(self, folder: Path, source: str, target: str, topics: str) -> None:
        jars = fetch_kafka_jars(pom=_POM)
        folder.mkdir()
        self._folder = folder
        self.log_path = folder / "mirror.log"
        (folder / "simplelogger.properties").write_text(_LOGGING)
        settings = {
            "clusters": "eu,hub",
            "eu.bootstrap.servers": source,
            "hub.bootstrap.servers": target,
            "eu->hub.enabled": "true",
            "eu->hub.topics": topics,
            "hub->eu.enabled": "false",
            "hub->eu.emit.heartbeats.enabled": "false",
            "refresh.topics.interval.seconds": "5",
            "sync.topic.acls.enabled": "false",
            "tasks.max": "1",
        }
        copies = ("", "checkpoints.topic.", "heartbeats.topic.", "offset-syncs.topic.")
        stores = ("offset.storage.", "status.storage.", "config.storage.")
        settings |= {f"{name}replication.factor": "1" for name in copies + stores}
        path = folder / "mm2.properties"
        path.write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        options = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{folder}:{jars}/*"]
        self._command = [find_java(), *options, "org.apache.kafka.connect.mirror.MirrorMaker", str(path)]
        self._process: ServerProcess | None = None

    def start(self) -> None:
        """Start it, or start it again after `kill`."""
        self._process = ServerProcess(self._command, self.log_path, self._folder)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process = None

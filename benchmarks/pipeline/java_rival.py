"""Rivals on the JVM, each a Maven project of its own, compiled once into the project's cache folder."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import NewTopic

from benchmarks.pipeline.contender import JVM_WARM_SHARE, Contender, Cost, run_process
from benchmarks.pipeline.topic import create_topics, delete_prefixed_topics
from pipeline.demo.brokers.cache import cache_folder
from pipeline.demo.brokers.kafka_jars import find_java

_RIVALS = Path(__file__).parents[1] / "rivals"


def build(project: str) -> Path:
    """Folder with a compiled rival and its libraries; made when the sources have changed.

    Parameters
    ----------
    project : str
        Folder of ``benchmarks/rivals`` with its ``pom.xml``.

    Raises
    ------
    RuntimeError
        Maven is not there or failed; leave the rivals in Java out with ``--only``.
    """
    sources = sorted(path for path in (_RIVALS / project).rglob("*") if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    folder = cache_folder(f"bench-{project}") / digest
    if (folder / "complete").exists():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError("found no mvn on the PATH, expected Maven to compile the rivals in Java; leave them out with --only")
    command = [maven, "-q", "-B", "-f", str(_RIVALS / project / "pom.xml"), "package", f"-Dout={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"Maven ended with {done.returncode}: {(done.stdout + done.stderr)[-2_000:]}")
    (folder / "complete").touch()
    return folder


@dataclass(frozen=True)
class JvmRival(Contender):
    """A program on the JVM.  Its cost is taken past half of the messages, when it is compiled.

    Attributes
    ----------
    project : str
        Folder of ``benchmarks/rivals``.
    main_class : str
    arguments : tuple of str
        After bootstrap, topic and number of messages.
    options : tuple of str
        For ``java``.
    """

    project: str
    main_class: str
    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def prepare(self) -> None:
        """Compile it."""
        build(self.project)

    def run(self, bootstrap: str, topic: str, n_messages: int) -> Cost:
        """See `Contender.run`."""
        return run_process(self._command(bootstrap, topic, n_messages), warm_share=JVM_WARM_SHARE)

    def _command(self, bootstrap: str, topic: str, n_messages: int) -> list[str]:
        folder = build(self.project)
        classes = f"{folder}/classes:{folder}/lib/*"
        command = [find_java(), "-Xmx1g", *self.options, "-cp", classes, self.main_class]
        return [*command, bootstrap, topic, str(n_messages), *self.arguments]


@dataclass(frozen=True)
class StreamsRival(JvmRival):
    """Kafka Streams; its changelog and its anomalies get topics of this run."""

    def run(self, bootstrap: str, topic: str, n_messages: int) -> Cost:
        """See `Contender.run`."""
        application = f"bench-streams-{uuid.uuid4().hex[:8]}"
        anomalies = f"{application}-anomalies"
        create_topics(bootstrap, [NewTopic(anomalies, num_partitions=1, replication_factor=1)])
        try:
            return run_process([*self._command(bootstrap, topic, n_messages), application, anomalies], warm_share=JVM_WARM_SHARE)
        finally:
            delete_prefixed_topics(bootstrap, application)

"""Rivals on the JVM, each a Maven project of its own, compiled once into the project's cache folder."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import NewTopic

from benchmarks.pipeline.contender import JVM_WARM_SHARE, METRIC_JSON, REQUESTS, Contender, Cost, run_process
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


def read_jar_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of libraries by the names of their files.

    Examples
    --------
    >>> read_jar_versions(["kafka-streams-4.3.1.jar", "flink-connector-kafka-4.0.1-2.0.jar", "notes.txt"])
    {'flink-connector-kafka': '4.0.1-2.0', 'kafka-streams': '4.3.1'}
    """
    found = (re.fullmatch(r"(.+?)-(\d.*)\.jar", name) for name in sorted(names))
    return {match[1]: match[2] for match in found if match}


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

    @property
    def formats(self) -> frozenset[str]:
        """See `Contender.formats`; one that only counts bytes reads anything."""
        return REQUESTS | {METRIC_JSON} if "bare" in self.arguments else frozenset({METRIC_JSON})

    def prepare(self) -> None:
        """Compile it."""
        build(self.project)

    def versions(self) -> dict[str, str]:
        """The JVM, and the libraries it was compiled with."""
        told = subprocess.run([find_java(), "-version"], capture_output=True, text=True, timeout=60, check=True).stderr
        return {"java": told.split('"')[1]} | read_jar_versions(path.name for path in (build(self.project) / "lib").iterdir())

    def run(self, bootstrap: str, topic: str, n_messages: int, record_format: str = METRIC_JSON, n_warm: int = 0) -> Cost:  # noqa: ARG002
        """See `Contender.run`."""
        return run_process(self._command(bootstrap, topic, n_messages), warm_share=JVM_WARM_SHARE, n_warm=n_warm)

    def _command(self, bootstrap: str, topic: str, n_messages: int) -> list[str]:
        folder = build(self.project)
        classes = f"{folder}/classes:{folder}/lib/*"
        command = [find_java(), "-Xmx1g", *self.options, "-cp", classes, self.main_class]
        return [*command, bootstrap, topic, str(n_messages), *self.arguments]


@dataclass(frozen=True)
class StreamsRival(JvmRival):
    """Kafka Streams; its changelog and its anomalies get topics of this run."""

    def run(self, bootstrap: str, topic: str, n_messages: int, record_format: str = METRIC_JSON, n_warm: int = 0) -> Cost:  # noqa: ARG002
        """See `Contender.run`."""
        application = f"bench-streams-{uuid.uuid4().hex[:8]}"
        anomalies = f"{application}-anomalies"
        create_topics(bootstrap, [NewTopic(anomalies, num_partitions=1, replication_factor=1)])
        try:
            command = [*self._command(bootstrap, topic, n_messages), application, anomalies]
            return run_process(command, warm_share=JVM_WARM_SHARE, n_warm=n_warm)
        finally:
            delete_prefixed_topics(bootstrap, application)

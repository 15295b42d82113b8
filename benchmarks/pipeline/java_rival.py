"""The rival on the JVM: a plain consumer in Java, compiled once through Maven into the project's cache folder."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pipeline.contender import Contender, Cost, run_process
from pipeline.demo.brokers.cache import cache_folder
from pipeline.demo.brokers.kafka_jars import find_java

_SOURCES = Path(__file__).parents[1] / "rivals" / "java"


def build() -> Path:
    """Folder with the compiled rival and its libraries; made when the sources have changed.

    Raises
    ------
    RuntimeError
        Maven is not there or failed; leave the rivals in Java out with ``--only``.
    """
    sources = sorted(path for path in _SOURCES.rglob("*") if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    folder = cache_folder("bench-java") / digest
    if (folder / "complete").exists():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError("found no mvn on the PATH, expected Maven to compile the rivals in Java; leave them out with --only")
    command = [maven, "-q", "-B", "-f", str(_SOURCES / "pom.xml"), "package", f"-Dout={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"Maven ended with {done.returncode}: {(done.stdout + done.stderr)[-2_000:]}")
    (folder / "complete").touch()
    return folder


@dataclass(frozen=True)
class JavaRival(Contender):
    """A mode of ``PlainConsumer``.  Its cost is taken past a fifth of the messages, when most of it is compiled."""

    mode: str

    def run(self, bootstrap: str, topic: str, n_messages: int) -> Cost:
        """See `Contender.run`."""
        folder = build()
        classes = f"{folder}/classes:{folder}/lib/*"
        return run_process([find_java(), "-Xmx1g", "-cp", classes, "PlainConsumer", bootstrap, topic, str(n_messages), self.mode])

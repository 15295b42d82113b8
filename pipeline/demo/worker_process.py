"""The worker of a run: a process of its own, started, watched and stopped by its id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from pipeline.demo.brokers.guard import OrphanGuard
from pipeline.errors import StreamwardenError

__all__ = ["WorkerProcess"]

_STOP_SECS = 15.0
_N_LOG_LINES = 12


class WorkerProcess:
    """``streamwarden worker`` with one configuration; it never outlives this process.

    Parameters
    ----------
    config_path : Path
        The configuration.
    log_path : Path
        Where its output goes.
    """

    def __init__(self, config_path: Path, log_path: Path) -> None:
        self._log_path = log_path
        command = [sys.executable, "-c", "from pipeline.cli import main; main()", "worker", "--config", str(config_path)]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        environment.pop("STREAMWARDEN_BROKER", None)
        with log_path.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal goes to the demo alone, which then stops the worker in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )
        self._guard: OrphanGuard | None = OrphanGuard(self._process.pid)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def require_running(self) -> None:
        """Do nothing while it runs.

        Raises
        ------
        StreamwardenError
            It has ended (``WORKER_ENDED``); the message shows the end of its log.
        """
        if self.exit_code is not None:
            raise StreamwardenError(
                f"the worker ended with exit code {self.exit_code}, expected it to run; the end of its log {self._log_path}:\n"
                f"{self.last_log_lines()}",
                code="WORKER_ENDED",
            )

    def last_log_lines(self) -> str:
        """The end of its log."""
        try:
            lines = self._log_path.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_N_LOG_LINES:])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, wait, and kill it when it does not; returns its exit code.

        Parameters
        ----------
        how : Signals
            What it is sent; SIGKILL = it gets no time to put anything in order.
        """
        if self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(_STOP_SECS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        exit_code = self._process.wait()
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.dismiss()
        return exit_code

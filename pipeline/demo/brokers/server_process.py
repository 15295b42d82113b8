"""One server process: started with its output in a file, watched, and ended by its own id."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.demo.brokers.guard import OrphanGuard
from pipeline.errors import BrokerError

__all__ = ["ServerProcess"]

_N_LINES = 15


class ServerProcess:
    """A process in a session of its own, so that Ctrl-C in the terminal does not reach it; it never outlives this one.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    log_path : Path
        Where its output goes; appended.
    folder : Path
        Its working folder.
    clear : Path, optional
        Deleted when this process ends without ending the server; the working folder when absent.
    variables : mapping of str to str
        Added to the environment.
    """

    def __init__(
        self,
        command: Sequence[str],
        log_path: Path,
        folder: Path,
        variables: Mapping[str, str] | None = None,
        *,
        clear: Path | None = None,
    ) -> None:
        self._log_path = log_path
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **(variables or {})},
                start_new_session=True,
            )
        self._guard: OrphanGuard | None = OrphanGuard(self._process.pid, str(clear or folder))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        is_running = self._process.poll() is None
        if not is_running:
            self._dismiss_guard()
        return is_running

    def require_running(self) -> None:
        """Do nothing while it runs.

        Raises
        ------
        BrokerError
            It has ended (``BROKER_ENDED``); the message shows the end of its log.
        """
        if not self.is_running:
            lines = "\n".join(self._log_path.read_text(errors="replace").splitlines()[-_N_LINES:])
            raise BrokerError(
                f"the broker ended with exit code {self._process.returncode}, expected it to run; "
                f"the end of {self._log_path}:\n{lines}",
                code="BROKER_ENDED",
            )

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self.is_running:
            self._process.send_signal(signal_number)

    def wait(self, timeout_secs: float) -> bool:
        """Wait for its end; False when it has not come in time."""
        try:
            self._process.wait(timeout_secs)
        except subprocess.TimeoutExpired:
            return False
        self._dismiss_guard()
        return True

    def kill(self) -> None:
        """End it at once."""
        self.send(signal.SIGKILL)
        self._process.wait()
        self._dismiss_guard()

    def _dismiss_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.dismiss()

"""A worker of a test: a process of its own, watched through its log and its web address."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from pipeline.demo.probe import WorkerState, parse_metrics
from tests.waiting import wait_until

START_SECS = 120.0
STOP_SECS = 20.0


class RunningWorker:
    """``streamwarden worker`` with one configuration; its log goes to a file of the test's folder."""

    def __init__(self, config_path: Path, log_path: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.log_path = log_path
        command = [
            sys.executable,
            "-c",
            "from pipeline.cli import main; main()",
            "worker",
            "--config",
            str(config_path),
            *arguments,
        ]
        variables = {name: value for name, value in os.environ.items() if not name.startswith("STREAMWARDEN_")}
        if "STREAMWARDEN_KERNEL_CACHE" in os.environ:
            variables["STREAMWARDEN_KERNEL_CACHE"] = os.environ["STREAMWARDEN_KERNEL_CACHE"]
        variables |= {"PYTHONPATH": os.pathsep.join(sys.path), **(environment or {})}
        self.folder = log_path.with_suffix("")
        self.folder.mkdir(exist_ok=True)
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=variables,
                start_new_session=True,
                cwd=self.folder,
            )
        self._url: str | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What it has logged so far; every line must be JSON."""
        lines = [json.loads(line) for line in self.log_path.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if name is None or line.get("event") == name]

    def wait_ready(self, timeout_secs: float = START_SECS) -> RunningWorker:
        wait_until(lambda: self._get("/readyz")[0] == 200, timeout_secs, self._describe)
        return self

    def state(self) -> WorkerState:
        """What it says of itself."""
        return parse_metrics(self._get("/metrics")[1], is_ready=self._get("/readyz")[0] == 200)

    def metric(self, name: str, **labels: str) -> float:
        """Sum of a metric over the labels that are not given."""
        total = 0.0
        for family in text_string_to_metric_families(self._get("/metrics")[1]):
            for sample in family.samples:
                if sample.name == f"streamwarden_{name}" and labels.items() <= sample.labels.items():
                    total += sample.value
        return total

    def wait_records(self, n_records: int, timeout_secs: float = 60.0) -> None:
        """Until so many records have an outcome and nothing is left to read."""
        wait_until(lambda: self.state().n_records >= n_records, timeout_secs, self._describe)

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        exit_code = self._process.wait(STOP_SECS)
        # Its working directory is the user's.
        assert not list(self.folder.iterdir())
        return exit_code

    @property
    def resident_kb(self) -> int:
        """Memory it has now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def wait_exit(self, timeout_secs: float = 60.0) -> int:
        return self._process.wait(timeout_secs)

    def _get(self, path: str) -> tuple[int, str]:
        if self.exit_code is not None:
            raise AssertionError(f"the worker ended with {self.exit_code}: {self._describe()}")
        if self._url is None:
            started = self.events("worker_started")
            if not started:
                return 0, ""
            self._url = started[-1]["web"]
        try:
            with urllib.request.urlopen(self._url + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def _describe(self) -> str:
        return "\n".join(self.log_path.read_text().splitlines()[-15:])

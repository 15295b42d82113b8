"""What all tests share: brokers that are started once, topics with names of their own, and a line that tells what ran on what."""

from __future__ import annotations

import os
import secrets
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from pipeline.demo.brokers.apache_kafka import ApacheKafka
from pipeline.demo.brokers.embedded import EmbeddedBroker
from pipeline.errors import BrokerError

settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("any", derandomize=False, deadline=None, suppress_health_check=list(HealthCheck))
# One commit, one verdict: whoever changes nothing sees what everybody saw, on a busy machine too, where a fifth of a second passes
# without anybody's fault.  `make fuzz` is where new examples are looked for.
settings.load_profile("same")

REQUIRE_KAFKA = "STREAMWARDEN_REQUIRE_KAFKA"
"""Environment variable: 1 = no other broker will do, and a run without any integration test on Apache Kafka has failed (CI)."""
BOOTSTRAP = "STREAMWARDEN_TEST_BOOTSTRAP"
"""Environment variable: address of a broker that is there already, for the tests that do not need one of their own."""


@dataclass(frozen=True)
class GivenBroker:
    """A broker that somebody else runs."""

    bootstrap: str
    name: str = "the broker that was named"


_ran_on: dict[str, int] = {}
_broker_name = pytest.StashKey[str]()


def _must_be_kafka() -> bool:
    return os.environ.get(REQUIRE_KAFKA, "") == "1"


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A broker for all tests: Apache Kafka, or where Java or Maven cannot be had the embedded one."""
    if BOOTSTRAP in os.environ and not _must_be_kafka():
        yield GivenBroker(os.environ[BOOTSTRAP])
        return
    with ExitStack() as stack:
        found: ApacheKafka | EmbeddedBroker
        try:
            found = stack.enter_context(ApacheKafka())
        except BrokerError as error:
            if _must_be_kafka() or error.code not in ("NO_JAVA", "NO_MAVEN", "MAVEN_FAILED"):
                raise
            found = stack.enter_context(EmbeddedBroker())
            request.config.stash[_broker_name] = f"{found.name}, because Apache Kafka cannot be had: {error}"
            warnings.warn(
                pytest.PytestWarning(f"integration tests run on {found.name}, not on Apache Kafka: {error}"), stacklevel=1
            )
        yield found


@pytest.fixture(scope="session")
def bootstrap(broker: Any) -> str:
    """Address of the broker of all tests."""
    return str(broker.bootstrap)


@pytest.fixture
def make_kafka() -> Iterator[Callable[..., ApacheKafka]]:
    """Makes an Apache Kafka of the test's own, which it may hurt; skips where there cannot be one."""
    with ExitStack() as stack:

        def make(n_nodes: int = 1, **settings: Any) -> ApacheKafka:
            try:
                return stack.enter_context(ApacheKafka(n_nodes, **settings))
            except BrokerError as error:
                if _must_be_kafka() or error.code not in ("NO_JAVA", "NO_MAVEN", "MAVEN_FAILED"):
                    raise
                pytest.skip(f"needs Apache Kafka itself: {error}")

        yield make


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--times`."""
    parser.addoption(
        "--times",
        type=int,
        default=0,
        help="only properties and fuzzers, with so many times their examples, new ones every time",
    )


@pytest.fixture(scope="session")
def times(request: pytest.FixtureRequest) -> int:
    """How many times its examples a property draws that is made inside of a test; who asks for it counts as a property."""
    return max(1, int(request.config.getoption("--times")))


@pytest.fixture
def luck(request: pytest.FixtureRequest) -> int:
    """What a fuzzer of our own adds to its seeds: 0, with `--times` something else every time; who asks for it is run by that too."""
    return secrets.randbelow(2**31) if request.config.getoption("--times") else 0


def pytest_configure(config: pytest.Config) -> None:
    """Let examples be drawn at random where they are looked for; before the tests are read, which copy what holds then."""
    if config.getoption("--times"):
        settings.load_profile("any")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Integration tests first; with `--times` leave the properties and fuzzers, and multiply the examples of the properties."""
    # They take longest: begun last, one process would wait for the other's.
    items.sort(key=lambda item: item.get_closest_marker("integration") is None)
    times = config.getoption("--times")
    if not times:
        return
    functions = [item for item in items if isinstance(item, pytest.Function)]
    properties = [item for item in functions if hasattr(item.obj, "hypothesis") or {"times", "luck"} & {*item.fixturenames}]
    chosen = set(properties)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = properties
    for item in properties:
        item.add_marker(pytest.mark.timeout(0))
    # One function stands behind all parameters of a test: it is multiplied once.
    for test in {getattr(item.obj, "__func__", item.obj) for item in properties if hasattr(item.obj, "hypothesis")}:
        own = getattr(test, "_hypothesis_internal_use_settings", None) or settings.default
        assert own is not None
        test._hypothesis_internal_use_settings = settings(own, max_examples=own.max_examples * times)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Count the integration tests that ran, by broker."""
    result = yield
    if isinstance(item, pytest.Function) and item.get_closest_marker("integration"):
        used = item.funcargs.get("broker")
        if used is not None or "make_kafka" in item.funcargs:
            name = ApacheKafka.name if used is None else str(used.name)
            _ran_on[name] = _ran_on.get(name, 0) + 1
    return result


def pytest_testnodedown(node: Any, error: object) -> None:
    """Take over what a process of pytest-xdist counted."""
    output = getattr(node, "workeroutput", {})
    for name, n in output.get("ran_on", {}).items():
        _ran_on[name] = _ran_on.get(name, 0) + n
    if "broker_name" in output:
        node.config.stash[_broker_name] = output["broker_name"]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say on which broker the integration tests ran."""
    if _ran_on or _must_be_kafka():
        told = ", ".join(f"{n} on {name}" for name, n in sorted(_ran_on.items())) or "none"
        terminalreporter.write_sep("-", f"integration tests passed: {told}")
    if _broker_name in config.stash:
        terminalreporter.write_line(f"NOT on Apache Kafka: {config.stash[_broker_name]}", red=True, bold=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run that must have been on Apache Kafka and was not has failed."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        # One of several processes: the first one of all judges by what they all counted.
        output["ran_on"] = _ran_on
        if _broker_name in session.config.stash:
            output["broker_name"] = session.config.stash[_broker_name]
        return
    if _must_be_kafka() and exitstatus == 0 and not session.config.option.collectonly and not _ran_on.get(ApacheKafka.name):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

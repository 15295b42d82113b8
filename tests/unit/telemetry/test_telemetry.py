"""One call, one line, one count; metrics are what the table says and stay bounded."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.clock import ManualClock
from pipeline.errors import StateError
from pipeline.telemetry.events import EVENTS, REPEAT_SECS, Telemetry
from pipeline.telemetry.logs import configure_logging
from pipeline.telemetry.metric_specs import METRICS
from pipeline.telemetry.metrics import Metrics


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, own = logging.getLogger(), logging.getLogger("streamwarden")
    before = (list(root.handlers), root.level, own.level)
    out = io.StringIO()
    configure_logging("info", out)
    yield out
    root.handlers[:], level, own_level = before[0], before[1], before[2]
    root.setLevel(level)
    own.setLevel(own_level)
    logging.captureWarnings(False)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_and_one_count(stream: io.StringIO) -> None:
    telemetry = Telemetry(clock=ManualClock())
    telemetry.emit("records_dead_lettered", code="JSON", topic="metrics", partition=3, n_records=2)
    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")  # type: ignore[attr-defined]
    assert line == {
        "level": "warning",
        "logger": "streamwarden",
        "message": EVENTS["records_dead_lettered"].message,
        "event": "records_dead_lettered",
        "error_code": "JSON",
        "topic": "metrics",
        "partition": 3,
        "n_records": 2,
    }
    assert telemetry.metrics.read("events_total", event="records_dead_lettered", code="JSON") == 1


def test_repeats_are_limited_by_event_and_code_and_their_number_is_told(stream: io.StringIO) -> None:
    clock = ManualClock()
    telemetry = Telemetry(clock=clock)
    for _ in range(5):
        telemetry.emit("records_dead_lettered", code="JSON")
    telemetry.emit("records_dead_lettered", code="UTF8")
    assert [line["error_code"] for line in lines(stream)] == ["JSON", "UTF8"]
    clock.advance_secs(REPEAT_SECS)
    telemetry.emit("records_dead_lettered", code="JSON")
    assert lines(stream)[-1]["n_suppressed"] == 4
    telemetry.emit("records_dead_lettered", code="JSON")
    telemetry.flush()
    telemetry.flush()
    assert [line.get("n_suppressed") for line in lines(stream)] == [None, None, 4, 1]
    assert telemetry.metrics.read("events_total", event="records_dead_lettered", code="JSON") == 7


def test_debug_events_are_counted_but_not_logged_above_debug(stream: io.StringIO) -> None:
    telemetry = Telemetry(clock=ManualClock())
    telemetry.emit("batch_processed", offset=7)
    assert lines(stream) == []
    assert telemetry.metrics.read("events_total", event="batch_processed", code="") == 1


def test_errors_carry_text_and_grave_ones_a_traceback(stream: io.StringIO) -> None:
    telemetry = Telemetry(clock=ManualClock())
    try:
        raise ValueError("bad\nthing")
    except ValueError as error:
        telemetry.emit("provider_failed", code="X", error=error)
        telemetry.emit("worker_failed", code="X", error=error)
    mild, grave = lines(stream)
    assert mild["error"] == "ValueError: bad\nthing"
    assert "exception" not in mild
    assert "Traceback" in str(grave["exception"])


def test_what_libraries_log_is_one_line_too_whatever_it_holds(stream: io.StringIO) -> None:
    logging.getLogger("faust").warning("two\nlines %s", object)
    telemetry = Telemetry(clock=ManualClock())
    telemetry.emit("worker_stopped", odd={1: object()}, lone="\ud800")
    assert len(stream.getvalue().splitlines()) == 2
    assert lines(stream)[0]["logger"] == "faust"
    assert lines(stream)[1]["message"] is not None
    logging.getLogger("faust").info("not heard")
    assert len(lines(stream)) == 2


def test_unknown_events_and_levels_are_refused() -> None:
    with pytest.raises(KeyError):
        Telemetry().emit("no_such_event")
    with pytest.raises(ValueError, match="expected debug"):
        configure_logging("loud")


def test_the_table_is_what_is_exported() -> None:
    metrics = Metrics()
    for spec in METRICS:
        labels = dict.fromkeys(spec.labels, "x")
        {"counter": metrics.count, "gauge": lambda name, **ls: metrics.show(name, 1, **ls)}.get(
            spec.type, lambda name, **ls: metrics.observe(name, 0.01, **ls)
        )(spec.name, **labels)
        assert spec.sentence.endswith(".")
        if spec.type == "counter":
            assert spec.name.endswith("_total")
    families = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    exported = {name for name in families if not name.endswith("_created")}
    assert exported == {spec.exported_name.removesuffix("_total") for spec in METRICS}
    for spec in METRICS:
        family = families[spec.exported_name.removesuffix("_total")]
        assert (family.type, family.documentation) == (spec.type, spec.sentence)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(spec.labels)


def test_free_labels_are_bounded() -> None:
    metrics = Metrics(max_values=3)
    for i in range(10):
        metrics.count("dead_letters_total", topic="t", stage="decode", code=f"C{i}")
    assert metrics.read("dead_letters_total", topic="t", stage="decode", code="C2") == 1
    assert metrics.read("dead_letters_total", topic="t", stage="decode", code="C3") == 0
    assert metrics.read("dead_letters_total", topic="t", stage="decode", code="other") == 7


def test_running_totals_of_several_sources_add_up_and_never_go_back() -> None:
    metrics = Metrics()
    labels = {"topic": "t", "outcome": "scored"}
    metrics.follow("records_total", 10, "t/0", **labels)
    metrics.follow("records_total", 5, "t/1", **labels)
    metrics.follow("records_total", 12, "t/0", **labels)
    metrics.follow("records_total", 12, "t/0", **labels)
    assert metrics.read("records_total", **labels) == 17
    with pytest.raises(StateError, match="went from 12 back to 3"):
        metrics.follow("records_total", 3, "t/0", **labels)
    metrics.restart("t/0")
    metrics.follow("records_total", 3, "t/0", **labels)
    assert metrics.read("records_total", **labels) == 20


def test_types_are_kept_apart() -> None:
    metrics = Metrics()
    with pytest.raises(KeyError, match="not a gauge"):
        metrics.show("alerts_total", 1, type="firing", severity="P0")
    with pytest.raises(KeyError, match="not a counter"):
        metrics.count("incidents_open", severity="P0")
    with pytest.raises(KeyError, match="not a histogram"):
        metrics.observe("incidents_open", 1, severity="P0")
    with pytest.raises(ValueError, match="label"):
        metrics.count("alerts_total", type="firing")
    with pytest.raises(KeyError):
        metrics.count("no_such_metric")


def test_gauges_of_what_is_gone_are_dropped() -> None:
    metrics = Metrics()
    metrics.show("lag_records", 5, topic="t", partition="0")
    metrics.drop("lag_records", topic="t", partition="0")
    metrics.drop("lag_records", topic="t", partition="0")
    assert b'streamwarden_lag_records{partition="0"' not in metrics.render()
    metrics.show_incidents({"P0": 2})
    metrics.show_incidents({"P1": 1})
    assert [metrics.read("incidents_open", severity=severity) for severity in ("P0", "P1", "P2", "P3")] == [0, 1, 0, 0]

"""The provider ``amp``: signed range queries, answered by a real Prometheus where there is one, and by a fake that misbehaves."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from pipeline.clock import SystemClock
from pipeline.config.providers import AmpProvider as AmpSettings
from pipeline.crosscheck.amp import AmpProvider, build_query
from pipeline.crosscheck.base import Verdict
from pipeline.engine.anomaly import Anomaly
from pipeline.samples.labels import LabelSet
from tests.aws.fake_http import FakeHttp, HttpAnswer, HttpRequest
from tests.aws.verdicts import ask, short
from tests.aws.wire import check_signature
from tests.stories.timeline import START_NS, make_anomaly

STEP = 60
AT_SECS = START_NS // 10**9 // STEP * STEP
PATH = "/workspaces/ws-1/api/v1/query_range"
DETECTORS = [
    {"alias": "dag.tps", "match": {"name": "dag_tps"}, "labels": {"region": "region"}, "scale": 100.0},
    {"alias": "lag", "match": {"name": "dag_lag"}},
]


def suspicion(
    value: float, region: str = "eu-1", name: str = "dag_tps", at_secs: float = AT_SECS + 5, **fields: object
) -> Anomaly:
    series = LabelSet({"__name__": name, "region": region} if region else {"__name__": name})
    anomaly = make_anomaly(f"{name}{region}{value}", value=value)
    return replace(anomaly, series=series, event_time_ns=int(at_secs * 10**9), **fields)  # type: ignore[arg-type]


def judge(url: str, *anomalies: Anomaly, **fields: object) -> Sequence[Verdict]:
    defaults = {"workspace_id": "ws-1", "call_timeout_secs": 0.5, "max_calls_per_minute": 6_000.0, "burst_calls": 100}
    settings = AmpSettings.model_validate({"endpoint_url": url, "detectors": DETECTORS, **defaults, **fields})
    return ask(AmpProvider(settings, SystemClock()), anomalies, 6.0)


def check(request: HttpRequest) -> str:
    return check_signature(request.method, request.path, request.headers, request.body, "aps", datetime.now(UTC))


def edge(side: str, alias: str, value: float, times: Sequence[int], **labels: str) -> dict[str, Any]:
    metric = {"__name__": f"anomaly_detector_{side}_band", "anomaly_detector_alias": alias, **labels}
    return {"metric": metric, "values": [[at, str(value)] for at in times]}


@pytest.fixture
def fake() -> Iterator[FakeHttp]:
    def answer(request: HttpRequest) -> HttpAnswer:
        if wrong := check(request):
            return HttpAnswer({"message": wrong}, 403)
        assert request.path == PATH
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        times = list(range(int(form["start"]), int(form["end"]) + 1, int(form["step"])))
        result = [
            edge("lower", "dag.tps", 10.0, times, region="eu-1"),
            edge("upper", "dag.tps", 50.0, times, region="eu-1"),
            edge("upper", "dag.tps", 50.0, times, region="us-1"),
            edge("lower", "lag", 0.0, times[:3]),
            edge("upper", "lag", 5.0, times[:3]),
        ]
        return HttpAnswer({"status": "success", "data": {"resultType": "matrix", "result": result}})

    with FakeHttp(answer) as service:
        yield service


def test_values_are_held_against_the_band_in_one_signed_query(fake: FakeHttp) -> None:
    verdicts = judge(
        fake.url,
        suspicion(0.9),
        suspicion(0.3),
        suspicion(0.9, "us-1"),
        suspicion(0.9, ""),
        suspicion(9.0, "", "dag_lag"),
        suspicion(0.3, kind="new_template"),
    )
    assert short(verdicts) == [
        ("confirmed", "outside_band"),
        ("refuted", "inside_band"),
        ("unknown", "no_band"),
        ("unknown", "not_mapped"),
        ("confirmed", "outside_band"),
        ("unknown", "no_metric"),
    ]
    assert verdicts[0].detail == "dag.tps[region=eu-1]: 90 against the band 10 to 50"
    assert verdicts[4].detail.endswith("the band is 3 intervals old")
    assert len(fake.requests) == 1


def test_two_series_that_fit_are_no_band() -> None:
    def answer(request: HttpRequest) -> HttpAnswer:
        times = [AT_SECS]
        result = [edge(side, "lag", 1.0, times, host=host) for side in ("lower", "upper") for host in ("a", "b")]
        return HttpAnswer({"status": "success", "data": {"resultType": "matrix", "result": result}})

    with FakeHttp(answer) as service:
        assert short(judge(service.url, suspicion(9.0, "", "dag_lag"))) == [("unknown", "no_band")]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (HttpAnswer({"message": "Rate exceeded"}, 429), "throttled"),
        (HttpAnswer({"status": "error", "error": "query timed out"}, 503), "server_error"),
        (HttpAnswer({"message": "Workspace not found"}, 404), "not_found"),
        (HttpAnswer({"message": "User is not authorized"}, 403), "access_denied"),
        (HttpAnswer({"message": "The security token included in the request is expired"}, 403), "credentials_expired"),
        (HttpAnswer({"message": "Signature expired: 20260101T000000Z is now earlier"}, 403), "clock_skew"),
        (HttpAnswer({"status": "error", "error": "parse error"}, 400), "bad_request"),
        (HttpAnswer({"status": "success", "data": {"resultType": "vector", "result": []}}), "bad_answer"),
        (HttpAnswer({"data": {}}, n_missing=50), "half_answer"),
        (HttpAnswer({}, wait_secs=1.5), "timeout"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_goes_wrong_has_a_code(fake: FakeHttp, fault: HttpAnswer, reason: str) -> None:
    fake.faults.extend([fault] * 3)
    assert short(judge(fake.url, suspicion(0.9))) == [("unknown", reason)]


def test_without_a_region_the_cure_is_named(monkeypatch: pytest.MonkeyPatch, fake: FakeHttp) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    verdict = judge(fake.url, suspicion(0.9))[0]
    assert verdict.reason == "region_missing"
    assert fake.requests == []


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus that holds the edges of two detectors over ten minutes."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        pytest.skip("needs prometheus and promtool")
    folder: Path = tmp_path_factory.mktemp("prometheus")
    lines = []
    for side, value in (("lower", 10), ("upper", 50)):
        name = f"anomaly_detector_{side}_band"
        lines.append(f"# TYPE {name} gauge")
        for alias, shift in (("dag.tps", 0), ("dagxtps", 1_000)):
            series = f'{name}{{anomaly_detector_alias="{alias}",region="eu-1"}}'
            lines += [f"{series} {value + shift} {AT_SECS - 60 * (9 - i)}" for i in range(10)]
    (folder / "edges.txt").write_text("\n".join([*lines, "# EOF", ""]), encoding="utf-8")
    data = folder / "data"
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "edges.txt"), str(data)],
        check=True,
        capture_output=True,
    )
    (folder / "prometheus.yml").write_text("{}\n", encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address={address}",
            "--storage.tsdb.retention.time=100y",
            "--log.level=error",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"http://{address}/-/ready", timeout=1) as ready:
                    if ready.status == 200:
                        break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail("Prometheus did not become ready")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


def test_a_real_prometheus_understands_the_query(prometheus: str) -> None:
    def forward(request: HttpRequest) -> HttpAnswer:
        assert check(request) == ""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        forwarded = urllib.request.Request(f"{prometheus}/api/v1/query_range", data=request.body, headers=headers)
        with urllib.request.urlopen(forwarded, timeout=5) as answer:
            return HttpAnswer(json.loads(answer.read()))

    with FakeHttp(forward) as service:
        verdicts = judge(
            service.url, suspicion(0.9), suspicion(0.3), suspicion(0.9, at_secs=AT_SECS + 86_400), call_timeout_secs=5.0
        )
    # The alias with a dot is no pattern: the other detector's band, far above, is not taken for it.
    assert short(verdicts) == [("confirmed", "outside_band"), ("refuted", "inside_band"), ("unknown", "no_band")]


def test_names_of_the_output_series_are_settings() -> None:
    settings = AmpSettings.model_validate(
        {"workspace_id": "w", "detectors": [{"alias": "a"}], "upper_metric": "up", "lower_metric": "low", "alias_label": "who"}
    )
    assert build_query(settings, ["a", "a"]) == '{__name__=~"low|up",who=~"a"}'

"""The provider ``opensearch`` against a search that does what the query says, over real HTTP, signed or with a password."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.clock import ManualClock, SystemClock
from pipeline.config.providers import OpenSearchProvider as OpenSearchSettings
from pipeline.crosscheck.base import Verdict
from pipeline.crosscheck.opensearch import SEARCH_PATH, OpenSearchProvider
from pipeline.engine.anomaly import Anomaly
from pipeline.samples.labels import LabelSet
from tests.aws.fake_http import FakeHttp, HttpAnswer, HttpRequest
from tests.aws.verdicts import ask, short
from tests.aws.wire import check_signature
from tests.stories.timeline import START_NS, make_anomaly

START_MS = START_NS // 1_000_000 // 60_000 * 60_000
DETECTOR = {"name": "dag", "detector_id": "d1", "entity": {"node": "instance"}, "interval_secs": 60, "delay_secs": 30}


def fits(query: dict[str, Any], document: dict[str, Any], prefix: str = "") -> bool:
    """Whether a document is what a query asks for; only the kinds of query that are used."""
    (kind, inner), *more = query.items()
    assert not more, query
    if kind == "bool":
        assert set(inner) <= {"filter", "should", "minimum_should_match"}, inner
        parts = inner.get("should")
        return all(fits(one, document, prefix) for one in inner.get("filter", ())) and (
            parts is None or sum(fits(one, document, prefix) for one in parts) >= inner["minimum_should_match"]
        )
    if kind == "nested":
        # Every condition must hold for one and the same entry.
        return any(fits(inner["query"], {f"{inner['path']}.{k}": v for k, v in one.items()}) for one in document[inner["path"]])
    (field, condition), *more = inner.items()
    assert not more, query
    value = document.get(field)
    if kind == "term":
        return bool(value == condition)
    if kind == "terms":
        return value in condition
    assert kind == "range", kind
    return condition["gt"] < value <= condition["lte"]


class FakeOpenSearch(FakeHttp):
    """Results of detectors, searched."""

    def __init__(self) -> None:
        super().__init__(self.search)
        self.results: list[dict[str, Any]] = []
        self.check = self.check_signed

    def add(self, node: str, grade: float | None, offset_intervals: int = 0, **fields: Any) -> None:
        begin = START_MS + 60_000 * offset_intervals
        result = {
            "detector_id": "d1",
            "data_start_time": begin,
            "data_end_time": begin + 60_000,
            "execution_start_time": begin + 90_000,
            "anomaly_grade": grade,
            "anomaly_score": 2.5,
            "confidence": 0.99,
            "entity": [{"name": "node", "value": node}] if node else [],
            "model_id": f"d1_entity_{node}",
        }
        self.results.append({**result, **fields})

    def check_signed(self, request: HttpRequest) -> str:
        return check_signature(request.method, request.path, request.headers, request.body, "es", datetime.now(UTC))

    def search(self, request: HttpRequest) -> HttpAnswer:
        if wrong := self.check(request):
            return HttpAnswer({"message": wrong}, 403)
        assert request.path.startswith(SEARCH_PATH), request.path
        body = json.loads(request.body)
        found = [one for one in self.results if fits(body["query"], one)]
        for key in reversed(body["sort"]):
            (name, order), *_ = key.items()
            found.sort(key=lambda one, name=name: one[name], reverse=order == "desc")
        assert body["from"] + body["size"] <= 10_000
        page = found[body["from"] : body["from"] + body["size"]]
        hits = [{"_id": str(i), "_source": one} for i, one in enumerate(page)]
        return HttpAnswer(
            {"took": 1, "timed_out": False, "hits": {"total": {"value": len(found), "relation": "eq"}, "hits": hits}}
        )


@pytest.fixture
def fake() -> Iterator[FakeOpenSearch]:
    with FakeOpenSearch() as service:
        yield service


def suspicion(node: str = "n1", at_ms: int = START_MS + 20_000, **fields: object) -> Anomaly:
    series = LabelSet({"__name__": "tps", "instance": node} if node else {"__name__": "tps"})
    return replace(make_anomaly(node), series=series, event_time_ns=at_ms * 1_000_000, **fields)  # type: ignore[arg-type]


def judge(
    fake: FakeOpenSearch, *anomalies: Anomaly, clock: Any = None, deadline_secs: float = 6.0, **fields: object
) -> Sequence[Verdict]:
    defaults = {"call_timeout_secs": 0.5, "max_calls_per_minute": 6_000.0, "burst_calls": 100, "detectors": [DETECTOR]}
    settings = OpenSearchSettings.model_validate({"endpoint_url": fake.url, **defaults, **fields})
    return ask(OpenSearchProvider(settings, SystemClock() if clock is None else clock), anomalies, deadline_secs)


def test_the_grade_of_the_interval_decides(fake: FakeOpenSearch) -> None:
    fake.add("n1", 0.8)
    fake.add("n1", 0.0, 1)
    fake.add("n2", 0.0)
    fake.add("n3", 0.7, confidence=0.2)
    fake.add("n4", None, error="model is initializing", confidence=None)
    fake.add("n5", 0.9, 1)
    fake.add("n6", 0.9, detector_id="d2")
    verdicts = judge(fake, *(suspicion(f"n{i}") for i in range(1, 7)), suspicion(""), suspicion("n1", kind="absence"))
    assert short(verdicts) == [
        ("confirmed", "graded"),
        ("refuted", "not_graded"),
        ("unknown", "low_confidence"),
        ("unknown", "evaluation_failed"),
        ("unknown", "not_evaluated"),
        ("unknown", "not_evaluated"),
        ("unknown", "not_mapped"),
        ("unknown", "no_feature"),
    ]
    assert verdicts[0].detail == "dag[node=n1]: anomaly grade 0.80, confidence 0.99, score 2.5"
    assert len(fake.requests) == 1


def test_a_small_grade_is_unknown_where_more_is_wanted(fake: FakeOpenSearch) -> None:
    fake.add("n1", 0.3)
    assert short(judge(fake, suspicion(), min_grade=0.5)) == [("unknown", "low_grade")]


def test_a_detector_without_entities_watches_every_series_that_fits(fake: FakeOpenSearch) -> None:
    fake.add("", 0.6)
    verdicts = judge(fake, suspicion("n1"), suspicion(""), detectors=[{**DETECTOR, "entity": {}}])
    assert short(verdicts) == [("confirmed", "graded")] * 2


def test_results_are_paged(fake: FakeOpenSearch) -> None:
    for i in range(2_500):
        fake.add(f"n{i}", 0.5 if i % 2 else 0.0)
    verdicts = judge(fake, *(suspicion(f"n{i}") for i in range(0, 2_500, 5)))
    assert [one.outcome for one in verdicts] == ["refuted", "confirmed"] * 250
    assert len(fake.requests) == 1, "only what is asked about is searched"
    fake.requests.clear()
    detector = {**DETECTOR, "entity": {}}
    for i in range(1_200):
        fake.add("", 0.9, i % 60 - 30, model_id=str(i))
    verdicts = judge(
        fake, suspicion("n1"), suspicion("n2", START_MS - 1_800_000), detectors=[detector], max_calls_per_minute=60_000.0
    )
    assert short(verdicts) == [("confirmed", "graded")] * 2
    assert len(fake.requests) > 1


def test_a_result_that_is_not_there_yet_is_waited_for(fake: FakeOpenSearch) -> None:
    clock = SystemClock()
    now_ms = clock.now_ns() // 1_000_000

    async def run() -> Sequence[Verdict]:
        settings = OpenSearchSettings.model_validate(
            {
                "endpoint_url": fake.url,
                "detectors": [{**DETECTOR, "interval_secs": 1, "delay_secs": 0}],
                "poll_secs": 1,
                "max_calls_per_minute": 6_000.0,
                "burst_calls": 100,
            }
        )
        provider = OpenSearchProvider(settings, clock)

        async def evaluate() -> None:
            await asyncio.sleep(0.5)
            fake.add("n1", 0.9, data_start_time=now_ms - 500, data_end_time=now_ms + 500)

        later = asyncio.create_task(evaluate())
        verdicts = await provider.judge([suspicion("n1", now_ms)], 6.0)
        await later
        await provider.close()
        return verdicts

    assert short(asyncio.run(run())) == [("confirmed", "graded")]
    assert len(fake.requests) == 2


def test_what_cannot_be_there_by_the_deadline_is_told_at_once(fake: FakeOpenSearch) -> None:
    clock = ManualClock(now_ns=(START_MS + 20_000) * 1_000_000)
    assert short(judge(fake, suspicion(), clock=clock, deadline_secs=20.0)) == [("unknown", "not_evaluated")]
    assert len(fake.requests) == 1


def test_a_password_comes_from_where_the_settings_say(fake: FakeOpenSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PASSWORD", "s3cret")
    expected = f"Basic {base64.b64encode(b'ad:s3cret').decode()}"
    fake.check = lambda request: "" if request.headers.get("Authorization") == expected else "who are you"
    fake.add("n1", 0.8)
    basic = {"auth": "basic", "username": "ad", "password": {"env": "OS_PASSWORD"}}
    assert short(judge(fake, suspicion(), **basic)) == [("confirmed", "graded")]
    monkeypatch.setenv("OS_PASSWORD", "wrong")
    verdict = judge(fake, suspicion(), **basic)[0]
    assert verdict.reason == "access_denied"
    assert "wrong" not in verdict.detail
    monkeypatch.delenv("OS_PASSWORD")
    verdict = judge(fake, suspicion(), **basic)[0]
    assert verdict.reason == "bad_request"
    assert "OS_PASSWORD is not set" in verdict.detail


def test_no_authentication_sends_none(fake: FakeOpenSearch) -> None:
    fake.check = lambda request: request.headers.get("Authorization", "")
    fake.add("n1", 0.8)
    assert short(judge(fake, suspicion(), auth="none", result_index="opensearch-ad-plugin-result-dag")) == [
        ("confirmed", "graded")
    ]
    assert fake.requests[0].path.endswith("/_search/opensearch-ad-plugin-result-dag")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (HttpAnswer({"error": "circuit_breaking_exception"}, 429, headers={"Retry-After": "0"}), "throttled"),
        (HttpAnswer({"error": "x"}, 503), "server_error"),
        (HttpAnswer({"error": "no such index"}, 404), "not_found"),
        (HttpAnswer({"message": "The security token included in the request is expired"}, 403), "credentials_expired"),
        (HttpAnswer({"message": "Signature expired: 20260101T000000Z is now earlier"}, 403), "clock_skew"),
        (HttpAnswer(body=b"<html></html>"), "bad_answer"),
        (HttpAnswer({"hits": {}}, n_missing=100), "half_answer"),
        (HttpAnswer({"hits": {}}, wait_secs=1.5), "timeout"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_goes_wrong_has_a_code(fake: FakeOpenSearch, fault: HttpAnswer, reason: str) -> None:
    fake.add("n1", 0.8)
    fake.faults.extend([fault] * 3)
    verdicts = judge(fake, suspicion(), poll_secs=1)
    assert short(verdicts) == [("unknown", reason)]
    assert len(fake.requests) == (3 if reason in ("throttled", "server_error", "bad_answer", "half_answer", "timeout") else 1)


def test_packed_answers_are_unpacked(fake: FakeOpenSearch) -> None:
    fake.add("n1", 0.8)
    document = {"hits": {"total": 1, "hits": [{"_source": fake.results[0]}]}}
    fake.faults.append(HttpAnswer(body=gzip.compress(json.dumps(document).encode()), headers={"Content-Encoding": "gzip"}))
    assert short(judge(fake, suspicion())) == [("confirmed", "graded")]

"""The page of results holds every figure and judges the goals; the plan of the full suite is the whole matrix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report
from benchmarks.pipeline import section
from benchmarks.pipeline.contender import Point, cost_of
from benchmarks.pipeline.contenders import CONTENDERS
from benchmarks.pipeline.goals import GOALS
from benchmarks.pipeline.run import MATRIX, REQUESTS_MATRIX, estimate_secs, plan
from benchmarks.pipeline.summary import summarise
from benchmarks.pipeline.workloads import WORKLOADS


def result(**cpu_us: list[float]) -> dict[str, Any]:
    costs = {
        name.replace("_", "-"): [{"cpu_us": one, "wall_us": 1.0, "startup_cpu_secs": 2.0, "peak_mb": 9.0} for one in some]
        for name, some in cpu_us.items()
    }
    machine = dict.fromkeys(("python", "numba", "aiokafka", "faust-streaming", "river", "confluent-kafka"), "1")
    machine |= {"cpu": "a <CPU>", "n_cpus": 2, "load_before": 0.0, "commit": "0" * 40}  # type: ignore[dict-item]
    facts = {"benchmark": "pipeline", "workload": "native-2k", "seed": 1, "n_messages": 10, "broker": "b", "machine": machine}
    return facts | {"results": costs, "summary": summarise(costs)}


def test_the_page_has_figures_plot_and_goals(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps(result(worker=[1.0, 1.2], worker_default=[0.5, 0.7], quix_river=[30.0, 5.0], confluent_bare=[0.4, 0.4]))
    )
    page = tmp_path / "page.html"
    assert report.main([str(path), "-o", str(page)]) == 0
    text = page.read_text()
    assert text.count("<svg") == 1
    assert "a &lt;CPU&gt;" in text
    assert "<td>17.50</td>" in text
    # 0.5/30 and 0.7/5: their median is over a fifteenth; 0.5/0.4 and 0.7/0.4 are over 1.
    assert text.count("not met") == 2
    assert "src=" not in text
    assert 'href="http' not in text


def test_requests_are_told_by_the_sample(tmp_path: Path) -> None:
    told = result(worker_default=[800.0, 1_100.0, 900.0], confluent_bare=[30.0, 30.0, 30.0])
    told |= {"workload": "remote-write-20k", "samples_per_message": 2_000}
    told |= {"versions": {"java-bare": {"java": "21", "kafka-clients": "4.3.1"}, "quix-river": {"quixstreams": "3.23.1"}}}
    path, page = tmp_path / "a.json", tmp_path / "page.html"
    path.write_text(json.dumps(told))
    assert report.main([str(path), "-o", str(page)]) == 0
    text = page.read_text()
    assert "<td>450</td><td>400-550</td><td>1.00</td><td>2.22</td>" in text
    assert "quixstreams 3.23.1" in text
    assert "java 21" in text
    assert ("<span class=met>met</span>" in text, "not met" in text) == (True, False)
    told["results"]["worker-default"][1]["cpu_us"] = told["results"]["worker-default"][2]["cpu_us"] = 1_001.0
    path.write_text(json.dumps(told))
    report.main([str(path), "-o", str(page)])
    assert "not met" in page.read_text()


def test_a_goal_is_judged_within_a_repeat() -> None:
    goal = next(goal for goal in GOALS if goal.rival == "kafka-streams")
    slow_hour = result(worker_default=[1.0, 10.0, 1.0], kafka_streams=[5.0, 50.0, 5.0])
    assert section.judge(slow_hour, goal) == (pytest.approx(0.2), True)
    assert section.judge(result(worker=[1.0]), goal) is None
    assert {name for goal in GOALS for name in (goal.who, goal.rival)} <= set(CONTENDERS)


@pytest.mark.parametrize("text", ["", "[]", '{"benchmark": "models"}', '{"benchmark": "pipeline", "results": {}}'])
def test_what_is_no_result_is_named(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(SystemExit):
        report.main([str(path), "-o", str(tmp_path / "page.html")])
    assert "odd.json" in capsys.readouterr().err


def test_the_full_suite_is_every_series_count_and_compression() -> None:
    planned = plan("full", ["worker"], "native-1", 2_000_000)
    requests = [one for one in planned if one[0].samples_per_message > 1]
    planned = [one for one in planned if one not in requests]
    cells = {(one.n_series, one.compression) for one, _, _ in planned}
    assert cells == {(n, c) for n in (1, 2_000, 100_000, 1_000_000) for c in ("none", "gzip", "snappy", "lz4", "zstd")}
    assert all(n >= 3 * one.n_series and set(MATRIX) <= set(names) for one, names, n in planned)
    assert estimate_secs(planned, 3) > 1.9 * estimate_secs(planned, 1)
    assert WORKLOADS["native-100k-gzip"].seed == WORKLOADS["native-100k"].seed
    assert {(one.format, one.n_series) for one, _, _ in requests} == {
        (record_format, n) for record_format in ("remote_write", "otlp_metrics") for n in (2_000, 20_000, 200_000)
    }
    assert all(one.format in CONTENDERS[name].formats for one, names, _ in requests for name in names)
    assert {tuple(names) for _, names, _ in requests} == {REQUESTS_MATRIX}


def test_a_jvm_is_warm_from_half_way() -> None:
    points = [Point(100, 9.0, 0.0), Point(200, 10.0, 1.0), Point(500, 12.0, 2.0), Point(1_000, 13.0, 3.0)]
    assert cost_of(points, 0.0, {}, 0.5).cpu_us == pytest.approx(2_000)
    assert cost_of(points, 0.0, {}).cpu_us == pytest.approx(3_750)

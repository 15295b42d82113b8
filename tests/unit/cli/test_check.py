"""``streamwarden check`` and ``streamwarden models``: what they print, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from benchmarks.model_cases import CASES
from models import registry
from models.cost import is_accelerated, relative_cost
from pipeline.cli.main import build_app
from pipeline.config.load import config_hash, load_config
from pipeline.errors import ConfigError

ROOT = Path(__file__).parents[3]
SHIPPED = str(ROOT / "topics.yaml")
BASE = "version: 1\ntopics: [{name: metrics, kind: metrics, format: metric_json}]\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(), list(arguments))


def write(folder: Path, text: str) -> str:
    path = folder / "topics.yaml"
    path.write_text(text)
    return str(path)


def squeezed(result: Result) -> str:
    return " ".join(result.output.split())


def test_the_shipped_configuration_is_fine() -> None:
    result = run("check", "--config", SHIPPED)
    assert result.exit_code == 0, result.output
    text = squeezed(result)
    assert config_hash(load_config(Path(SHIPPED))) in text
    for told in (
        "dag_throughput",
        "gaussian_scorer {grace_period: 100}",
        "32 B a series",
        "log_template_rate",
        "P0 breach",
        "Cross-check: local",
    ):
        assert told in text
    assert "unaccelerated" not in text


def test_problems_go_to_stderr_with_exit_code_2(tmp_path: Path) -> None:
    result = run("check", "--config", write(tmp_path, BASE + "detectors: [{nam: all}]\nzebra: 1\n"))
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0].endswith("topics.yaml:3:13  detectors[0].name  CFG102")
    assert lines[-1] == "3 problems"
    assert "did you mean name?" in result.stderr


def test_problems_as_json(tmp_path: Path) -> None:
    result = run("check", "--json", "--config", write(tmp_path, BASE + "detectors: [{name: all, also: yes}]\n"))
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert not told["is_valid"]
    (problem,) = told["problems"]
    assert (problem["line"], problem["column"], problem["path"], problem["code"]) == (3, 31, "detectors[0].also", "CFG201")


def test_summary_as_json_names_detectors_topics_and_cost() -> None:
    told = json.loads(run("check", "--json", "--config", SHIPPED).stdout)
    by_name = {one["name"]: one for one in told["detectors"]}
    assert by_name["dag_participation"]["nbytes_per_series"] == 32
    assert by_name["dag_throughput"]["topics"] == ["metrics"]
    assert by_name["log_errors"]["topics"] == ["logs", "logs-fluentd"]
    assert told["notes"] == []


def test_what_is_slow_or_leads_nowhere_is_noted(tmp_path: Path) -> None:
    text = BASE + (
        "detectors:\n"
        "  - {name: slow, match: {name: a}, model: {type: river_model, parameters: {path: river.anomaly.GaussianScorer}}}\n"
        "  - {name: lines, match: {name: log_template_rate}}\n"
        "crosscheck: {provider: null}\n"
        "worker: {restart_horizon_secs: 7200}\n"
    )
    text = text.replace("format: metric_json}", "format: metric_json, retention_hours: 1}")
    notes = json.loads(run("check", "--json", "--config", write(tmp_path, text)).stdout)["notes"]
    for told in (
        "lines can get no series",
        "fit no detector",
        "slow runs river's own Python",
        "keeps less than",
        "every alert is P3",
        "cross-check is off",
    ):
        assert any(told in note for note in notes), told
    assert "unaccelerated" in squeezed(run("check", "--config", write(tmp_path, text)))


def test_any_river_model_is_weighed_as_it_grows(tmp_path: Path) -> None:
    trees = "{path: river.anomaly.HalfSpaceTrees, parameters: {n_trees: 4}}"
    inner = f"{{threshold: 0.9, detector: {{model: river_model, parameters: {trees}}}}}"
    steps = "{path: river.compose.Pipeline, parameters: {steps: [{path: river.preprocessing.MinMaxScaler}, " + trees + "]}}"
    text = BASE + (
        "detectors:\n"
        f"  - {{name: scaled, match: {{name: a}}, model: {{type: river_model, parameters: {steps}}}}}\n"
        "  - name: together\n"
        "    group: {by: [host], features: [cpu, mem]}\n"
        f"    model: {{type: river_model, parameters: {steps}}}\n"
        "  - name: filtered\n"
        "    match: {name: b}\n"
        f"    model: {{type: threshold_filter, parameters: {inner}}}\n"
        "  - {name: all}\n"
    )
    told = json.loads(run("check", "--json", "--config", write(tmp_path, text)).stdout)["detectors"]
    for one in told[:3]:
        assert not one["is_accelerated"]
        assert one["nbytes_per_series"] > 100_000
        assert one["relative_cost"] >= 130.0
    assert told[3]["is_accelerated"]


def test_text_in_brackets_is_printed_as_it_is(tmp_path: Path) -> None:
    text = BASE + "detectors: [{name: all}, {name: b, match: {labels: {zone: '[red]'}}}]\n"
    path = write(tmp_path, text.replace("{name: all}, ", ""))
    assert "[red]" in run("check", "--config", path).output


def test_effective_is_a_file_that_means_the_same(tmp_path: Path) -> None:
    result = run("check", "--effective", "--broker", "kafka:1", "--config", SHIPPED)
    assert result.exit_code == 0
    again = load_config(write(tmp_path, result.stdout))
    assert again.broker.bootstrap == "kafka:1"
    assert config_hash(again) == config_hash(load_config(Path(SHIPPED)))
    assert yaml.safe_load(result.stdout)["broker"]["bootstrap"] == "kafka:1"
    lines = [line for line in result.stdout.splitlines() if "#" in line]
    assert sum(line.endswith("# command line") for line in lines) == 1
    assert sum(line.endswith("# default of gaussian_scorer") for line in lines) >= 1


def test_effective_as_json() -> None:
    values = json.loads(run("check", "--effective", "--json", "--config", SHIPPED).stdout)["values"]
    origins = {one["path"]: one["origin"] for one in values}
    assert origins["worker.web_port"] == "default"
    assert origins["version"].endswith("topics.yaml:9")


def test_schema_is_json() -> None:
    assert json.loads(run("check", "--schema").stdout)["title"] == "Streamwarden topics.yaml"


def test_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secured = "broker: {security: {protocol: sasl_ssl, mechanism: PLAIN, username: a, password: {env: SW_TEST_PASSWORD}}}\n"
    path = write(tmp_path, BASE + secured + "detectors: [{name: all}]\n")
    assert run("check", "--config", path).exit_code == 0
    assert run("check", "--secrets", "--config", path).exit_code == 2
    monkeypatch.setenv("SW_TEST_PASSWORD", "hunter2")
    result = run("check", "--secrets", "--config", path)
    assert result.exit_code == 0
    assert "hunter2" not in result.output + run("check", "--effective", "--config", path).output


def test_models_are_listed() -> None:
    text = run("models").output
    assert [name for name in registry.names() if name not in text] == []
    described = json.loads(run("models", "--json").stdout)
    assert {one["name"] for one in described} == set(registry.names())
    assert all(one["summary"].endswith(".") and one["nbytes_per_series"] > 0 and one["relative_cost"] > 0 for one in described)


@pytest.mark.parametrize("name", registry.names())
def test_one_model_in_words(name: str) -> None:
    result = run("models", name)
    assert result.exit_code == 0, result.output
    text = squeezed(result)
    for parameter in registry.schema(name):
        assert parameter.name in text
    assert ("unaccelerated" in text) == (not is_accelerated(name))
    assert ("yardstick" in text) == (name == registry.DEFAULT_MODEL)


def test_an_unknown_model_suggests_the_nearest() -> None:
    result = run("models", "gausian")
    assert isinstance(result.exception, ConfigError)
    assert "gaussian_scorer" in str(result.exception)


def test_costs_agree_with_the_benchmarks() -> None:
    """Within a factor of four of the measured figures, which are of another machine and other cases."""
    numbers = json.loads((ROOT / "docs" / "models_numbers.json").read_text())["cases"]
    reference = numbers["gaussian_scorer"]["batch_ns"]["1000"]["10000"] / relative_cost("gaussian_scorer", {})
    assert {case.id for case in CASES} == set(numbers)
    for case in CASES:
        measured = numbers[case.id]["batch_ns"]["1000"]["10000"] / reference
        told = relative_cost(case.model, {"n_features": case.n_features, **case.parameters})
        assert measured / 4 <= told <= measured * 4, (case.id, measured, told)


def test_a_detector_with_a_group_is_told_and_comes_back(tmp_path: Path) -> None:
    text = BASE + (
        "detectors:\n"
        "  - name: together\n"
        "    match: {name: 'node_*'}\n"
        "    model: {type: half_space_trees}\n"
        "    group: {by: [node], features: [node_cpu_ratio, node_memory_ratio]}\n"
        "  - name: rest\n"
    )
    path = write(tmp_path, text)
    assert "as vectors of node_cpu_ratio, node_memory_ratio per node" in squeezed(run("check", "--config", path))
    again = tmp_path / "again.yaml"
    again.write_text(run("check", "--effective", "--config", path).stdout)
    assert run("check", "--config", str(again)).exit_code == 0
    assert config_hash(load_config(again)) == config_hash(load_config(Path(path)))


def test_what_a_group_predicts_and_what_river_models_want_is_told(tmp_path: Path) -> None:
    text = BASE + (
        "detectors:\n"
        "  - name: predicted\n"
        "    group: {by: [node], features: [load, latency], target: latency}\n"
        "    model: {type: predictive_anomaly_detection, parameters: {forecaster: {model: linear_regression}}}\n"
        "  - name: alone\n"
        "    group: {by: [node], features: [load, latency], target: latency}\n"
        "    model: {type: holt_winters}\n"
        "  - name: river_alone\n"
        "    group: {by: [node], features: [load, latency], target: load}\n"
        "    model: {type: river_model, parameters: {path: river.drift.ADWIN}}\n"
        "  - {name: bits, match: {name: up}, model: {type: river_model, parameters: {path: river.drift.binary.EDDM}}}\n"
        "  - name: nothing\n"
        "    match: {name: load}\n"
        "    model: {type: river_model, parameters: {path: river.linear_model.PARegressor}}\n"
        "  - name: wild\n"
        "    group: {by: [node], features: [load, latency, heat]}\n"
        "    model: {type: river_model, parameters: {path: river.facto.FMRegressor}}\n"
        "  - name: shut\n"
        "    group: {by: [node], features: [load, latency]}\n"
        "    model: {type: threshold_filter, parameters: {threshold: 0.9, detector: {model: loda}}}\n"
        "  - {name: rest}\n"
    )
    path = write(tmp_path, text)
    told = json.loads(run("check", "--json", "--config", path).stdout)
    matches = [one["match"] for one in told["detectors"][:2]]
    assert "as vectors of load, latency, latency predicted from load per node" in matches[0]
    assert "as vectors of load, latency, of which latency only is looked at per node" in matches[1]
    notes = told["notes"]
    for detector, words in (
        ("river_alone", "looks at load only"),
        ("bits", "takes true and false, 1 and 0, only"),
        ("nothing", "predicts a value from others and gets none: give the detector a group with a target"),
        ("wild", "has lost its scores on made samples"),
    ):
        assert any(note.startswith(f"detector {detector}: river.") and words in note for note in notes), detector
    (shut,) = [note for note in notes if note.startswith("detector shut: ")]
    assert "threshold_filter around loda learned nothing from the last half of 200 made samples" in shut
    assert len([note for note in notes if note.startswith("detector ") and ": " in note[:30]]) == 5
    again = tmp_path / "again.yaml"
    again.write_text(run("check", "--effective", "--config", path).stdout)
    assert config_hash(load_config(again)) == config_hash(load_config(Path(path)))

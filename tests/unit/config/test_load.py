"""Loading: what overrides what, what is told of overridden values, secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.client.connection import connection_settings
from pipeline.config.effective import list_values, render_effective
from pipeline.config.load import BROKER_VARIABLE, KEY_BY_VARIABLE, load_config, load_document, load_text
from pipeline.config.report import InvalidConfigError, render_path
from pipeline.config.source import parse_text

REST = "topics: [{name: metrics, kind: metrics, format: metric_json}]\ndetectors: [{name: all}]\n"
TEXT = "version: 1\nbroker: {bootstrap: 'file:1'}\n" + REST


def origin_of(text: str, path: str, **overrides: str) -> tuple[object, str]:
    loaded = load_document(
        parse_text(text, "t.yaml"), overrides={key.replace("__", "."): value for key, value in overrides.items()}
    )
    return next((one.value, one.origin) for one in list_values(loaded) if render_path(one.path) == path)


def test_the_command_line_goes_before_the_environment_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert origin_of("version: 1\n" + REST, "broker.bootstrap") == ("127.0.0.1:9092", "default")
    assert origin_of(TEXT, "broker.bootstrap") == ("file:1", "t.yaml:2")
    monkeypatch.setenv(BROKER_VARIABLE, "env:1")
    assert origin_of(TEXT, "broker.bootstrap") == ("env:1", f"environment {BROKER_VARIABLE}")
    assert origin_of(TEXT, "broker.bootstrap", broker__bootstrap="line:1") == ("line:1", "command line")
    assert origin_of("version: 1\n" + REST, "broker.bootstrap") == ("env:1", f"environment {BROKER_VARIABLE}")


def test_an_empty_variable_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BROKER_VARIABLE, "")
    assert load_text(TEXT).broker.bootstrap == "file:1"


def test_an_override_that_is_wrong_is_told_by_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BROKER_VARIABLE, "nonsense")
    with pytest.raises(InvalidConfigError) as caught:
        load_text(TEXT)
    assert str(caught.value).splitlines()[0] == f"environment {BROKER_VARIABLE}  broker.bootstrap  CFG204"
    with pytest.raises(InvalidConfigError) as caught:
        load_text(TEXT, overrides={"broker.bootstrap": "nonsense"})
    assert str(caught.value).splitlines()[0] == "command line  broker.bootstrap  CFG204"


def test_every_variable_has_its_option(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "broker.bootstrap": "env:1",
        "worker.group": "7",
        "worker.region": "eu-west-1",
        "worker.web_host": "0.0.0.0",
        "worker.web_port": 81,
    }
    assert set(KEY_BY_VARIABLE.values()) == set(given)
    for variable, key in KEY_BY_VARIABLE.items():
        monkeypatch.setenv(variable, str(given[key]))
    for variable, key in KEY_BY_VARIABLE.items():
        assert origin_of(TEXT, key) == (given[key], f"environment {variable}")
    monkeypatch.setenv("STREAMWARDEN_WEB_PORT", "many")
    with pytest.raises(InvalidConfigError, match=r"environment STREAMWARDEN_WEB_PORT  worker\.web_port  CFG201"):
        load_text(TEXT)


def test_every_variable_stands_in_the_reference() -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    assert [variable for variable in KEY_BY_VARIABLE if f"`{variable}`" not in page] == []


def test_an_override_leaves_an_anchor_it_shares_alone() -> None:
    text = "version: 1\nx-broker: &b {bootstrap: 'file:1'}\nbroker: *b\n" + REST
    document = parse_text(text, "t.yaml")
    shared = document.data["x-broker"]
    load_document(document, overrides={"broker.bootstrap": "line:1"})
    assert shared == {"bootstrap": "file:1"}


def test_values_of_an_anchor_have_the_place_of_the_anchor() -> None:
    text = "version: 1\nx-cut: &cut {type: tail, probability: 0.01}\n" + REST.replace(
        "{name: all}", "{name: all, threshold: *cut}"
    )
    assert origin_of(text, "detectors[0].threshold.probability") == (0.01, "t.yaml:2")


def test_own_keys_are_allowed_at_the_top_only() -> None:
    load_text(TEXT + "x-notes: [anything]\n")
    with pytest.raises(InvalidConfigError, match="CFG101"):
        load_text(TEXT.replace("{name: all}", "{name: all, x-notes: 1}"))


def test_rules_look_at_what_is_left_when_something_else_is_wrong() -> None:
    text = "version: 2\nworker: {web_port: high}\ntopics:\n  - {name: a}\n  - {name: b, kind: logs, format: metric_json}\n"
    with pytest.raises(InvalidConfigError) as caught:
        load_text(text + "detectors:\n  - {name: all, model: {type: xyz}, zebra: 1}\n")
    told = {(problem.code, render_path(problem.path)) for problem in caught.value.found}
    assert told == {
        ("CFG202", "version"),
        ("CFG201", "worker.web_port"),
        ("CFG102", "topics[0].kind"),
        ("CFG102", "topics[0].format"),
        ("CFG303", "topics[1].format"),
        ("CFG401", "detectors[0].model.type"),
        ("CFG101", "detectors[0].zebra"),
    }


def test_a_consequence_is_not_told_beside_its_cause() -> None:
    # The detector is left out because of its name: that a rule refers to it is no second mistake.
    text = (
        TEXT.replace("{name: all}", "{name: Cpu}, {name: all}") + "alerts: {severity: [{name: r, detector: Cpu, severity: P1}]}\n"
    )
    with pytest.raises(InvalidConfigError) as caught:
        load_text(text)
    assert [problem.code for problem in caught.value.found] == ["CFG204"]


SECURE = (
    """version: 1
broker:
  bootstrap: kafka:9093
  security: {protocol: sasl_ssl, mechanism: SCRAM-SHA-512, username: me, password: PASSWORD}
"""
    + REST
)


def secure(password: str) -> str:
    return SECURE.replace("PASSWORD", password)


def test_a_secret_comes_from_the_environment_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "hunter2")
    file = tmp_path / "password"
    file.write_text("hunter3\n")
    for given, wanted in (("{env: KAFKA_PASSWORD}", "hunter2"), (f"{{file: {file}}}", "hunter3")):
        loaded = load_document(parse_text(secure(given), "t.yaml"), with_secrets=True)
        assert connection_settings(loaded.config.broker)["sasl_plain_password"] == wanted
        for told in (render_effective(list_values(loaded)), repr(loaded.config), loaded.config.model_dump_json()):
            assert "hunter" not in told


def test_a_secret_is_looked_for_only_when_asked(tmp_path: Path) -> None:
    text = secure(f"{{file: {tmp_path / 'none'}}}")
    load_text(text)
    with pytest.raises(InvalidConfigError, match="CFG503"):
        load_document(parse_text(text, "t.yaml"), with_secrets=True)


@pytest.mark.parametrize(
    "given", ["hunter2", "[hunter2]", "{env: hunter2}", "{file: a, env: hunter2}", "{pass: hunter2}", "{env: {a: hunter2}}"]
)
def test_a_secret_in_the_file_is_never_told(given: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        load_document(parse_text(secure(given), "t.yaml"), with_secrets=True)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str([problem.to_dict() for problem in caught.value.found])


def test_a_secret_for_the_name_of_a_variable_is_masked_in_effective_values() -> None:
    loaded = load_document(parse_text(secure("{env: hunter2}"), "t.yaml"))
    assert "hunter2" not in render_effective(list_values(loaded))
    assert "KAFKA_PASSWORD" in render_effective(list_values(load_document(parse_text(secure("{env: KAFKA_PASSWORD}"), "t.yaml"))))


def test_a_syntax_error_never_tells_the_line() -> None:
    with pytest.raises(InvalidConfigError) as caught:
        load_text("broker: {security: {password: hunter2: x}}\n")
    assert "hunter2" not in str(caught.value)


def test_a_folder_or_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(InvalidConfigError) as caught:
            load_config(path)
        assert [problem.code for problem in caught.value.found] == ["CFG001"]


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert load_config(path).broker.bootstrap == "file:1"


@pytest.mark.parametrize("text", ["9" * 30, "!!set {a}", "- 1", "just text", "!local [1]"])
def test_something_else_than_a_mapping(text: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        load_text(text)
    assert caught.value.found


def test_secrets_of_providers_are_looked_for_too() -> None:
    provider = (
        "{type: opensearch, endpoint_url: 'https://h:9200', auth: basic, username: me, password: {env: STREAMWARDEN_NO_SUCH}, "
        "detectors: [{name: d, detector_id: d}]}"
    )
    text = TEXT + f"crosscheck: {{deadline_secs: 60, provider: {provider}}}\n"
    load_text(text)
    with pytest.raises(InvalidConfigError) as caught:
        load_document(parse_text(text, "t.yaml"), with_secrets=True)
    assert [(problem.code, render_path(problem.path)) for problem in caught.value.found] == [
        ("CFG503", "crosscheck.provider.password")
    ]

"""Trials: what ships passes, what does not hold fails, and the same trial comes to the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import build_app
from pipeline.client.rehearsal import FoundIncident, rehearse
from pipeline.config.load import config_hash, load_config, load_text
from pipeline.config.trial import ExpectedIncident, Trial

SHIPPED = Path(__file__).parents[3] / "topics.yaml"
CONFIG = load_config(SHIPPED)
BY_NAME = {trial.name: trial for trial in CONFIG.tests}


@pytest.mark.parametrize("name", BY_NAME)
def test_what_ships_passes_whatever_the_seed(name: str) -> None:
    for seed in (BY_NAME[name].seed, 2, 3):
        outcome = rehearse(CONFIG, BY_NAME[name].model_copy(update={"seed": seed}))
        assert outcome.has_passed, (seed, outcome)


def changed(name: str, **expected: Any) -> Trial:
    trial = BY_NAME[name]
    (incident,) = trial.incidents
    return trial.model_copy(update={"incidents": [incident.model_copy(update=expected)]})


@pytest.mark.parametrize(
    "expected",
    [
        {"severity": "P0"},
        {"category": "security"},
        {"region": "eu-west-1"},
        {"series": "dag_tx_value*"},
        {"after_secs": 15_000.0, "before_secs": None},
        {"before_secs": 14_410.0},
    ],
)
def test_every_part_of_an_expectation_counts(expected: dict[str, Any]) -> None:
    outcome = rehearse(CONFIG, changed("half the transactions are lost", **expected))
    assert not outcome.has_passed
    assert len(outcome.missing) == len(outcome.unexpected) == len(outcome.found) == 1


def test_an_incident_nobody_expected_fails_a_trial() -> None:
    outcome = rehearse(CONFIG, BY_NAME["half the transactions are lost"].model_copy(update={"incidents": []}))
    assert not outcome.has_passed
    assert outcome.unexpected == outcome.found


def test_an_incident_serves_one_expectation_only() -> None:
    trial = BY_NAME["half the transactions are lost"]
    outcome = rehearse(CONFIG, trial.model_copy(update={"incidents": [*trial.incidents, *trial.incidents]}))
    assert len(outcome.missing) == 1
    assert outcome.unexpected == ()


def test_a_vague_expectation_does_not_take_what_a_strict_one_needs() -> None:
    from pipeline.client.rehearsal import _pair

    found = [FoundIncident(severity, "business", "r", 1.0, ("x",), "") for severity in ("P1", "P2")]
    vague, strict = ExpectedIncident(), ExpectedIncident(severity="P1")
    assert _pair([vague, strict], found) == ([], [])
    assert _pair([strict, vague], found) == ([], [])


def test_the_same_trial_comes_to_the_same() -> None:
    trial = BY_NAME["half the transactions are lost"]
    assert rehearse(CONFIG, trial) == rehearse(CONFIG, trial)
    assert rehearse(CONFIG, trial) != rehearse(CONFIG, trial.model_copy(update={"seed": 9}))


def test_a_mistake_in_the_configuration_is_caught() -> None:
    """What tests are for: somebody turns the side round."""
    text = SHIPPED.read_text().replace("direction: below\n    category: business", "direction: above\n    category: business")
    outcome = rehearse(load_text(text), BY_NAME["half the transactions are lost"])
    assert not outcome.has_passed


def test_tests_are_no_part_of_the_hash() -> None:
    text = SHIPPED.read_text()
    assert config_hash(load_text(text[: text.index("\ntests:")])) == config_hash(CONFIG)


def test_the_command_tells_and_exits(tmp_path: Path) -> None:
    fine = CliRunner().invoke(build_app(), ["check", "--tests", "--config", str(SHIPPED)])
    assert fine.exit_code == 0, fine.output
    assert fine.output.splitlines()[-1] == f"{len(CONFIG.tests)} passed, 0 failed"
    path = tmp_path / "topics.yaml"
    path.write_text(SHIPPED.read_text().replace("{severity: P1, category: security,", "{severity: P3, category: security,"))
    failed = CliRunner().invoke(build_app(), ["check", "--tests", "--config", str(path)])
    assert failed.exit_code == 1
    assert "FAILED  logins are tried by brute force" in failed.output
    assert "'severity': 'P3'" in failed.output
    assert "P1 security eu-west-1: auth_failures_rate" in failed.output

"""The commands that read files or topics: help, refusals, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.choose_topic import choose_topic
from pipeline.cli.history_arguments import parse_labels
from pipeline.cli.main import COMMAND_MODULES, build_app
from pipeline.cli.replay import parse_speed
from pipeline.config.schema import Config
from pipeline.errors import ConfigError

MINE = ("demo", "replay", "score", "tail", "explain")
CONFIG = Config.model_validate(
    {
        "version": 1,
        "topics": [
            {"name": "m", "kind": "metrics", "format": "metric_json"},
            {"name": "m2", "kind": "metrics", "format": "metric_json"},
            {"name": "l", "kind": "logs", "format": "log_json"},
        ],
        "detectors": [{"name": "any"}],
    }
)


@pytest.mark.parametrize("name", MINE)
def test_every_command_has_help_and_every_option_a_sentence(name: str) -> None:
    assert name in COMMAND_MODULES
    result = CliRunner().invoke(build_app(), [name, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0
    import typer

    command = typer.main.get_command(build_app()).commands[name]  # type: ignore[attr-defined]
    assert command.help
    for parameter in command.params:
        if parameter.name != "help":
            assert parameter.help, (name, parameter.name)
            assert parameter.help.endswith("."), (name, parameter.name)


def test_help_does_not_import_what_is_heavy() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom pipeline.cli.main import build_app\n"
        "assert CliRunner().invoke(build_app(), ['--help']).exit_code == 0\n"
        "print([name for name in ('numba', 'kafka', 'pyarrow', 'faust', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("text", "speed"), [("1", 1.0), ("0.5", 0.5), ("60", 60.0), ("max", None)])
def test_speed(text: str, speed: float | None) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "inf", "nan", ""])
def test_speed_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a number above 0 or max"):
        parse_speed(text)


@pytest.mark.parametrize("text", ["region", "=x", ""])
def test_label_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--label: found {text!r}, expected NAME=VALUE"):
        parse_labels([text])


def test_topic_is_chosen_by_format_unless_named() -> None:
    assert choose_topic(CONFIG, "metric_json", None).name == "m"
    assert choose_topic(CONFIG, "metric_json", "m2").name == "m2"
    assert choose_topic(CONFIG, "log_json", None).name == "l"


@pytest.mark.parametrize(
    ("found", "wanted", "message"),
    [
        ("fluentd_json", None, "files hold fluentd_json.*m \\(metric_json\\)"),
        ("log_json", "m", "--topic m: expects metric_json, but the files hold log_json"),
        ("log_json", "x", "--topic: found 'x', expected one of m"),
    ],
)
def test_topic_that_does_not_fit(found: str, wanted: str | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_topic(CONFIG, found, wanted)


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_a_wrong_command_line_is_one_message_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("ts,value\n1392388200,1\n")
    done = run("replay", "a.csv", "--topic", "m", "--speed", "fast", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "--speed: found 'fast', expected a number above 0 or max; write e.g. --speed 60\n"
    done = run("score", "a.csv", "--timezone", "Mars", cwd=tmp_path)
    assert done.returncode == 2
    assert "found 'Mars'" in done.stderr
    assert "Traceback" not in done.stderr

"""What the pages tell to type exists: every command with every option, every other block of YAML, JSON and Python on them."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from typer.main import get_command

from pipeline.cli.bench import BENCHMARKS
from pipeline.cli.main import build_app
from pipeline.codecs.metric_json import MetricJsonCodec
from pipeline.codecs.record import RecordBatch
from pipeline.config.load import load_text
from pipeline.config.schema import Config
from pipeline.engine.lane import Lane

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
HEAD = {"version": 1, "topics": [{"name": "metrics", "kind": "metrics", "format": "metric_json"}], "detectors": [{"name": "all"}]}
_COMMAND = re.compile(r"(?:^|`|\(|# )streamwarden ([a-z][^`#|;\n]*)", re.MULTILINE)


def _commands() -> list[Any]:
    found = {}
    for page in PAGES:
        # A command goes on in the next line where a paragraph was wrapped within backticks.
        text = re.sub(r"`[^`\n]+\n[^`\n]+`", lambda one: one[0].replace("\n", " "), page.read_text(encoding="utf-8"))
        for match in _COMMAND.finditer(text):
            found[match[1].strip()] = page.name
    return [pytest.param(command, id=f"{page}: {command[:60]}") for command, page in found.items()]


def _options_of(words: list[str]) -> set[str]:
    """Every option of the command that the first words name."""
    if words[0] == "bench" and len(words) > 1 and words[1] in BENCHMARKS:
        told = io.StringIO()
        with redirect_stdout(told), pytest.raises(SystemExit):
            import_module(BENCHMARKS[words[1]][0]).main(["--help"])
        return set(re.findall(r"--[a-z][a-z-]*", told.getvalue()))
    command: Any = get_command(build_app())
    for word in words:
        inside = getattr(command, "commands", None)
        if inside is None:
            break
        assert word in inside, f"there is no {' '.join(words)}"
        command = inside[word]
    named = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return named | {"--help"}


@pytest.mark.parametrize("text", _commands())
def test_a_command_of_the_pages_exists_with_its_options(text: str) -> None:
    words = [re.sub(r"[^\w-]+$", "", word) for word in text.split()]
    path = [word for word in words[:3] if re.fullmatch(r"[a-z][a-z-]*", word)]
    known = _options_of(path)
    for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", text):
        assert option in known, f"streamwarden {' '.join(path)} has no {option}"


def test_there_are_commands_on_the_pages() -> None:
    assert len(_commands()) > 40


def _blocks(page: str, language: str) -> list[Any]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return [pytest.param(one, id=f"{page}-{n}") for n, one in enumerate(found)]


def _parts() -> list[Any]:
    """Parts of configurations; the rules of Prometheus among the blocks are none."""
    blocks = [*_blocks("docs/crosscheck.md", "yaml"), *_blocks("docs/operations.md", "yaml")]
    return [block for block in blocks if not str(block.values[0]).startswith("groups:")]


@pytest.mark.parametrize("text", _parts())
def test_a_part_of_a_configuration_loads(text: str) -> None:
    data = yaml.safe_load(text)
    config = load_text(yaml.safe_dump(HEAD | data))
    for section, value in data.items():
        told = getattr(config, section).model_dump(mode="json")
        assert set(value) <= set(told)


@pytest.mark.parametrize("text", [*_blocks("README.md", "json"), *_blocks("docs/formats.md", "json")])
def test_a_record_of_the_pages_is_a_sample(text: str) -> None:
    sample = orjson.loads(text)
    decoded = MetricJsonCodec().decode(RecordBatch.from_rows("metrics", 0, [(0, 0, None, text.strip().encode())]))
    assert not decoded.bad
    assert decoded.value.tolist() == [sample["value"]]


def test_the_lane_of_the_architecture_page_runs() -> None:
    (block,) = _blocks("docs/architecture.md", "python")
    config = Config.model_validate(HEAD)
    record = orjson.dumps({"name": "cpu", "ts": 1_700_000_000, "value": 0.5})
    batch = RecordBatch.from_rows("metrics", 0, [(0, 1_700_000_000_000, None, record)])
    names = {"Lane": Lane, "config": config, "source_topic": config.topics[0], "partition": 0, "record_batch": batch}
    exec(compile(block.values[0], "docs/architecture.md", "exec"), names)  # type: ignore[arg-type]
    assert names["output"].anomalies == []  # type: ignore[attr-defined]
    assert names["lane"].accounting.records["scored"] == 1  # type: ignore[attr-defined]

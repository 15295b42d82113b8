"""The models page says what the models say: every model, parameter and difference, with its figure."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from models import registry
from models.checks import yield_checks
from models.known_differences import KNOWN_DIFFERENCES

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "models.md").read_text()
OURS = registry.names()


@pytest.mark.parametrize("name", OURS)
def test_model_is_documented(name: str) -> None:
    section = PAGE.split(f"\n## {name}\n")[1].split("\n## ")[0]
    for parameter in registry.schema(name):
        assert f"| `{parameter.name}` | {parameter.range_text} |" in section
        assert parameter.sentence in section
    figure = DOCS / "figures" / f"{name}.svg"
    assert f"figures/{name}.svg" in section
    assert figure.stat().st_size < 60_000
    assert ElementTree.parse(figure).getroot().tag.endswith("svg")
    shown = json.loads(section.split("With `")[-1].split("`.")[0])
    assert registry.build(name, shown)


def test_example_on_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    monkeypatch.syspath_prepend(tmp_path)
    files = 0
    for block in code:
        named = re.match(r"# (\w+\.py)\n", block)
        if named:
            (tmp_path / named[1]).write_text(block)
            files += 1
        else:
            exec(compile(block, "docs/models.md", "exec"), {})
    assert files < len(code)


def test_every_check_is_on_the_page() -> None:
    for check in yield_checks(lambda: registry.build(registry.DEFAULT_MODEL)):
        assert f"| {check.name} | {check.sentence} |" in PAGE


def test_every_difference_is_on_the_page() -> None:
    for difference in KNOWN_DIFFERENCES:
        assert f"| {difference.name} |" in PAGE

"""The models page says what the models say: every model, parameter and difference, with its figure."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from models import registry
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


def test_example_on_the_page_runs() -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert code
    for block in code:
        exec(compile(block, "docs/models.md", "exec"), {})


def test_every_difference_is_on_the_page() -> None:
    for difference in KNOWN_DIFFERENCES:
        assert f"| {difference.name} |" in PAGE

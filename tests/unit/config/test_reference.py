"""docs/configuration.md: up to date, complete, and its example loads."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.config.codes import CODES
from pipeline.config.load import load_text
from pipeline.config.options import section_options
from pipeline.config.reference import PAGE, render_reference
from pipeline.config.schema import Config
from pipeline.config.section import Section

PAGE_TEXT = (Path(__file__).parents[3] / PAGE).read_text()


def all_sections(section: type[Section] = Section) -> set[type[Section]]:
    below = {one for one in section.__subclasses__() if one.__module__.startswith("pipeline.config")}
    return below | {deeper for one in below for deeper in all_sections(one)}


def test_is_up_to_date() -> None:
    assert render_reference(PAGE_TEXT) == PAGE_TEXT, "run python -m pipeline.config.reference"


def test_every_option_has_one_sentence_and_stands_on_the_page() -> None:
    page = PAGE_TEXT
    sections = all_sections()
    assert Config in sections
    for section in sections:
        for name, option in section_options(section).items():
            assert option.sentence.endswith("."), f"{section.__name__}.{name}"
            assert f"| `{name}` |" in page, f"{section.__name__}.{name}"


def test_every_code_stands_on_the_page() -> None:
    page = PAGE_TEXT
    assert [code for code in CODES if f"`{code}`" not in page] == []


def test_its_example_loads() -> None:
    # The others are of detectors only: `tests/docs/test_examples.py` plays them.
    example = re.findall(r"```yaml\n(.*?)```", PAGE_TEXT, flags=re.DOTALL)[0]
    assert load_text(example).detectors[0].name == "everything"

"""The pages say what the code does, and every link leads somewhere."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest

import pipeline
from pipeline.errors import StreamwardenError
from pipeline.telemetry.events import EVENTS
from pipeline.telemetry.metric_specs import METRICS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path) if path else page
        assert found.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page.name} links to {target}"


def test_the_operations_page_lists_every_metric_in_its_words() -> None:
    rows = [f"| `{one.name}` | {', '.join(f'`{label}`' for label in one.labels)} | {one.sentence} |" for one in METRICS]
    table = "\n".join(["| metric | labels | |", "|---|---|---|", *rows, ""])
    assert table in OPERATIONS, f"put this table into docs/operations.md:\n{table}"


def test_rules_and_events_of_the_operations_page_exist() -> None:
    names = {one.exported_name for one in METRICS}
    for name in re.findall(r"\bstreamwarden_[a-z_]+", OPERATIONS):
        assert name in names, name
    for event in re.findall(r'event="([a-z_]+)"', OPERATIONS):
        assert event in EVENTS, event
    rows = OPERATIONS.partition("## Troubleshooting")[2].partition("\n## ")[0]
    for told in re.findall(r"^\| `([a-z]+_[a-z_]+)`", rows, re.MULTILINE):
        assert told in EVENTS, told


def test_error_codes_of_the_operations_page_are_raised_somewhere() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "pipeline").rglob("*.py"))
    for code in set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", OPERATIONS)) - {"SIGTERM"}:
        assert f'"{code}"' in sources, code


def test_exit_codes_of_the_operations_page_are_those_of_the_errors() -> None:
    for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        if module.name.endswith("errors"):
            importlib.import_module(module.name)
    told = {int(code) for code in re.findall(r"^\| (\d) \|", OPERATIONS.partition("## Exit codes")[2], re.MULTILINE)}
    used = {0}
    todo = [StreamwardenError]
    while todo:
        one = todo.pop()
        used.add(one.exit_code)
        todo += one.__subclasses__()
    assert told == used


def test_make_tells_of_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    told = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in set(targets) - {"help", "check"}:
        assert f"make {target}" in told, target

"""docs/alerts.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pipeline.alerts.event as event_module
from pipeline.alerts.reason import REASONS

PAGE = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")


def test_every_reason_is_explained_in_its_words() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([A-Z].*\.) \|$", PAGE, re.MULTILINE))
    assert rows == REASONS


def test_headers_and_types_are_named() -> None:
    assert event_module.SCHEMA_URI in PAGE
    for name in ("firing", "updated", "resolved", "acknowledged", "escalated"):
        assert f".{name}`" in PAGE

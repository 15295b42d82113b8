"""Caches stand in the user's own folder, and never in whatever the working directory is."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.cache_home import cache_home


def test_the_environment_says_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_home() == tmp_path / "streamwarden"
    monkeypatch.setenv("HOME", str(tmp_path))
    for named in ("", "relative/cache"):
        monkeypatch.setenv("XDG_CACHE_HOME", named)
        assert cache_home() == tmp_path / ".cache" / "streamwarden"


def test_a_user_without_a_home_has_an_absolute_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(_: int) -> None:
        raise KeyError("no such user")

    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", find)
    assert cache_home() == Path("/.cache/streamwarden")

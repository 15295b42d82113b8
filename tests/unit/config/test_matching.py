"""Matchers against a plain one, and what `covers` claims against what matches."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.matching import covers, covers_glob, fits_glob, matches
from pipeline.config.schema import Match

TEXTS = st.text(alphabet="ab*", max_size=5)
VALUES = st.text(alphabet="ab", max_size=6)
GLOBS = st.none() | TEXTS | st.lists(TEXTS, max_size=3)
LABELS = st.dictionaries(st.sampled_from(["region", "node"]), TEXTS | st.lists(TEXTS, min_size=1, max_size=2), max_size=2)
MATCHES = st.builds(Match, topic=GLOBS, name=GLOBS, labels=LABELS)
SERIES = st.dictionaries(st.sampled_from(["__name__", "region", "node"]), VALUES, max_size=3)


def naive_fits(glob: str | list[str] | None, value: str) -> bool:
    if glob is None:
        return True
    patterns = [glob] if isinstance(glob, str) else glob
    return any(re.fullmatch(pattern.replace("*", ".*"), value) for pattern in patterns)


@given(GLOBS, VALUES)
def test_globs(glob: str | list[str] | None, value: str) -> None:
    assert fits_glob(glob, value) == naive_fits(glob, value)


@given(GLOBS, GLOBS, VALUES)
def test_a_glob_that_covers_another_fits_all_it_fits(
    wide: str | list[str] | None, narrow: str | list[str] | None, value: str
) -> None:
    if covers_glob(wide, narrow) and fits_glob(narrow, value):
        assert fits_glob(wide, value)


@given(MATCHES, MATCHES, VALUES, SERIES)
def test_a_match_that_covers_another_fits_all_it_fits(wide: Match, narrow: Match, topic: str, series: dict[str, str]) -> None:
    if covers(wide, narrow) and matches(narrow, topic, series):
        assert matches(wide, topic, series)


@given(MATCHES)
def test_everything_covers_and_each_covers_itself(match: Match) -> None:
    assert covers(Match(), match)
    assert covers(match, match)


def test_only_the_star_is_special_and_case_counts() -> None:
    assert fits_glob("a.b", "a.b")
    assert not fits_glob("a.b", "axb")
    assert not fits_glob("a?", "ab")
    assert not fits_glob("CPU", "cpu")
    assert fits_glob("a*b", "a\nb")

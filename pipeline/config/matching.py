"""Matchers: which series a detector or rule is for, and whether one matcher takes everything another does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from pipeline.config.schema import Glob, Match

__all__ = ["covers", "covers_glob", "fits_glob", "matches"]

NAME_LABEL = "__name__"


def fits_glob(glob: Glob | None, value: str) -> bool:
    """Whether a value is one of those a glob, or any of a list of them, stands for; None stands for every value.

    Only ``*`` is special: any text, none included.  Case counts.

    Examples
    --------
    >>> fits_glob("node_*", "node_cpu"), fits_glob(["a", "b*"], "bc"), fits_glob("a?", "ab"), fits_glob(None, "x")
    (True, True, False, True)
    """
    if glob is None:
        return True
    patterns = (glob,) if isinstance(glob, str) else glob
    return any(pattern == value or ("*" in pattern and _compile_glob(pattern).fullmatch(value)) for pattern in patterns)


def matches(match: Match, topic: str, labels: Mapping[str, str]) -> bool:
    """Whether a matcher fits a series.

    Parameters
    ----------
    match : Match
        An absent field fits everything.
    topic : str
        Source topic of the series.
    labels : mapping of str to str
        Labels with ``__name__``; a label that is missing has the value ``""``.

    Examples
    --------
    >>> cpu = {"__name__": "node_cpu_ratio", "region": "us-east-1"}
    >>> matches(Match(name="node_*", labels={"region": ["us-*", "eu-*"]}), "m", cpu)
    True
    >>> matches(Match(topic="logs"), "m", cpu), matches(Match(labels={"node": ""}), "m", cpu)
    (False, True)
    """
    return (
        fits_glob(match.topic, topic)
        and fits_glob(match.name, labels.get(NAME_LABEL, ""))
        and all(fits_glob(glob, labels.get(name, "")) for name, glob in match.labels.items())
    )


def covers_glob(wide: Glob | None, narrow: Glob | None) -> bool:
    """Whether every value that `narrow` stands for is one that a single pattern of `wide` stands for.

    Examples
    --------
    >>> covers_glob("node_*", ["node_cpu", "node_*_ratio"]), covers_glob("node_*_ratio", "node_*"), covers_glob("*", None)
    (True, False, True)
    """
    # A star of the narrow pattern is a character like any other here: only a star of the wide one can swallow it.
    return all(fits_glob(wide, pattern) for pattern in _patterns(narrow))


def covers(wide: Match, narrow: Match) -> bool:
    """Whether every series that `narrow` fits is one that `wide` fits.

    May miss what only several patterns of `wide` together cover; never claims what is not so.

    Examples
    --------
    >>> covers(Match(), Match(name="a")), covers(Match(name="a*"), Match(name="ab", topic="t")), covers(Match(topic="t"), Match())
    (True, True, False)
    """
    return (
        covers_glob(wide.topic, narrow.topic)
        and covers_glob(wide.name, narrow.name)
        and all(covers_glob(glob, narrow.labels.get(name)) for name, glob in wide.labels.items())
    )


def _patterns(glob: Glob | None) -> list[str]:
    return ["*"] if glob is None else [glob] if isinstance(glob, str) else glob


@lru_cache(maxsize=4096)
def _compile_glob(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", pattern)), re.DOTALL)

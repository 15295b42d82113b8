"""The folder in which this user's caches stand."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_home"]


def cache_home() -> Path:
    """``$XDG_CACHE_HOME/streamwarden``, or ``~/.cache/streamwarden``; always an absolute path.

    A relative ``XDG_CACHE_HOME`` is no folder to rely on, and is passed over (XDG Base Directory Specification, section 3).  Where a
    user has no home (a container's numeric user, nothing in the environment) it is ``/.cache/streamwarden``: what cannot be kept there
    fails and is told of, and nothing is strewn over working directories.

    Examples
    --------
    >>> cache_home().is_absolute(), cache_home().name
    (True, 'streamwarden')
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):
        return Path(named) / "streamwarden"
    home = os.path.expanduser("~")
    return Path(home if os.path.isabs(home) else "/") / ".cache" / "streamwarden"

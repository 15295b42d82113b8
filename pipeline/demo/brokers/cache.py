"""The folder on this machine in which what was fetched or built is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder(name: str) -> Path:
    """A folder of that name below ``$XDG_CACHE_HOME/streamwarden`` (``~/.cache/streamwarden``), made when absent.

    Examples
    --------
    >>> cache_folder("kafka").name
    'kafka'
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(home) / "streamwarden" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder

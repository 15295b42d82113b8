"""The folder on this machine in which what was fetched or built is kept between runs."""

from __future__ import annotations

from pathlib import Path

from models.cache_home import cache_home

__all__ = ["cache_folder"]


def cache_folder(name: str) -> Path:
    """A folder of that name below ``$XDG_CACHE_HOME/streamwarden`` (``~/.cache/streamwarden``), made when absent.

    Examples
    --------
    >>> cache_folder("kafka").name
    'kafka'
    """
    folder = cache_home() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder

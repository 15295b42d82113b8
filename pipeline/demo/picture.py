"""The live view as a picture: the moment of a run that shows most."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from pipeline.demo.feed import FeedPhase
from pipeline.demo.screen import draw_screen
from pipeline.demo.snapshot import RunSnapshot

__all__ = ["Picture"]

_WIDTH, _HEIGHT = 160, 34
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Picture:
    """Keeps the moment with the most open incidents, and of those the latest."""

    def __init__(self) -> None:
        self._n_open = -1
        self._best: RunSnapshot | None = None

    def look(self, snapshot: RunSnapshot) -> None:
        """Take in one moment; those before the live part are kept only as long as there is nothing better."""
        n_open = len(snapshot.open_incidents) if snapshot.phase is FeedPhase.LIVE else 0
        if n_open >= self._n_open:
            self._n_open, self._best = n_open, snapshot

    def draw(self) -> str:
        """The kept moment as SVG; empty when there was none."""
        if self._best is None:
            return ""
        console = Console(
            width=_WIDTH, height=_HEIGHT, file=io.StringIO(), record=True, force_terminal=True, color_system="truecolor"
        )
        console.print(draw_screen(self._best))
        # A picture must not fetch anything: the reader's own fixed-width font will do.
        return _FONT.sub("", console.export_svg(title="streamwarden demo"))

    def save(self, path: Path) -> None:
        """Write the kept moment to a file.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        path.write_text(self.draw(), encoding="utf-8")

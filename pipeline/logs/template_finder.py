"""Template finder: the template of a line as it is written, lines of a known shape at the price of one look-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.logs.masking import Masker
from pipeline.logs.recent import Recent
from pipeline.logs.template_tree import Learned, Template, TemplateTree

__all__ = ["TemplateFinder"]

_MAX_FOUND = 4_096
_MAX_FOUND_BYTES = 512


class TemplateFinder:
    """Masks lines and finds their templates.

    Parameters
    ----------
    similarity : float
        Share of equal tokens from which a line belongs to a template.
    max_templates : int
        Ceiling of templates.

    Examples
    --------
    >>> finder = TemplateFinder(similarity=0.4, max_templates=100)
    >>> finder.find("block 0x3f sealed in 35 ms").template.text
    'block <hex> sealed in <num> ms'
    >>> finder.find("block 0x4e sealed in 71 ms").is_new, len(finder)
    (False, 1)
    """

    def __init__(self, similarity: float, max_templates: int) -> None:
        self._masker = Masker()
        self._tree = TemplateTree(similarity, max_templates)
        self._found = Recent[bytes, tuple[Template, int]](_MAX_FOUND)

    def __len__(self) -> int:
        return len(self._tree)

    def get(self, template_id: str) -> Template | None:
        """A template by its id."""
        return self._tree.get(template_id)

    def find(self, message: str) -> Learned:
        """The template of a line, after it has learned the line."""
        shape = self._masker.shape(message)
        found = self._found.get(shape)
        if found is not None and found[0].group.version == found[1]:
            template = found[0]
            template.n_lines += 1
            return Learned(template, False)
        learned = self._tree.learn(self._masker.mask(shape))
        if learned.template is not None and len(shape) <= _MAX_FOUND_BYTES:
            self._found.put(shape, (learned.template, learned.template.group.version))
        return learned

    def snapshot(self) -> list[list[Any]]:
        """What it has learned, as plain values (`TemplateTree.snapshot`)."""
        return self._tree.snapshot()

    def restore(self, snapshot: Sequence[Sequence[Any]]) -> None:
        """Replace everything by what `snapshot` returned.

        Raises
        ------
        StateError
            It is damaged.
        """
        self._tree.restore(snapshot)
        self._found.clear()

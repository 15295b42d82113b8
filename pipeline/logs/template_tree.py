"""Template tree: masked lines to templates, one pass, no look back.

Lines are told apart first by their number of tokens and their first token, then by the share of equal tokens with the templates found
there so far; tokens in which lines of one template differ become ``<*>``.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from operator import eq
from typing import Any, NamedTuple

from pipeline.errors import StateError
from pipeline.logs.recent import Recent

__all__ = ["ANY", "Learned", "Template", "TemplateTree"]

ANY = "<*>"
_MAX_FIRST_TOKENS = 100
_MAX_FOUND = 4_096
_ID_BYTES = 6


class _SameLength:
    """Templates of one number of tokens: by first token, and a version that moves with every change to any of them."""

    __slots__ = ("by_first", "version")

    def __init__(self) -> None:
        self.by_first: dict[str, list[Template]] = {}
        self.version = 0


class Template:
    """One kind of line.

    Attributes
    ----------
    id : str
        12 hex digits of a hash over the masked first line: the same wherever that line comes first, and kept when tokens become
        ``<*>`` later.
    tokens : tuple of str
        As generalised so far.
    n_lines : int
        Lines so far.
    first : str
        First token under which it is found, ``<*>`` = any.
    group : object
        Shared by all templates of that number of tokens; its `version` moves whenever one of them changes or is made.
    text : str
        The tokens joined.
    n_any : int
        How many tokens are ``<*>``.
    """

    __slots__ = ("first", "group", "id", "n_any", "n_lines", "text", "tokens")

    def __init__(self, template_id: str, tokens: tuple[str, ...], first: str, group: _SameLength, n_lines: int) -> None:
        self.id = template_id
        self.tokens = tokens
        self.first = first
        self.group = group
        self.n_lines = n_lines
        self.text = " ".join(tokens)
        self.n_any = tokens.count(ANY)

    def generalise(self, tokens: Sequence[str]) -> bool:
        """Put ``<*>`` where `tokens` differ; True = something changed."""
        general = tuple([mine if mine == theirs else ANY for mine, theirs in zip(self.tokens, tokens, strict=True)])
        if general == self.tokens:
            return False
        self.tokens = general
        self.text = " ".join(general)
        self.n_any = general.count(ANY)
        return True


class Learned(NamedTuple):
    """What became of a line.

    Attributes
    ----------
    template : Template or None
        None: the ceiling is reached and no template fits.  Else the same line has it until `version` of its group moves.
    is_new : bool
        The line made the template.
    """

    template: Template | None
    is_new: bool


class TemplateTree:
    """Finds the template of a line, or makes one.

    Parameters
    ----------
    similarity : float
        Share of equal tokens, those that are ``<*>`` counting as unequal, from which a line belongs to a template.
    max_templates : int
        Ceiling; further kinds of lines have no template.

    Notes
    -----
    A deterministic function of the lines in their order.  Lines seen before are looked up as long as no template of their length has
    changed since, which gives what a search would.

    This is Drain with one level of first tokens (tree depth 4 in the paper's count, at most 100 first tokens a length), except that
    templates beyond the ceiling are refused, not traded for old ones.

    References
    ----------
    P. He, J. Zhu, Z. Zheng, M. R. Lyu, Drain: an online log parsing approach with fixed depth tree, ICWS 2017, section III.

    Examples
    --------
    >>> tree = TemplateTree(similarity=0.4, max_templates=1)
    >>> template = tree.learn(("user", "bob", "logged", "in")).template
    >>> tree.learn(("user", "eve", "logged", "in")).template is template, template.text
    (True, 'user <*> logged in')
    >>> tree.learn(("disk", "full"))
    Learned(template=None, is_new=False)
    """

    def __init__(self, similarity: float, max_templates: int) -> None:
        self._similarity = similarity
        self._max_templates = max_templates
        self._by_length: dict[int, _SameLength] = {}
        self._templates: dict[str, Template] = {}
        self._found = Recent[tuple[str, ...], tuple[Template, int]](_MAX_FOUND)

    def __len__(self) -> int:
        return len(self._templates)

    def get(self, template_id: str) -> Template | None:
        """A template by its id."""
        return self._templates.get(template_id)

    def learn(self, tokens: tuple[str, ...]) -> Learned:
        """The template of a line, after it has learned the line.

        Parameters
        ----------
        tokens : tuple of str
            Masked tokens, at least one, none of them ``<*>``.
        """
        found = self._found.get(tokens)
        if found is not None and found[0].group.version == found[1]:
            found[0].n_lines += 1
            return Learned(found[0], False)
        group = self._by_length.get(len(tokens))
        if group is None:
            group = self._by_length[len(tokens)] = _SameLength()
        template = self._search(group, tokens)
        is_new = template is None
        if template is None:
            if len(self._templates) >= self._max_templates:
                return Learned(None, False)
            template = self._add(group, tokens)
        else:
            template.n_lines += 1
            if template.generalise(tokens):
                group.version += 1
        # What the line has in common with its template stays as much, so that a second search would end here too.
        self._found.put(tokens, (template, group.version))
        return Learned(template, is_new)

    def snapshot(self) -> list[list[Any]]:
        """Templates in the order in which they were made, as plain values.

        Examples
        --------
        >>> tree = TemplateTree(0.4, 10)
        >>> _ = tree.learn(("disk", "full"))
        >>> copy = TemplateTree(0.4, 10)
        >>> copy.restore(tree.snapshot())
        >>> copy.learn(("disk", "full")).template.n_lines, copy.snapshot()[0][1:]
        (2, ['disk', 2, ['disk', 'full']])
        """
        return [[one.id, one.first, one.n_lines, list(one.tokens)] for one in self._templates.values()]

    def restore(self, snapshot: Sequence[Sequence[Any]]) -> None:
        """Replace everything by what `snapshot` returned.

        Raises
        ------
        StateError
            It is damaged.
        """
        self._by_length, self._templates = {}, {}
        self._found.clear()
        for template_id, first, n_lines, tokens in snapshot:
            if template_id in self._templates or not tokens:
                raise StateError(
                    f"log templates: {template_id!r} is there twice or has no tokens; the snapshot is damaged, take an older one",
                    code="LOG_TEMPLATES",
                )
            group = self._by_length.setdefault(len(tokens), _SameLength())
            template = Template(template_id, tuple(tokens), first, group, n_lines)
            group.by_first.setdefault(first, []).append(template)
            self._templates[template_id] = template

    def _search(self, group: _SameLength, tokens: tuple[str, ...]) -> Template | None:
        candidates = group.by_first.get(tokens[0]) or group.by_first.get(ANY)
        if candidates is None:
            return None
        best: Template | None = None
        most_equal = most_any = -1
        for template in candidates:
            n_equal = sum(map(eq, template.tokens, tokens))
            if n_equal > most_equal or (n_equal == most_equal and template.n_any > most_any):
                best, most_equal, most_any = template, n_equal, template.n_any
        return best if most_equal / len(tokens) >= self._similarity else None

    def _add(self, group: _SameLength, tokens: tuple[str, ...]) -> Template:
        by_first = group.by_first
        first = tokens[0]
        if first not in by_first:
            n_left = _MAX_FIRST_TOKENS - len(by_first) - (ANY not in by_first)
            if n_left <= 0 or any(map(str.isdigit, first)):
                first = ANY
        template = Template(self._free_id(tokens), tokens, first, group, 1)
        by_first.setdefault(first, []).append(template)
        self._templates[template.id] = template
        group.version += 1
        return template

    def _free_id(self, tokens: tuple[str, ...]) -> str:
        # Its own first line always fits a template, so that only two lines of one hash can ask for one id.
        text = "\x00".join(tokens).encode("utf-8", "replace")
        for again in range(len(self._templates) + 1):
            template_id = blake2b(text + b"\x00" * again, digest_size=_ID_BYTES).hexdigest()
            if template_id not in self._templates:
                return template_id
        raise AssertionError("unreachable: more ids than templates were tried")

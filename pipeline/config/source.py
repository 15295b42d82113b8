"""YAML with positions: where every key and value stands, so that every problem can be pointed at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import yaml

from pipeline.config.document import Document, Place
from pipeline.config.plain_scalar import resolve_plain
from pipeline.config.report import KeyPath, Problem

__all__ = ["parse_text", "read_file"]

MAX_BYTES = 1024 * 1024
MAX_VALUES = 100_000
MAX_DEPTH = 40
_SHOWN_DEPTH = 6

_INT64 = 2**63
_EXPECTED_FOUND = re.compile(r"expected (.*?),? but (?:got|found) (.*)", re.DOTALL)
# As YAML breaks lines.
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_TAG_PREFIX = "tag:yaml.org,2002:"
_PLAIN = f"{_TAG_PREFIX}plain"


class _Loader(yaml.SafeLoader):
    """Leaves plain scalars unresolved, so that they can be told from those with an explicit tag."""

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: Any) -> str:
        if kind is yaml.ScalarNode and implicit[0]:
            return _PLAIN
        return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]


def read_file(path: Path) -> Document:
    """Read and parse a file; whatever is wrong with it is in the document's problems."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        document = Document(name)
        cure = "correct the path, or make a file from the topics.yaml that comes with Streamwarden"
        why = error.strerror or type(error).__name__
        document.problems.append(Problem(name, 0, 0, (), "CFG001", "a readable file", why.lower(), cure))
        return document
    return parse_bytes(raw, name)


def parse_bytes(raw: bytes, name: str) -> Document:
    """Parse the bytes of a file.

    Examples
    --------
    >>> print(parse_bytes(b"a: caf\\xe9", "t.yaml").problems[0].render())
    t.yaml:1:7  CFG002
      expected UTF-8 text; found byte 0xe9
      fix: save the file as UTF-8
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(raw) > MAX_BYTES:
            return _too_large(name)
        before = raw[: error.start].decode("utf-8-sig", errors="replace")
        line, column = _count_place(before)
        found = f"byte 0x{raw[error.start]:02x}"
        document = Document(name)
        document.problems.append(Problem(name, line, column, (), "CFG002", "UTF-8 text", found, "save the file as UTF-8"))
        return document
    return parse_text(text, name)


def parse_text(text: str, name: str) -> Document:
    """Parse YAML text.

    Examples
    --------
    >>> document = parse_text("a: 1e3\\nb: [on, 007]\\na: 2", "t.yaml")
    >>> document.data
    {'a': 1000, 'b': ['on', '007']}
    >>> print(document.problems[0].render())
    t.yaml:3:1  a  CFG006
      expected every key once; found a again (first on line 1)
      fix: remove one of them
    """
    document = Document(name)
    if len(text) > MAX_BYTES:
        return _too_large(name)
    try:
        # The loader makes nodes only; values are made of them below.
        node = yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        place = _count_place(text[: error.position])
        # PyYAML gives the number of a character here, but a byte or a character where it decodes itself.
        code_point = error.character if isinstance(error.character, int) else ord(error.character[:1])
        found = f"the character U+{code_point:04X}"
        cure = "remove it, or write it as an escape in double quotes"
        _report_syntax(document, place, "characters that may stand in YAML", found, cure)
    except yaml.MarkedYAMLError as error:
        _report_marked(document, error)
    except RecursionError:
        _report_bounds(document, Place(1, 1), (), "nesting that goes deeper")
    else:
        if node is None:
            document.problems.append(
                Problem(
                    name, 1, 1, (), "CFG004", "a configuration", "an empty file", "start from the topics.yaml of Streamwarden"
                )
            )
        else:
            document.data = _Builder(document).build(node)
    return document


def _count_place(before: str) -> Place:
    lines = _LINE_BREAK.split(before)
    return Place(len(lines), len(lines[-1]) + 1)


def _too_large(name: str) -> Document:
    document = Document(name)
    _report_bounds(document, Place(1, 1), (), "a larger file")
    return document


def _report_bounds(document: Document, place: Place, path: KeyPath, found: str) -> None:
    expected = f"at most {MAX_BYTES // 2**20} MiB, {MAX_VALUES:,} values and {MAX_DEPTH} levels"
    cure = "make it smaller; check the aliases (*name)"
    document.problems.append(Problem(document.name, *place, path[:_SHOWN_DEPTH], "CFG009", expected, found, cure))


def _report_syntax(document: Document, place: Place, expected: str, found: str, cure: str) -> None:
    document.problems.append(Problem(document.name, *place, (), "CFG003", expected, found, cure))


def _report_marked(document: Document, error: yaml.MarkedYAMLError) -> None:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)
    # Only the parser's own words are told, never the line itself: it may hold a secret.
    what = str(error.problem or error.context or "something else")
    context = str(error.context)
    expected, found = "YAML", what.removeprefix("but ").removeprefix("found ")
    if told := _EXPECTED_FOUND.fullmatch(what):
        expected, found = told[1], told[2]
    cure = "correct the YAML at this place"
    if "'\\t'" in what:
        cure = "indent with spaces, never with tabs"
    elif "undefined alias" in what:
        cure = "define the anchor (&name) before the alias (*name)"
    elif "another document" in what:
        cure = "keep one document in the file: remove the --- line"
    elif "flow" in context and error.context_mark is not None:
        cure = f"close the bracket that line {error.context_mark.line + 1} opens, and put commas between the entries"
    elif "block end" in what or "block mapping" in context:
        cure = "indent all keys of one mapping alike, and close every quote and bracket before this line"
    elif "mapping values are not allowed" in what:
        found = "a second ': ' in one line"
        cure = "put text that holds ': ' in quotes, and check the indentation of this line"
    _report_syntax(document, place, expected, found, cure)


class _Builder:
    """Makes plain values of nodes and notes where they stand."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._n_values = 0
        self._open: set[int] = set()

    def build(self, node: yaml.Node, path: KeyPath = ()) -> Any:
        place = _start(node)
        self._document.value_places[path] = place
        self._n_values += 1
        if id(node) in self._open:
            _report_bounds(self._document, place, path, "an alias that refers to itself")
            return None
        if self._n_values > MAX_VALUES or len(path) > MAX_DEPTH:
            if self._n_values <= MAX_VALUES + 1:
                _report_bounds(self._document, place, path, "more values" if len(path) <= MAX_DEPTH else "deeper nesting")
            # Past the ceiling nothing is built any more, so that a bomb of aliases costs no more than a large file.
            self._n_values = MAX_VALUES + 1
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._build_mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                self._check_tag(node, path, "seq")
                return [self.build(one, (*path, i)) for i, one in enumerate(node.value)]
            return self._build_scalar(cast(yaml.ScalarNode, node), path)
        finally:
            self._open.discard(id(node))

    def _build_mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        self._check_tag(node, path, "map")
        built: dict[str, Any] = {}
        merged: list[tuple[Place, yaml.Node]] = []
        for key_node, value_node in node.value:
            place = _start(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self._report(place, path, "CFG007", "a key that is text", "a list or mapping", "write a plain key")
                continue
            key = str(key_node.value)
            if key == "<<" and key_node.style is None:
                sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                merged += [(place, source) for source in sources]
                continue
            here = (*path, key)
            if key in built:
                first = self._document.key_places[here].line
                self._report(
                    place, here, "CFG006", "every key once", f"{key} again (first on line {first})", "remove one of them"
                )
                continue
            self._document.key_places[here] = place
            built[key] = self.build(value_node, here)
        for place, source in merged:
            self._merge(source, place, built, path)
        return built

    def _merge(self, source: yaml.Node, place: Place, built: dict[str, Any], path: KeyPath) -> None:
        """Add what `<<` names, where the mapping has no such key of its own."""
        if not isinstance(source, yaml.MappingNode) or id(source) in self._open:
            cure = "merge an alias of a mapping: <<: *name"
            self._report(place, path, "CFG003", "a mapping to merge", "something else", cure)
            return
        shadow = _Builder(Document(self._document.name))
        shadow._n_values, shadow._open = self._n_values, self._open
        extra = shadow.build(source, path)
        self._n_values = shadow._n_values
        self._document.problems += shadow._document.problems
        taken = {key: value for key, value in (extra or {}).items() if key not in built}
        built.update(taken)
        for mine, theirs in (
            (self._document.key_places, shadow._document.key_places),
            (self._document.value_places, shadow._document.value_places),
        ):
            mine.update({at: where for at, where in theirs.items() if len(at) > len(path) and at[len(path)] in taken})

    def _build_scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        text = str(node.value)
        if node.tag == _PLAIN:
            return self._resolve(text, path)
        return text if self._check_tag(node, path, "str") else None

    def _resolve(self, text: str, path: KeyPath) -> Any:
        value = resolve_plain(text)
        return self._bounded(value, path) if type(value) is int else value

    def _bounded(self, number: int, path: KeyPath) -> int | None:
        if -_INT64 <= number < _INT64:
            return number
        self._document.report(
            path,
            "CFG206",
            expected="a number of 64 bits",
            found="a larger one",
            cure="write a smaller number, or put it in quotes if it is text",
        )
        return None

    def _check_tag(self, node: yaml.Node, path: KeyPath, *known: str) -> bool:
        tag = str(node.tag)
        if tag.removeprefix(_TAG_PREFIX) in known:
            return True
        self._report(_start(node), path, "CFG008", "plain YAML without tags", f"the tag {tag}", "remove the tag")
        return False

    def _report(self, place: Place, path: KeyPath, code: str, expected: str, found: str, cure: str) -> None:
        self._document.problems.append(Problem(self._document.name, *place, path, code, expected, found, cure))


def _start(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)

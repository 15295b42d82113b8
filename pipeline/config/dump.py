"""Writing YAML that `pipeline.config.source` reads as it was meant."""

from __future__ import annotations

from typing import Any

import yaml

from pipeline.config.plain_scalar import resolve_plain

__all__ = ["dump_value", "dump_yaml"]

_ENDLESS = 1_000_000
"""A width at which nothing is wrapped."""


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 takes for text and this project's reading for a number, e.g. ``1e3``."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Write everything out: whoever reads it should not have to look elsewhere."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # A line break would make it several lines in single quotes.
    style = None if isinstance(resolve_plain(text), str) and "\n" not in text else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def dump_yaml(data: Any) -> str:
    """Plain values as a YAML document in block style, keys in their order.

    Examples
    --------
    >>> print(dump_yaml({"a": ["1e3", "on", 5.0], "b": {}}), end="")
    a:
    - "1e3"
    - 'on'
    - 5.0
    b: {}
    """
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=_ENDLESS))


def dump_value(value: Any) -> str:
    """A value on one line.

    Examples
    --------
    >>> dump_value("1e3"), dump_value(["a", None]), dump_value("two words")
    ('"1e3"', '[a, null]', 'two words')
    """
    text = str(yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=_ENDLESS))
    return text.removesuffix("\n").removesuffix("\n...")

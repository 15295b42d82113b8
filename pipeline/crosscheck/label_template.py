"""Texts with ``{label}`` in them, filled from a series' labels."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["fill_template", "template_labels"]

_PLACE = re.compile(r"\{([^{}]+)\}")


def template_labels(template: str) -> list[str]:
    """Labels a template asks for, in its order.

    Examples
    --------
    >>> template_labels("{service}-{region}"), template_labels("plain")
    (['service', 'region'], [])
    """
    return _PLACE.findall(template)


def fill_template(template: str, labels: Mapping[str, str]) -> str | None:
    """The text with the labels' values in place; None when the series lacks one of them.

    Parameters
    ----------
    template : str
        ``{name}`` stands for the value of the label `name`.
    labels : mapping of str to str
        Of the series, ``__name__`` among them.

    Examples
    --------
    >>> fill_template("{region}/{__name__}", {"__name__": "cpu", "region": "eu-1"}), fill_template("{host}", {})
    ('eu-1/cpu', None)
    """
    if any(not labels.get(name) for name in template_labels(template)):
        return None
    return _PLACE.sub(lambda place: labels[place.group(1)], template)

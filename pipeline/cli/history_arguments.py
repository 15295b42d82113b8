"""Command-line options about files of history, the same for every command that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.history import HistoryOptions

__all__ = [
    "Files",
    "LabelColumns",
    "Labels",
    "Name",
    "TimeColumn",
    "TimeFormat",
    "Timezone",
    "ValueColumns",
    "parse_labels",
    "read_options",
]

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="CSV, TSV, JSON lines, Parquet or log files; all but Parquet also as .gz.")
]
TimeColumn = Annotated[str | None, typer.Option(help="Column with the event time; found by its name when absent.")]
TimeFormat = Annotated[str | None, typer.Option(help="strptime pattern of the times; found by trying when absent.")]
Timezone = Annotated[str, typer.Option(help="IANA zone of times that carry none.")]
Name = Annotated[str | None, typer.Option(help="Metric name of files with one value column, in place of the file's name.")]
ValueColumns = Annotated[list[str] | None, typer.Option("--value-column", help="Column with values; may be repeated.")]
LabelColumns = Annotated[list[str] | None, typer.Option("--label-column", help="Column that is a label; may be repeated.")]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="Label added where it is missing; may be repeated.")
]


def parse_labels(labels: list[str] | None) -> dict[str, str]:
    """Labels of ``NAME=VALUE`` texts.

    Raises
    ------
    ConfigError
        One has no ``=`` or no name.

    Examples
    --------
    >>> parse_labels(["region=eu-west-1", "query=a=b"])
    {'region': 'eu-west-1', 'query': 'a=b'}
    """
    parsed = {}
    for text in labels or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError(f"--label: found {text!r}, expected NAME=VALUE; write e.g. --label region=eu-west-1")
        parsed[name] = value
    return parsed


def read_options(
    *,
    time_column: str | None,
    time_format: str | None,
    timezone: str,
    name: str | None,
    value_columns: list[str] | None,
    label_columns: list[str] | None,
    labels: list[str] | None,
) -> HistoryOptions:
    """The reader's options from the command line's.

    Raises
    ------
    ConfigError, HistoryError
        A label or the time zone is wrong.
    """
    from pipeline.history import HistoryOptions
    from pipeline.history.options import load_timezone

    return HistoryOptions(
        time_column=time_column,
        time_format=time_format,
        timezone=load_timezone(timezone),
        name=name,
        value_columns=tuple(value_columns or ()),
        label_columns=tuple(label_columns or ()),
        labels=parse_labels(labels),
    )

"""``streamwarden models``: the models a detector can name, and what one of them takes and costs."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

__all__ = ["register"]

_SAMPLED_SLOTS = 64


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("models")(models)


def models(
    name: Annotated[str | None, typer.Argument(help="One model; all of them when absent.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the models a detector can name, or tell what one of them does, takes and costs."""
    from models import registry
    from models.errors import ParameterError
    from pipeline.errors import ConfigError

    if name is None:
        described = [describe_model(one) for one in registry.names()]
        if as_json:
            _write_json(described)
        else:
            _print_list(described)
        return
    try:
        model = describe_model(name)
    except ParameterError as error:
        raise ConfigError(f"models {name}: expected {error.expected}; found {name!r}; see streamwarden models") from error
    if as_json:
        _write_json(model)
    else:
        _print_one(model)


def describe_model(name: str) -> dict[str, Any]:
    """A model in plain values.

    Raises
    ------
    ParameterError
        No model has this name.

    Examples
    --------
    >>> gaussian = describe_model("gaussian_scorer")
    >>> gaussian["nbytes_per_series"], gaussian["parameters"][1]["name"], gaussian["parameters"][1]["accepts"]
    (32, 'grace_period', 'an integer, at least 0, at most 1e+09')
    """
    import inspect

    from models import registry
    from models.cost import is_accelerated, measure_series_nbytes, relative_cost

    chosen = registry.model_class(name)
    text = inspect.getdoc(chosen) or ""
    summary, _, rest = text.partition("\n\n")
    schema = registry.schema(name)
    has_required = any(parameter.is_required for parameter in schema)
    # A model that cannot be made without parameters is weighed with the first that it is tested with.
    parameters = dict(registry.variants(name)[0]) if has_required else {}
    model = registry.build(name, parameters)
    model.reserve(_SAMPLED_SLOTS)
    return {
        "name": name,
        "class": f"{chosen.__module__}.{chosen.__name__}",
        "summary": " ".join(summary.split()),
        "use": " ".join(rest.partition("\n\n")[0].split()) if not rest.startswith("Parameters\n") else "",
        "score": model.score_kind,
        "has_expected_value": model.has_expected_value,
        "is_accelerated": is_accelerated(name),
        "nbytes_per_series": measure_series_nbytes(model),
        "relative_cost": relative_cost(name, parameters),
        "weighed_with": parameters,
        "parameters": [
            {
                "name": one.name,
                "accepts": one.range_text,
                "is_required": one.is_required,
                "default": None if one.is_required else one.default,
                "sentence": one.sentence,
            }
            for one in schema
        ],
    }


def _print_list(described: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from pipeline.cli.check_report import make_console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("model")
    table.add_column("what it is", overflow="fold")
    table.add_column("B/series", justify="right")
    table.add_column("cost", justify="right")
    for one in described:
        cost = Text(f"{one['relative_cost']:g}x") if one["is_accelerated"] else Text(f"{one['relative_cost']:g}x, slow", "yellow")
        table.add_row(Text(one["name"], "bold"), one["summary"], f"{one['nbytes_per_series']:,}", cost)
    table.caption = (
        "B/series: state of one series, default parameters.  cost: CPU time a sample beside the default detector's, roughly.\n"
        "streamwarden models NAME tells more; docs/models.md has figures and benchmarks."
    )
    table.caption_justify = "left"
    make_console().print(table)


def _print_one(model: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from models.registry import DEFAULT_MODEL
    from pipeline.cli.check_report import make_console
    from pipeline.config.options import show_plain

    console = make_console()
    console.print(Text.assemble((model["name"], "bold"), f"  {model['summary']}"))
    if model["use"]:
        console.print(model["use"])
    score = (
        "one minus a tail probability, in [0, 1]" if model["score"] == "probability" else "raw: only its order means something"
    )
    expected = "yes" if model["has_expected_value"] else "no: direction must be both"
    speed = "" if model["is_accelerated"] else "; runs river's own Python, unaccelerated: fit for a few series, not for thousands"
    cost = (
        "the yardstick of the others, in nanoseconds on the page docs/models.md"
        if model["name"] == DEFAULT_MODEL
        else f"about {model['relative_cost']:g} times the default detector's CPU time a sample{speed}"
    )
    with_what = f" (with {show_plain(model['weighed_with'])})" if model["weighed_with"] else ""
    facts = Table.grid(padding=(0, 2))
    for heading, text in (
        ("score", score),
        ("expected value", expected),
        ("state", f"{model['nbytes_per_series']:,} bytes a series{with_what}"),
        ("cost", cost),
        ("class", model["class"]),
    ):
        facts.add_row(Text(heading, "dim"), text)
    console.print(facts)
    if not model["parameters"]:
        console.print("It takes no parameters.")
        return
    table = Table(title="Parameters", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("parameter", "accepts", "default", "what it does"):
        table.add_column(heading, overflow="fold")
    for one in model["parameters"]:
        default = Text("must be given", "yellow") if one["is_required"] else show_plain(one["default"])
        table.add_row(Text(one["name"], "bold"), one["accepts"], default, one["sentence"])
    console.print(table)


def _write_json(value: Any) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")

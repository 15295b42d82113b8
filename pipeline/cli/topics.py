"""``streamwarden topics``: the cluster's topics beside those of the configuration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.client.topic_plan import Change, Plan

__all__ = ["register"]

ConfigFile = Annotated[Path, typer.Option(help="The configuration.")]
Broker = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Kafka, in place of the configuration's.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
LowerRetention = Annotated[
    bool, typer.Option("--lower-retention", help="Also lower retentions, upon which the broker deletes what is older.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Compare the cluster's topics with the configuration, and provision them.")
    group.command("diff")(diff)
    group.command("apply")(apply)
    app.add_typer(group, name="topics")


def diff(
    config: ConfigFile = Path("topics.yaml"),
    broker: Broker = None,
    as_json: AsJson = False,
    lower_retention: LowerRetention = False,
) -> None:
    """Show what is and what shall be; change nothing.

    Exit codes: 0 the same, 1 something differs, 2 the configuration is wrong, 3 the broker refused or cannot be reached.
    """
    from pipeline.client.topic_admin import TopicAdmin

    settings = _connect_settings(config, broker)
    with TopicAdmin(settings[1]) as admin:
        plan = _plan(admin, settings[0], lower_retention=lower_retention)
    if as_json:
        _write_json(_plan_to_dict(plan))
    else:
        _show_plan(plan)
    raise typer.Exit(1 if plan.changes else 0)


def apply(
    config: ConfigFile = Path("topics.yaml"),
    broker: Broker = None,
    as_json: AsJson = False,
    lower_retention: LowerRetention = False,
) -> None:
    """Make the topics that are missing, add partitions, change settings; never delete, never shrink.

    May be run again at any time.

    \b
    Exit codes:
      0  all is as it shall be
      1  something was refused (the rest is done)
      2  the configuration is wrong
      3  the broker refused or cannot be reached
    """
    from pipeline.client.topic_admin import TopicAdmin

    settings = _connect_settings(config, broker)
    done: list[Change] = []
    with TopicAdmin(settings[1]) as admin:
        plan = _plan(admin, settings[0], lower_retention=lower_retention)
        if not as_json:
            _show_plan(plan)
        admin.apply(plan, done.append)
    if as_json:
        _write_json({**_plan_to_dict(plan), "n_done": len(done)})
    else:
        _tell_outcome(done, plan)
    raise typer.Exit(1 if plan.refused else 0)


def _connect_settings(config: Path, broker: str | None) -> tuple[Any, dict[str, Any]]:
    from pipeline.client.connection import connection_settings
    from pipeline.config.load import load_config

    loaded = load_config(config, overrides={"broker.bootstrap": broker})
    return loaded, connection_settings(loaded.broker)


def _plan(admin: Any, loaded: Any, *, lower_retention: bool) -> Plan:
    from pipeline.client.topic_plan import make_plan, want_topics

    specs = want_topics(loaded)
    return make_plan(specs, admin.read([spec.name for spec in specs]), may_lower_retention=lower_retention)


def _plan_to_dict(plan: Plan) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "is_same": not plan.changes,
        "topics": [asdict(spec) | {"is_there": spec.name in plan.states} for spec in plan.specs],
        "changes": [asdict(change) for change in plan.changes],
    }


def _show_plan(plan: Plan) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = _console()
    by_topic: dict[str, list[Change]] = {}
    for change in plan.changes:
        by_topic.setdefault(change.topic, []).append(change)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("topic", "", "what", "is", "shall be", ""):
        table.add_column(heading, overflow="fold")
    marks = {"create": Text("+", "bold green"), "change": Text("~", "bold yellow"), "refuse": Text("!", "bold red")}
    for spec in plan.specs:
        if spec.name not in by_topic:
            state = plan.states[spec.name]
            table.add_row(
                spec.name, Text("=", "dim"), "", Text(_describe_state(state, spec.settings), "dim"), Text("the same", "dim")
            )
        for change in by_topic.get(spec.name, []):
            note = ("refused: " if change.action == "refuse" else "warning: ") + change.note if change.note else ""
            table.add_row(spec.name, marks[change.action], change.what, change.found or "none", change.wanted, note)
    console.print(table)


def _describe_state(state: Any, settings: Any) -> str:
    from pipeline.client.topic_plan import TopicSpec, describe_spec

    told = {name: state.settings[name] for name in settings if name in state.settings}
    return describe_spec(TopicSpec("", "", state.n_partitions, state.replication_factor, told))


def _tell_outcome(done: list[Change], plan: Plan) -> None:
    n_made = sum(change.action == "create" for change in done)
    n_changed = len(done) - n_made
    parts = [f"{n_made} made", f"{n_changed} changed"]
    if plan.refused:
        parts.append(f"{len(plan.refused)} refused")
    text = "nothing to do" if not plan.changes else ", ".join(parts)
    sys.stdout.write(text + "\n")


def _console() -> Console:
    from pipeline.cli.check_report import make_console

    return make_console()


def _write_json(value: Any) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")

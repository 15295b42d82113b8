"""``streamwarden check``: every problem of a configuration at once; where there is none, what it comes to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pipeline.config.load import LoadedConfig
    from pipeline.config.report import InvalidConfigError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    config: Annotated[Path, typer.Option(help="The configuration.")] = Path("topics.yaml"),
    broker: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Kafka, in place of the configuration's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Problems, or the summary, as JSON.")] = False,
    with_secrets: Annotated[
        bool, typer.Option("--secrets", help="Also see whether every secret can be had here: variables set, files readable.")
    ] = False,
    with_tests: Annotated[
        bool, typer.Option("--tests", help="Also play the configuration's own tests through the engine, without Kafka.")
    ] = False,
    is_effective: Annotated[
        bool,
        typer.Option("--effective", help="Every value and where it comes from, as a file that can be loaded; secrets masked."),
    ] = False,
    is_schema: Annotated[
        bool, typer.Option("--schema", help="The JSON Schema of the configuration, for editors; nothing is checked.")
    ] = False,
) -> None:
    """Check the configuration: all problems at once, or what it comes to.

    Nothing is connected to.  Exit codes: 0 fine, 1 a test of the configuration failed, 2 there are problems.
    """
    from pipeline.config.load import load_document
    from pipeline.config.report import InvalidConfigError
    from pipeline.config.source import read_file

    if is_schema:
        from pipeline.config.editor_schema import editor_schema

        _write_json(editor_schema())
        return
    try:
        loaded = load_document(read_file(config), overrides={"broker.bootstrap": broker}, with_secrets=with_secrets)
    except InvalidConfigError as error:
        _tell_problems(error, as_json=as_json)
        raise typer.Exit(error.exit_code) from None
    if is_effective:
        _tell_effective(loaded, as_json=as_json)
        return
    if with_tests:
        raise typer.Exit(0 if _play_tests(loaded, as_json=as_json) else 1)
    # Only now: it weighs the models.
    from pipeline.cli.check_summary import summarize

    summary = summarize(loaded)
    if as_json:
        _write_json({"is_valid": True, **summary.to_dict()})
        return
    from pipeline.cli.check_report import make_console, print_summary

    print_summary(summary, make_console())


def _tell_problems(error: InvalidConfigError, *, as_json: bool) -> None:
    if as_json:
        _write_json({"is_valid": False, "problems": [problem.to_dict() for problem in error.found]})
        return
    for problem in error.found:
        sys.stderr.write(problem.render() + "\n")
    n_problems = len(error.found)
    sys.stderr.write(f"{n_problems} problem{'s' if n_problems != 1 else ''}\n")


def _tell_effective(loaded: LoadedConfig, *, as_json: bool) -> None:
    from pipeline.config.effective import list_values, render_effective
    from pipeline.config.load import config_hash

    values = list_values(loaded)
    if as_json:
        _write_json({"config_hash": config_hash(loaded.config), "values": [one.to_dict() for one in values]})
    else:
        sys.stdout.write(f"# Effective configuration, config hash {config_hash(loaded.config)}.\n{render_effective(values)}")


def _play_tests(loaded: LoadedConfig, *, as_json: bool) -> bool:
    """Play every test and say what became of it; True when all have passed."""
    from dataclasses import asdict

    from pipeline.client.rehearsal import rehearse

    outcomes = []
    for trial in loaded.config.tests:
        outcome = rehearse(loaded.config, trial)
        outcomes.append(outcome)
        if as_json:
            continue
        mark = "passed" if outcome.has_passed else "FAILED"
        sys.stdout.write(f"{mark}  {outcome.name}  ({outcome.n_records:,} records, {outcome.n_anomalies} anomalies)\n")
        for expected in outcome.missing:
            wanted = expected.model_dump(exclude_unset=True)
            sys.stdout.write(f"        expected an incident, found none such: {wanted or 'any'}\n")
        for found in outcome.unexpected:
            sys.stdout.write(f"        found, not expected, after {found.told_secs:g} s: {found.title}\n")
    n_failed = sum(not outcome.has_passed for outcome in outcomes)
    if as_json:
        _write_json({"n_failed": n_failed, "tests": [_outcome_to_dict(asdict(outcome)) for outcome in outcomes]})
    else:
        sys.stdout.write(f"{len(outcomes) - n_failed} passed, {n_failed} failed\n")
    return n_failed == 0


def _outcome_to_dict(outcome: dict[str, Any]) -> dict[str, Any]:
    missing = [expected.model_dump(mode="json", exclude_unset=True) for expected in outcome["missing"]]
    return {**outcome, "missing": missing, "has_passed": not outcome["missing"] and not outcome["unexpected"]}


def _write_json(value: Any) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode() + "\n")

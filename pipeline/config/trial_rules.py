"""What must hold for trials: they have input, and topics that take it."""

from __future__ import annotations

from models.parameters import nearest_name
from pipeline.config.findings import Findings
from pipeline.config.report import KeyPath
from pipeline.config.schema import Config

__all__ = ["check_trials"]


def check_trials(config: Config, findings: Findings) -> None:
    """Trials are named once, have input, and send it to topics of the right kind; what they expect can be met."""
    first: dict[str, KeyPath] = {}
    for i, trial in enumerate(config.tests):
        path: KeyPath = ("tests", i)
        if trial.name in first:
            line = findings.document.place(findings.kept.to_file(first[trial.name])).line
            findings.note(
                (*path, "name"),
                "CFG301",
                expected="every test name once",
                found=f"{trial.name} again (first on line {line})",
                cure="rename or remove one of them",
                among=[first[trial.name]],
            )
        first.setdefault(trial.name, (*path, "name"))
        if not trial.series and not trial.lines:
            findings.note(
                path,
                "CFG306",
                expected="a test with input",
                found="neither series nor lines",
                cure="add series or lines",
                among=[(*path, "series"), (*path, "lines")],
            )
        for j, series in enumerate(trial.series):
            _check_topic(config, findings, series.topic, (*path, "series", j), "kind", "metrics")
        for j, lines in enumerate(trial.lines):
            _check_topic(config, findings, lines.topic, (*path, "lines", j), "format", "log_json")
        for j, expected in enumerate(trial.incidents):
            if expected.before_secs is not None and expected.before_secs <= expected.after_secs:
                findings.note(
                    (*path, "incidents", j, "before_secs"),
                    "CFG306",
                    expected=f"more than after_secs, {expected.after_secs:g}",
                    found=f"{expected.before_secs:g}",
                    cure="raise before_secs or lower after_secs",
                    among=[(*path, "incidents", j, "after_secs")],
                )


def _check_topic(config: Config, findings: Findings, topic: str | None, path: KeyPath, option: str, wanted: str) -> None:
    fitting = [source.name for source in config.topics if getattr(source, option) == wanted]
    if (topic is None and fitting) or topic in fitting:
        return
    near = nearest_name(topic or "", fitting)
    cure = (
        f"did you mean {near}?"
        if near
        else f"name one of {', '.join(fitting)}"
        if fitting
        else f"add a topic of {option} {wanted}"
    )
    findings.note(
        path if topic is None else (*path, "topic"),
        "CFG305",
        expected=f"a source topic of {option} {wanted}",
        found=topic or "none",
        cure=cure,
        among=[("topics",)],
    )

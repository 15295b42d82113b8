"""What must hold for detectors and severity rules: they can apply, and what they refer to is there."""

from __future__ import annotations

from models.parameters import nearest_name
from pipeline.config.findings import Findings
from pipeline.config.matching import covers, covers_glob, fits_glob
from pipeline.config.report import KeyPath
from pipeline.config.schema import Config, Glob, Match, SeverityRule

__all__ = ["check_references", "check_rule_order", "check_shadows"]


def check_shadows(config: Config, findings: Findings) -> None:
    """No detector waits for series that an earlier one takes all of."""
    for i, later in enumerate(config.detectors):
        for j, earlier in enumerate(config.detectors[:i]):
            if not earlier.also and earlier.group is None and covers(earlier.match, later.match):
                path: KeyPath = ("detectors", i)
                findings.note(
                    path,
                    "CFG304",
                    expected="a detector that can get series",
                    found=f"{later.name}, all of whose series go to {earlier.name} before it",
                    cure=f"move it above {earlier.name}, narrow the match of {earlier.name}, or give {earlier.name} also: true",
                    among=[("detectors", j)],
                )
                break


def check_rule_order(config: Config, findings: Findings) -> None:
    """No severity rule waits for anomalies that an earlier one takes all of."""
    rules = config.alerts.severity
    for i, later in enumerate(rules):
        for j, earlier in enumerate(rules[:i]):
            if _covers_rule(earlier, later):
                findings.note(
                    ("alerts", "severity", i),
                    "CFG304",
                    expected="a rule that can apply",
                    found=f"{later.name}, all of whose anomalies go to {earlier.name} before it",
                    cure=f"move it above {earlier.name}, or add a condition to {earlier.name}",
                    among=[("alerts", "severity", j)],
                )
                break


def _covers_rule(wide: SeverityRule, narrow: SeverityRule) -> bool:
    return (
        wide.min_series <= narrow.min_series
        and wide.category in (None, narrow.category)
        and wide.kind in (None, narrow.kind)
        and (
            wide.max_tail_probability is None
            or (narrow.max_tail_probability is not None and narrow.max_tail_probability <= wide.max_tail_probability)
        )
        and covers_glob(wide.detector, narrow.detector)
        and covers(wide.match, narrow.match)
    )


def check_references(config: Config, findings: Findings) -> None:
    """Topics and detectors that are referred to are there."""
    for i, detector in enumerate(config.detectors):
        _check_topic(config, findings, detector.match, ("detectors", i, "match"))
    names = [detector.name for detector in config.detectors]
    categories = {detector.category for detector in config.detectors}
    for i, rule in enumerate(config.alerts.severity):
        path: KeyPath = ("alerts", "severity", i)
        _check_topic(config, findings, rule.match, (*path, "match"))
        _check_globs(findings, rule.detector, names, (*path, "detector"), "detector", ("detectors",))
        if rule.category is not None and rule.category not in categories:
            findings.note(
                (*path, "category"),
                "CFG305",
                expected=f"a category that a detector has: {', '.join(sorted(categories))}",
                found=rule.category,
                cure="correct it, or give a detector this category",
                among=[("detectors",)],
            )


def _check_topic(config: Config, findings: Findings, match: Match, path: KeyPath) -> None:
    _check_globs(findings, match.topic, [topic.name for topic in config.topics], (*path, "topic"), "source topic", ("topics",))


def _check_globs(findings: Findings, glob: Glob | None, known: list[str], path: KeyPath, what: str, among: KeyPath) -> None:
    if glob is None:
        return
    for n, pattern in enumerate([glob] if isinstance(glob, str) else glob):
        if any(fits_glob(pattern, name) for name in known):
            continue
        near = nearest_name(pattern.replace("*", ""), known)
        findings.note(
            path if isinstance(glob, str) else (*path, n),
            "CFG305",
            expected=f"the name of a {what}, or a pattern that fits one",
            found=pattern,
            cure=f"did you mean {near}?" if near else f"name one of {', '.join(known)}",
            among=[among],
        )

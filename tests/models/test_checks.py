"""Every registered model, in several variants, under every named check; and the checks themselves against broken models."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest

from models import registry
from models.checks import CHECK_BY_NAME, Check, check_estimator, yield_checks
from models.errors import ParameterError
from tests.models.broken_estimators import FLAWS, Flaw
from tests.models.plain_estimator import PlainLevel

OURS = registry.names()
IN_A_PROCESS = ("determinism_across_processes", "no_compilation_after_warm_up")


def _checks() -> list[Any]:
    found = []
    for name in OURS:
        for number, parameters in enumerate(registry.variants(name)):
            for check in yield_checks(partial(registry.build, name, parameters)):
                if check.name in IN_A_PROCESS and number:
                    continue  # a process costs a second; the other variants run the same kernels, and test_warmup has them all
                found.append(pytest.param(check, id=f"{name}[{number}]-{check.name}"))
    return found


@pytest.mark.parametrize("check", _checks())
def test_model_passes(check: Check) -> None:
    check.run()


def test_a_stranger_that_knows_the_contract_alone_passes() -> None:
    check_estimator(PlainLevel)


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: f"{flaw.broken.__name__}-{flaw.check_name}")
def test_check_catches_a_broken_model(flaw: Flaw) -> None:
    with pytest.raises(AssertionError, match=flaw.message):
        CHECK_BY_NAME[flaw.check_name](flaw.broken)


def test_every_check_has_a_model_that_it_catches() -> None:
    assert {flaw.check_name for flaw in FLAWS} == set(CHECK_BY_NAME)


def test_failures_are_told_together() -> None:
    class Muddled(PlainLevel):
        def share_parts(self, parts: object) -> tuple[tuple[str, float], ...]:
            return (("first", 1.0), ("second", 1.0))

        def contributions(self, slot: int, x: object) -> Any:
            raise ZeroDivisionError("no")

    with pytest.raises(ExceptionGroup, match=r"plain_level fails .*contributions_are_numbers") as caught:
        check_estimator(Muddled, skip=IN_A_PROCESS)
    notes = {type(error): error.__notes__ for error in caught.value.exceptions}
    assert any("check contributions_are_numbers" in note for note in notes[ZeroDivisionError])
    assert any("check parts_explain_the_score" in note for note in notes[AssertionError])


@pytest.mark.parametrize("name", OURS)
def test_an_excuse_is_needed(name: str) -> None:
    excused = getattr(registry.model_class(name), "excused_checks", {})
    for check_name, reason in excused.items():
        assert len(reason) > 20
        failing = 0
        for parameters in registry.variants(name):
            try:
                CHECK_BY_NAME[check_name](partial(registry.build, name, parameters))
            except AssertionError:
                failing += 1
        assert failing, f"{name} needs no excuse from {check_name}"
    assert not excused or name == "river_model"


def test_a_class_of_this_very_file_cannot_be_made_elsewhere() -> None:
    class Local(PlainLevel):
        pass

    with pytest.raises(AssertionError, match=re.escape("put it into a module")):
        CHECK_BY_NAME["determinism_across_processes"](Local)


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(ParameterError, match="did you mean 'half_space_trees'"):
        registry.build("half_space_tree")
    with pytest.raises(ParameterError, match="did you mean 'n_trees'"):
        registry.build("half_space_trees", {"ntrees": 4})

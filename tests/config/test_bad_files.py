"""Files with something wrong in them, each beside what is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config.codes import CODES
from tests.config.write_expected import FOLDER, tell

BAD = sorted(path.stem for path in FOLDER.glob("bad_*.expected"))


@pytest.mark.parametrize("stem", BAD)
def test_is_told(stem: str) -> None:
    error = tell(f"{stem}.yaml")
    assert error is not None
    assert f"{error}\n" == Path(FOLDER, f"{stem}.expected").read_text()
    assert error.exit_code == 2


def test_every_file_has_its_message() -> None:
    assert {path.stem for path in FOLDER.glob("bad_*.yaml")} | {"bad_absent"} == set(BAD)


def test_every_code_is_shown_by_a_file() -> None:
    shown: set[str] = set()
    for stem in BAD:
        error = tell(f"{stem}.yaml")
        assert error is not None
        shown |= {problem.code for problem in error.found}
    assert shown == set(CODES)


def test_no_secret_is_told() -> None:
    n_files = 0
    for path in FOLDER.glob("bad_secret_*.yaml"):
        error = tell(path.name)
        assert error is not None
        assert "hunter2" not in str(error)
        assert "hunter2" not in str([problem.to_dict() for problem in error.found])
        n_files += "hunter2" in path.read_text()
    assert n_files == 2

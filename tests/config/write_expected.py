"""Writes what is told of every ``bad_*.yaml`` beside it; read the difference before it is committed.

::

    python tests/config/write_expected.py
"""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.config.load import load_document
from pipeline.config.report import InvalidConfigError
from pipeline.config.source import read_file

FOLDER = Path(__file__).parent


def tell(name: str) -> InvalidConfigError | None:
    """What is wrong with a file of this folder, which messages call by its bare name; None = nothing."""
    here = Path.cwd()
    os.chdir(FOLDER)
    try:
        load_document(read_file(Path(name)), with_secrets=True)
    except InvalidConfigError as error:
        return error
    finally:
        os.chdir(here)
    return None


if __name__ == "__main__":
    # The file that is not there has a message, too.
    for yaml_path in (*sorted(FOLDER.glob("bad_*.yaml")), FOLDER / "bad_absent.yaml"):
        error = tell(yaml_path.name)
        assert error is not None, f"{yaml_path.name} is fine"
        yaml_path.with_suffix(".expected").write_text(f"{error}\n")

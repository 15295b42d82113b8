"""Notebooks run from top to bottom, on recorded data and without any, draw what they promise, and are kept without outputs."""

from __future__ import annotations

import base64
import struct
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SHARED = Path(__file__).resolve().parents[3] / "shared"

N_PICTURES = {"01-first-look": 4, "02-tune-on-your-history": 2}
WORDS = {
    "01-first-look": ("opened", "A log line of a kind not seen before", "windows reached"),
    "02-tune-on-your-history": ("db_cpu.json", "alerts a week", "2 of 2", "open_after_samples: "),
}


def run(path: Path) -> Any:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=250, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()
    return notebook


def pictures(notebook: Any) -> list[bytes]:
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [base64.b64decode(output.data["image/png"]) for output in outputs if "image/png" in output.get("data", {})]


def texts(notebook: Any) -> str:
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(str(output.get("text", "")) + output.get("data", {}).get("text/plain", "") for output in outputs)


def test_there_are_notebooks_and_each_is_known_here() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(N_PICTURES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_kept_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("data", ["recorded", "made"])
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_and_draws(path: Path, data: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if data == "recorded":
        if not (SHARED / "data" / "nab").is_dir():
            pytest.skip("no recorded data: data/nab is not in ../shared beside the repository")
        monkeypatch.setenv("STREAMWARDEN_SHARED", str(SHARED))
    else:
        monkeypatch.setenv("STREAMWARDEN_SHARED", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    notebook = run(path)
    drawn = pictures(notebook)
    assert len(drawn) == N_PICTURES[path.stem]
    for picture in drawn:
        width, height = struct.unpack(">II", picture[16:24])
        assert picture[:8] == b"\x89PNG\r\n\x1a\n"
        assert min(width, height) > 200
        # A blank picture of this size compresses to next to nothing.
        assert len(picture) > 8_000
    found = texts(notebook)
    assert ("recorded" if data == "recorded" else "made with a seed") in found
    for word in WORDS[path.stem]:
        assert word in found

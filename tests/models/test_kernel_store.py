"""A cache of kernels on a disk that is full, cannot be written or is damaged: kernels are compiled, and somebody is told."""

from __future__ import annotations

import errno
import importlib.util
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.kernel_cache import list_sources, source_hash
from models.kernel_store import CacheFault, FaultLog, KernelFiles, cache_faults

KERNEL = """
from models.jit import kernel

@kernel
def third(x):
    return x / 3.0
"""


class Heard(list[CacheFault]):
    """What a listener of the fault log was told."""


@pytest.fixture
def heard() -> Iterator[Heard]:
    found = Heard()
    before = cache_faults._told
    cache_faults._told = {}
    cache_faults.listen(found.append)
    yield found
    cache_faults.listen(None)
    cache_faults._told = before


@pytest.fixture
def load_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Any]:
    """Loads the same kernel as another process would, with a cache of its own choice."""
    source = tmp_path / "thirds.py"
    source.write_text(KERNEL)

    def load(folder: Path) -> Any:
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
        source_hash.cache_clear()
        list_sources.cache_clear()
        spec = importlib.util.spec_from_file_location("thirds", source)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.third

    return load


def kept_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.kernel"))


def n_loaded(third: Any) -> int:
    """Calls it; how many of its signatures came from the disk."""
    assert third(1.5) == 0.5
    return sum(third.stats.cache_hits.values())


def test_a_kernel_is_compiled_once(load_kernel: Callable[[Path], Any], heard: Heard, tmp_path: Path) -> None:
    assert n_loaded(load_kernel(tmp_path / "kept")) == 0
    assert n_loaded(load_kernel(tmp_path / "kept")) == 1
    (kept,) = kept_files(tmp_path / "kept")
    assert kept.stat().st_mode & 0o444 == 0o444, "another user's worker may share the folder"
    assert not heard


def test_an_edited_kernel_is_compiled_anew(load_kernel: Callable[[Path], Any], tmp_path: Path) -> None:
    assert n_loaded(load_kernel(tmp_path / "kept")) == 0
    source = tmp_path / "thirds.py"
    source.write_text(KERNEL.replace("x / 3.0", "x / 30.0"))
    assert load_kernel(tmp_path / "kept")(15.0) == 0.5


def test_a_folder_that_cannot_be_made(load_kernel: Callable[[Path], Any], heard: Heard, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "kernels"
    for _ in range(2):
        assert n_loaded(load_kernel(folder)) == 0
    (fault,) = heard
    assert (fault.kind, fault.code) == ("unwritable", "ENOTDIR")
    assert fault.path.is_relative_to(folder)
    assert f"make {fault.path} writable" in fault.cure
    assert cache_faults.n_by_kind["unwritable"] >= 2


def test_a_disk_that_is_full(load_kernel: Callable[[Path], Any], heard: Heard, tmp_path: Path) -> None:
    folder = tmp_path / "kernels"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        assert n_loaded(load_kernel(folder)) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (fault,) = heard
    assert (fault.kind, fault.code) == ("unwritable", "EFBIG")
    assert "free some megabytes" in fault.cure
    assert not list(folder.rglob("*.*")), "half a kernel is removed"
    # With room again it is kept.
    assert n_loaded(load_kernel(folder)) == 0
    assert n_loaded(load_kernel(folder)) == 1


def test_a_file_system_without_room(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(folder)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs leave to mount a file system")
    try:
        found = Heard()
        faults = FaultLog()
        faults.listen(found.append)
        files = KernelFiles(folder, "k", faults)
        files.save("small", b"1")
        files.save("large", bytes(100_000))
        assert [fault.code for fault in found] == [errno.errorcode[errno.ENOSPC]]
        assert files.load("large") is None
        assert files.load("small") == b"1"
        assert len(list(folder.iterdir())) == 1
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "folder"])
def test_a_damaged_file_is_compiled_anew(damage: str, load_kernel: Callable[[Path], Any], heard: Heard, tmp_path: Path) -> None:
    folder = tmp_path / "kernels"
    assert n_loaded(load_kernel(folder)) == 0
    (path,) = kept_files(folder)
    good = path.read_bytes()
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        middle = len(good) // 2
        flipped = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
        path.write_bytes({"empty": b"", "cut": good[:middle], "flipped": flipped}[damage])
    assert n_loaded(load_kernel(folder)) == 0
    if damage == "folder":
        assert {(fault.kind, fault.code) for fault in heard} == {("unreadable", "EISDIR"), ("unwritable", "EISDIR")}
        return
    (fault,) = heard
    assert (fault.kind, fault.code, fault.path) == ("damaged", "CHECKSUM", path)
    assert n_loaded(load_kernel(folder)) == 1, "it was written over"


@given(data=st.data())
def test_any_damage_is_seen(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    files = KernelFiles(tmp_path_factory.mktemp("kernels"), "k", FaultLog())
    found = Heard()
    files._faults.listen(found.append)
    files.save("key", [1, "a", b"bytes"])
    path = files.path_of("key")
    good = path.read_bytes()
    if data.draw(st.booleans(), label="cut"):
        bad = good[: data.draw(st.integers(0, len(good) - 1))]
    else:
        at, bit = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(0, 7))
        bad = good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :]
    path.write_bytes(bad)
    assert files.load("key") is None
    assert [fault.kind for fault in found] == ["damaged"]


def test_a_folder_that_may_only_be_read_serves(load_kernel: Callable[[Path], Any], heard: Heard, tmp_path: Path) -> None:
    """An image's layer of kernels: nothing is written where nothing has to be."""
    folder = tmp_path / "kernels"
    assert n_loaded(load_kernel(folder)) == 0
    mounting = ["mount", "--bind", "-o", "ro", str(folder), str(folder)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs leave to mount a folder")
    try:
        assert n_loaded(load_kernel(folder)) == 1
        assert not heard
        third = load_kernel(folder)
        assert third(3) == 1.0, "another signature, which is not there"
        assert [(fault.kind, fault.code) for fault in heard] == [("unwritable", "EROFS")]
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_nobody_listens() -> None:
    """Commands that have no telemetry say it on stderr, once."""
    program = (
        "from pathlib import Path\n"
        "from models.kernel_store import KernelFiles, cache_faults\n"
        "files = KernelFiles(Path('/dev/null/kernels'), 'k', cache_faults)\n"
        "files.save('a', 1)\n"
        "files.save('b', 2)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == (
        "kernel cache unwritable: /dev/null/kernels: Not a directory; "
        "make /dev/null/kernels writable, or name another folder with NUMBA_CACHE_DIR; until then every start compiles anew\n"
    )


def test_what_was_told_before_is_told_to_who_comes_later() -> None:
    faults, fault, found = FaultLog(), CacheFault("unwritable", Path("/k"), "EROFS", "Read-only file system"), Heard()
    faults.add(fault)
    faults.listen(found.append)
    faults.add(fault)
    assert found == [fault]
    assert faults.n_by_kind == {"unwritable": 2}

"""After warm-up nothing compiles any more: proof that the fast path runs and that no sample ever waits for a compiler."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from models import registry
from models.warmup import compiled_signatures, warm_up

OURS = registry.names()


PROGRAM = """
import json
from functools import partial
from models import registry
from models.checks.elsewhere import find_late_kernels
late = {}
for name in registry.names():
    for number, parameters in enumerate(registry.variants(name)):
        late[f"{name}[{number}]"] = find_late_kernels(partial(registry.build, name, parameters))
print(json.dumps(late))
"""


def test_no_kernel_compiles_after_warm_up() -> None:
    """In a process of its own, where no test has called anything before."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, env=make_environment())
    assert done.returncode == 0, done.stderr[-2000:]
    late = json.loads(done.stdout)
    assert len(late) > len(OURS)
    assert {name: found for name, found in late.items() if found} == {}


def make_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_every_family_has_a_compiled_kernel_after_warm_up() -> None:
    warm_up(OURS)
    counts = compiled_signatures()
    compiled = {name.rpartition(".")[0] for name, count in counts.items() if count}
    families = {registry.model_class(name).__module__.replace(".model", ".kernel") for name in OURS}
    assert families & {name.rpartition(".")[0] for name in counts} <= compiled


def test_seconds_come_from_the_given_stopwatch() -> None:
    ticks = iter(range(100))
    assert warm_up(["gaussian_scorer"], stopwatch=lambda: next(ticks)) == {"gaussian_scorer": 1}


def test_unknown_model() -> None:
    with pytest.raises(ValueError, match="did you mean"):
        warm_up(["gaussian_scorerr"])

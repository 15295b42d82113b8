"""The kernels are plain Python as well: interpreted, they put out the bits they put out compiled."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from models import registry
from models.checks import make_stream, score_digest

OURS = [name for name in registry.names() if name != "river_model"]
PROGRAM = """
import json, sys
from models import registry
from models.checks import make_stream, score_digest
digests = {}
for name in json.loads(sys.argv[1]):
    for number, parameters in enumerate(registry.variants(name)):
        model = registry.build(name, parameters)
        digests[f"{name}[{number}]"] = score_digest(model, make_stream(model.n_features, n_series=2, n_samples=640))
print(json.dumps(digests))
"""


def test_interpreted_kernels_agree_with_compiled_ones() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::RuntimeWarning", "-c", PROGRAM, json.dumps(OURS)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    interpreted = json.loads(done.stdout)
    compiled = {}
    for name in OURS:
        for number, parameters in enumerate(registry.variants(name)):
            model = registry.build(name, parameters)
            compiled[f"{name}[{number}]"] = score_digest(model, make_stream(model.n_features, n_series=2, n_samples=640))
    assert interpreted == compiled

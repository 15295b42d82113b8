"""After the worker's warm-up no kernel of models or pipeline compiles any more, whatever a lane is sent; in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

PROGRAM = """
import json, sys
import numba, numpy as np, orjson
from pipeline.codecs.record import RecordBatch
from pipeline.config.schema import Config, DetectorSettings, GroupSettings, Match, ModelSettings, SourceTopic
from pipeline.engine.lane import Lane
from pipeline.service.warmup import warm_up

config = Config(
    version=1,
    topics=[SourceTopic(name="m", kind="metrics", format="metric_json"), SourceTopic(name="l", kind="logs", format="log_json")],
    detectors=[
        DetectorSettings(
            name="nodes",
            group=GroupSettings(by=["host"], features=["cpu", "load"]),
            model=ModelSettings(type="half_space_trees", parameters={"scale": "minmax", "window_size": 50}),
        ),
        DetectorSettings(name="gauss", match=Match(name="g*"), model=ModelSettings(type="gaussian_scorer")),
        DetectorSettings(name="rest"),
    ],
)

def count():
    return {
        f"{name}.{key}": len(value.signatures)
        for name, module in sys.modules.copy().items() if name.startswith(("models.", "pipeline.")) and module
        for key, value in vars(module).copy().items()
        if isinstance(value, numba.core.dispatcher.Dispatcher) and value.py_func.__module__ == name
    }

warm_up(config)
before = count()
rng = np.random.default_rng(1)
lane = Lane(config, config.topics[0], 0, config_hash="")
rows = []
for i in range(6000):
    ts = 1_700_000_000_000 + (i // 8) * 10_000 - int(rng.integers(0, 40)) * 1000 * (i % 50 == 0)
    value = 1e9 if i in (4003, 4804) else float(rng.normal(50, 5))
    record = {"name": ["cpu", "load", "gx", "other"][i % 4], "labels": {"host": "ab"[i // 4 % 2]}, "ts": ts, "value": value}
    rows.append((i, ts, None, orjson.dumps(record) if i % 97 else b"?"))
n_anomalies = 0
for start in range(0, len(rows), 700):
    n_anomalies += len(lane.process(RecordBatch.from_rows("m", 0, rows[start : start + 700])).anomalies)
after = count()
late = sorted(name for name in after if after[name] != before.get(name, 0))
print(json.dumps({"n_kernels": len(before), "late": late, "n_anomalies": n_anomalies}))
"""


def test_nothing_compiles_after_warm_up() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["n_kernels"] > 50
    assert found["n_anomalies"] > 0
    assert found["late"] == []

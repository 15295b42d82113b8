"""After warm-up nothing compiles any more: proof that the fast path runs and that no sample ever waits for a compiler."""

from __future__ import annotations

import numpy as np
import pytest

from models import registry
from models.checks import make_stream, run_stream
from models.warmup import compiled_signatures, learn_and_score_one, warm_up

OURS = registry.names()


def test_no_kernel_compiles_after_warm_up() -> None:
    assert list(warm_up(OURS)) == OURS
    before = compiled_signatures()
    assert before
    for name in OURS:
        for parameters in registry.variants(name):
            model = registry.build(name, parameters)
            model.reserve(3)
            stream = make_stream(model.n_features, n_samples=900)
            run_stream(model, stream)
            stream.X.flags.writeable = False
            run_stream(model, stream)
            model.describe(1)
            slots = np.arange(3, dtype=np.int64)
            model.restore(slots[::-1], model.snapshot(slots))
            model.reset(slots)
            for value in (1, 1.5, np.float64(0.5)):
                learn_and_score_one(model, value)
    assert compiled_signatures() == before


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

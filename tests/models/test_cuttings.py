"""Any interleaving, any cutting into batches, any moves of the state by snapshots: the bits of every sample stay as they are."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from models import registry
from models.checks import Cutting, EstimatorFactory, Run, Stream, interleave, make_stream, run_cut, run_stream
from models.checks.comparison import make_model, require_equal
from tests.models.broken.bits import RoundsByTheBatch, SeesItsNeighbours
from tests.models.broken.state import ForgetsAtOneCutOnly
from tests.models.plain_estimator import PlainLevel

N_SAMPLES, N_SAMPLES_OF_TEXT = 1200, 60


def _variants() -> list[Any]:
    return [
        pytest.param(name, number, id=f"{name}[{number}]")
        for name in registry.names()
        for number in range(len(registry.variants(name)))
    ]


@cache
def _get_factory(name: str, number: int) -> EstimatorFactory:
    return partial(registry.build, name, registry.variants(name)[number])


@cache
def _run_whole(factory: EstimatorFactory) -> tuple[Stream, Run]:
    model = make_model(factory)
    # A model that keeps text costs milliseconds a move.
    stream = make_stream(model.n_features)[: N_SAMPLES if getattr(model, "has_fixed_size", True) else N_SAMPLES_OF_TEXT]
    return stream, run_stream(model, stream)


@st.composite
def cuttings(draw: st.DrawFn, size: int, most_cuts: int) -> tuple[int, list[int], list[bool]]:
    """Seed of an interleaving (0 = as they come), where batches end, and after which of them the state moves."""
    ends = sorted(draw(st.lists(st.integers(0, size), max_size=most_cuts)))
    return draw(st.integers(0, 1000)), ends, draw(st.lists(st.booleans(), min_size=len(ends), max_size=len(ends)))


def _check(factory: EstimatorFactory, drawn: tuple[int, list[int], list[bool]]) -> None:
    stream, whole = _run_whole(factory)
    seed, ends, moves = drawn
    order = interleave(stream.slots, np.random.default_rng(seed)) if seed else np.arange(stream.size)
    found = run_cut(factory, stream, Cutting(order, np.array([*ends, stream.size]), np.array([*moves, False])))
    require_equal(found, whole, f"{drawn}")


def _try(factory: EstimatorFactory, n_examples: int, *, derandomize: bool = True) -> None:
    stream, whole = _run_whole(factory)
    assert whole.ready.any()
    is_text = stream.size < N_SAMPLES

    @settings(
        max_examples=n_examples // 4 if is_text else n_examples,
        deadline=None,
        database=None,
        derandomize=derandomize,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(drawn=cuttings(stream.size, 3 if is_text else 12))
    def run(drawn: tuple[int, list[int], list[bool]]) -> None:
        _check(factory, drawn)

    run()


@pytest.mark.parametrize(("name", "number"), _variants())
def test_bits_do_not_depend_on_the_cutting(name: str, number: int, times: int) -> None:
    _try(_get_factory(name, number), 20 * times, derandomize=times == 1)


@pytest.mark.soak
@pytest.mark.parametrize(("name", "number"), _variants())
def test_bits_depend_on_no_cutting_at_all(name: str, number: int) -> None:
    _try(_get_factory(name, number), 400, derandomize=False)


@pytest.mark.parametrize("broken", [RoundsByTheBatch, SeesItsNeighbours, ForgetsAtOneCutOnly])
def test_the_property_catches_a_broken_model(broken: type[PlainLevel]) -> None:
    with pytest.raises(AssertionError, match="score"):
        _try(broken, 300)

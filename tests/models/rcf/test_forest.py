"""The forest against its definition: after any stream every tree is a random cut tree over the window; scores by a plain walk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.base import Scores
from models.rcf.kernel import NONE
from models.rcf.model import RandomCutForest


def check_tree(model: RandomCutForest, tree: int) -> dict[int, float]:
    """Walk one tree of slot 0, asserting what must hold of it; collusive displacement of every place in the window."""
    f = model._forest
    size = int(f.rows[0]["size"])
    n = f.window.shape[1]
    displaced: dict[int, float] = {}

    def walk(pointer: int, above: int, passed: list[tuple[int, int]]) -> list[int]:
        if pointer < 0:
            leaf = -1 - pointer
            places = [place for place in range(size) if f.leaf_of[0, tree, place] == leaf]
            assert leaf in places
            assert all((f.window[0, place] == f.window[0, leaf]).all() for place in places)
            assert f.mass[0, tree, n + leaf] == len(places)
            assert f.parent[0, tree, n + leaf] == above
            return places
        assert f.parent[0, tree, pointer] == above
        left = walk(int(f.child[0, tree, pointer, 0]), pointer, passed)
        right = walk(int(f.child[0, tree, pointer, 1]), pointer, passed)
        column, cut = int(f.column[0, tree, pointer]), f.cut[0, tree, pointer]
        assert f.window[0, left, column].max() <= cut < f.window[0, right, column].min()
        for own, other in ((left, right), (right, left)):
            for place in own:
                displaced[place] = max(displaced.get(place, 0.0), len(other) / len(own))
        places = left + right
        assert f.mass[0, tree, pointer] == len(places)
        np.testing.assert_array_equal(f.box[0, tree, pointer], [f.window[0, places].min(axis=0), f.window[0, places].max(axis=0)])
        return places

    root = int(f.root[0, tree])
    assert (root == NONE) == (size == 0)
    if size:
        assert sorted(walk(root, NONE, [])) == list(range(size))
        n_leaves = len(set(f.leaf_of[0, tree, :size].tolist()))
        assert f.n_free[0, tree] == n - (n_leaves - 1)
    return displaced


VALUES = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6), st.floats(allow_nan=True, allow_infinity=True))


@given(values=st.lists(VALUES, min_size=1, max_size=60), shingle_size=st.integers(1, 3))
@settings(deadline=None, max_examples=200)
def test_any_stream_leaves_trees_that_are_random_cut_trees(values: list[float], shingle_size: int) -> None:
    model = RandomCutForest(n_trees=3, tree_size=8, shingle_size=shingle_size, grace_period=1)
    model.reserve(1)
    zeros = np.zeros(1, dtype=np.int64)
    for value in values:
        out = Scores.empty(1)
        ready = model.score_learn_many(zeros, zeros, np.array([value]), out)
        displaced = [check_tree(model, tree) for tree in range(3)]
        if ready[0]:
            newest = (int(model._forest.rows[0]["head"]) - 1) % 8
            assert out.score[0] == sum(one.get(newest, 0.0) for one in displaced) / 3


def test_cuts_are_drawn_in_proportion_to_the_sides_of_the_box() -> None:
    """Definition 1: the first cut of a tree over two features of spans 3 and 1 falls in the first three times out of four."""
    points = np.random.default_rng(2).random((40, 2)) * [3.0, 1.0]
    points[0], points[1] = [0.0, 0.0], [3.0, 1.0]
    counts = []
    for seed in range(40):
        model = RandomCutForest(n_trees=100, tree_size=64, n_features=2, seed=seed)
        model.reserve(1)
        zeros = np.zeros(40, dtype=np.int64)
        model.score_learn_many(zeros, zeros, points, Scores.empty(40))
        counts += [model._forest.column[0, tree, model._forest.root[0, tree]] == 0 for tree in range(100)]
    assert np.mean(counts) == pytest.approx(0.75, abs=0.03)


def test_scores_are_those_of_the_rrcf_package_within_noise() -> None:
    rrcf = pytest.importorskip("rrcf", reason="pip install rrcf to compare with it")
    rng = np.random.default_rng(6)
    values = np.sin(np.arange(400) / 15.0) + rng.normal(0.0, 0.1, 400)
    values[300] += 3.0
    theirs = []
    for seed in (1, 2):
        np.random.seed(seed)
        trees = [rrcf.RCTree() for _ in range(40)]
        scores = []
        for i, point in enumerate(rrcf.shingle(values, size=3)):
            for tree in trees:
                if len(tree.leaves) > 63:
                    tree.forget_point(i - 64)
                tree.insert_point(point, index=i)
            scores.append(np.mean([tree.codisp(i) for tree in trees]))
        theirs.append(np.array(scores))
    model = RandomCutForest(n_trees=40, tree_size=64, shingle_size=3, grace_period=3)
    model.reserve(1)
    zeros, out = np.zeros(400, dtype=np.int64), Scores.empty(400)
    model.score_learn_many(zeros, zeros, values, out)
    ours = out.score[2:]
    noise = np.corrcoef(theirs[0][70:], theirs[1][70:])[0, 1]
    for other in theirs:
        assert np.corrcoef(ours[70:], other[70:])[0, 1] > noise - 0.03
        assert np.median(ours[70:]) == pytest.approx(np.median(other[70:]), rel=0.1)
        assert {int(ours.argmax()), int(other.argmax())} <= {298, 299, 300}


def test_attribution_adds_up_and_blames_the_feature_that_moved() -> None:
    model = RandomCutForest(n_trees=30, tree_size=64, n_features=3)
    model.reserve(1)
    X = np.random.default_rng(3).normal(0.0, 1.0, (200, 3))
    zeros = np.zeros(200, dtype=np.int64)
    model.score_learn_many(zeros, zeros, X, Scores.empty(200))
    odd = np.array([0.0, 9.0, 0.0])
    blame = model.contributions(0, odd)
    zero, out = np.zeros(1, dtype=np.int64), Scores.empty(1)
    model.score_learn_many(zero, zero, odd.reshape(1, 3), out)
    assert blame.sum() == pytest.approx(out.score[0])
    assert int(blame.argmax()) == 1
    assert blame[1] > 0.8 * blame.sum()
    assert model.contributions(0, np.array([0.0, np.nan, 0.0]))[1] == 0.0

"""Kernels of Half-Space Trees."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.base import BoolColumn, FloatColumn, IntColumn
from models.gate_kernel import OPEN, admits
from models.hst.masses_kernel import count_latest, pivot
from models.hst.state import BLOCK_HEIGHT
from models.jit import kernel, kernel_bare, kernel_spliced
from models.prefetch_kernel import prefetch
from models.state_array import StateArray

# An unsigned index needs no test for counting from the end, which would cost a third of the walk.
NONE, ONE, TWO = np.uint64(0), np.uint64(1), np.uint64(2)
MAX_INT = np.int64((1 << 63) - 1)
AHEAD = 8
"""Samples whose leaves are looked up, and whose masses are fetched, before their turn."""


# Kernels take whole arrays and indices: a view handed to a function costs two atomic counts of its references.


@kernel_bare
def make_key(bits: int) -> Any:
    """Whole number that sorts as the float of these bits does: comparing those is twice as quick, and adds up."""
    return bits ^ ((bits >> 63) & MAX_INT)


@kernel_bare
def make_keys(X: FloatColumn, i: int, bits: FloatColumn, keys: IntColumn, row: int) -> None:
    """Write the keys of the features ``X[i]`` into ``keys[row]``, NaN above all others; `bits` is `keys` as floats."""
    for column in range(X.shape[1]):
        # Adding zero takes the sign from a negative zero, which sorts below the positive one but is not less.
        bits[row, column] = X[i, column] + 0.0
        keys[row, column] = make_key(keys[row, column]) if X[i, column] == X[i, column] else MAX_INT


@kernel_spliced
def find_leaf(feature: StateArray, keys: IntColumn, forest: int, tree: int, height: int, Z: IntColumn, sample: int) -> Any:
    """Leaf of one tree, counted from the left, to which a sample without missing features belongs."""
    node: Any = ONE
    if Z.shape[1] == 1:
        z = Z[sample, 0]
        for _ in range(height):
            node = node + node + np.uint64(z >= keys[forest, tree, node])
    else:
        for _ in range(height):
            # Added, not branched upon: half of the branches would be guessed wrong.
            node = node + node + np.uint64(Z[sample, np.uint64(feature[forest, tree, node])] >= keys[forest, tree, node])
    return node - (ONE << np.uint64(height))


@kernel_bare
def find_leaf_of_some(
    masses: StateArray,
    slot: int,
    blocks: Any,
    feature: StateArray,
    keys: IntColumn,
    forest: int,
    tree: int,
    height: int,
    missing: BoolColumn,
    Z: IntColumn,
    sample: int,
) -> Any:
    """`find_leaf` where features are missing: those go to the child visited more in the running window, the left one when equal."""
    node: Any = ONE
    first: Any = NONE
    n: Any = ONE << np.uint64(height)
    for _ in range(height):
        column: Any = np.uint64(feature[forest, tree, node])
        n >>= ONE
        goes_left = Z[sample, column] < keys[forest, tree, node]
        if missing[column]:
            left = count_latest(masses, slot, blocks, height, first, n)
            goes_left = left >= count_latest(masses, slot, blocks, height, first + n, n)
        node = TWO * node + (NONE if goes_left else ONE)
        first += NONE if goes_left else n
    return first


@kernel_bare
def route(
    masses: StateArray,
    slot: int,
    feature: StateArray,
    keys: IntColumn,
    forest: int,
    height: int,
    is_partial: bool,
    missing: BoolColumn,
    Z: IntColumn,
    sample: int,
    leaves: StateArray,
    row: int,
) -> None:
    """Write into ``leaves[row]`` the leaf of every tree to which the sample belongs.

    Parameters
    ----------
    feature, keys : (K, T, 2**height)
    missing : (F,)
        Read when `is_partial`.
    Z : (B, F) int64
        Keys of the features.
    leaves : (R, T) uint64
    """
    if is_partial:
        tree_size: Any = TWO << np.uint64(height)
        for tree in range(feature.shape[1]):
            blocks: Any = np.uint64(tree) * tree_size
            leaves[row, tree] = find_leaf_of_some(masses, slot, blocks, feature, keys, forest, tree, height, missing, Z, sample)
    else:
        for tree in range(feature.shape[1]):
            leaves[row, tree] = find_leaf(feature, keys, forest, tree, height, Z, sample)


@kernel_spliced
def get_profile(masses: StateArray, uppers: StateArray, slot: int, tree: int, leaf: Any, height: int, size_limit: int) -> Any:
    """Mass profile of a leaf in the finished window: the masses on the way to it, each by two to the power of its depth.

    The walk of river stops adding below a node whose mass is less than `size_limit`.
    """
    in_block: Any = np.uint64(min(height, BLOCK_HEIGHT))
    block: Any = (np.uint64(tree) << (np.uint64(height) - in_block)) + (leaf >> in_block)
    first: Any = block << (in_block + ONE)
    profile = np.int64(uppers[slot, block])
    reference = np.int64(masses[slot, first])
    weight = 1 << (height - min(height, BLOCK_HEIGHT))
    node: Any = ONE
    for depth in range(min(height, BLOCK_HEIGHT)):
        bit: Any = (leaf >> (in_block - ONE - np.uint64(depth))) & ONE
        left = np.int64(masses[slot, first + node])
        below = reference - left if bit else left
        weight += weight
        profile += below * weight if reference >= size_limit else 0
        reference = below
        node = node + node + bit
    return profile


@kernel_bare
def find_missing(X: FloatColumn, i: int, missing: BoolColumn) -> int:
    """Mark the features of one sample that are NaN or infinite; return how many are present."""
    n_present = 0
    for column in range(X.shape[1]):
        missing[column] = not math.isfinite(X[i, column])
        n_present += not missing[column]
    return n_present


@kernel_bare
def scale_sample(lows: FloatColumn, highs: FloatColumn, slot: int, X: FloatColumn, i: int, Z: FloatColumn) -> None:
    """Write into ``Z[0]`` where ``X[i]`` lies between the least and the greatest value learned: 0.0 when they are equal."""
    for column in range(X.shape[1]):
        low = lows[slot, column]
        gap = highs[slot, column] - low
        Z[0, column] = (X[i, column] - low) / gap if gap != 0.0 else 0.0


@kernel_bare
def is_outside(lows: FloatColumn, highs: FloatColumn, slot: int, X: FloatColumn, i: int, missing: BoolColumn) -> bool:
    """True when a present feature of ``X[i]`` is below the least or above the greatest value learned."""
    for column in range(X.shape[1]):
        if not missing[column] and (X[i, column] < lows[slot, column] or X[i, column] > highs[slot, column]):
            return True
    return False


@kernel_bare
def widen(lows: FloatColumn, highs: FloatColumn, slot: int, X: FloatColumn, i: int, missing: BoolColumn) -> None:
    """Take a sample into the running minima and maxima."""
    for column in range(X.shape[1]):
        if not missing[column]:
            lows[slot, column] = min(lows[slot, column], X[i, column])
            highs[slot, column] = max(highs[slot, column], X[i, column])


@kernel_bare
def run(
    rows: StateArray,
    masses: StateArray,
    uppers: StateArray,
    lows: FloatColumn,
    highs: FloatColumn,
    feature: StateArray,
    keys: IntColumn,
    height: int,
    window_size: int,
    size_limit: int,
    max_profile: float,
    start: int,
    is_scoring: bool,
    is_learning: bool,
    gate: FloatColumn,
    gate_rows: FloatColumn,
    slots: IntColumn,
    X: FloatColumn,
    scores: FloatColumn,
    ready: BoolColumn,
    missing: BoolColumn,
    scaled: FloatColumn,
    bits: FloatColumn,
    Z: IntColumn,
    sums: IntColumn,
    leaves: StateArray,
    is_known: BoolColumn,
) -> int:
    """`score_learn_many`, with the room it needs.

    Parameters
    ----------
    missing : (F,), scaled : (1, F), leaves : (AHEAD, T) uint64, is_known : (AHEAD,), overwritten
    bits, Z : (AHEAD, F) float64 and int64, overwritten
        Two views of the same bytes.
    sums
        As in `pivot`.
    """
    n_features, n_trees, n_samples = X.shape[1], feature.shape[1], slots.size
    is_scaled = lows.shape[1] > 0
    is_gated = gate[0] != OPEN
    in_block: Any = np.uint64(min(height, BLOCK_HEIGHT))
    n_blocks: Any = ONE << (np.uint64(height) - in_block)
    half: Any = ONE << in_block
    for early in range(start, n_samples + AHEAD - 1):
        # Where a sample goes depends on the sample alone, so what it will touch can be on its way while others are worked on.
        if early < n_samples:
            slot = slots[early]
            is_whole = not is_scaled and rows[slot]["draw"] > 0
            for column in range(n_features):
                is_whole &= math.isfinite(X[early, column])
            row = early % AHEAD
            is_known[row] = is_whole
            if is_whole:
                make_keys(X, early, bits, Z, row)
                route(masses, slot, feature, keys, rows[slot]["draw"] - 1, height, False, missing, Z, row, leaves, row)
                if n_samples > 1:
                    for tree in range(n_trees):
                        block: Any = np.uint64(tree) * n_blocks + (leaves[row, tree] >> in_block)
                        prefetch(masses, (slot, block << (in_block + ONE)))
                        prefetch(uppers, (slot, block))
            if early + AHEAD < n_samples:
                prefetch(rows, (slots[early + AHEAD],))
        i = early - AHEAD + 1
        if i < start:
            continue
        slot = slots[i]
        row = i % AHEAD
        n_present = n_features if is_known[row] else find_missing(X, i, missing)
        is_ready = rows[slot]["n_pivots"] > 0 and n_present > 0
        found = 0.0
        scores[i] = found
        ready[i] = is_ready
        forest = rows[slot]["draw"] - 1
        if n_present == 0 or (forest < 0 and not is_learning):
            continue
        if forest < 0:
            return i
        is_partial = n_present < n_features
        if not is_known[row]:
            if is_scaled:
                scale_sample(lows, highs, slot, X, i, scaled)
                make_keys(scaled, 0, bits, Z, row)
            else:
                make_keys(X, i, bits, Z, row)
            route(masses, slot, feature, keys, forest, height, is_partial, missing, Z, row, leaves, row)
        if is_scoring and is_ready:
            profile = 0
            for tree in range(n_trees):
                profile += get_profile(masses, uppers, slot, tree, leaves[row, tree], height, size_limit)
            found = 1.0 - profile / max_profile
            scores[i] = found
        if not is_learning or (is_gated and not admits(gate, gate_rows, slot, found)):
            continue
        if is_scaled and is_outside(lows, highs, slot, X, i, missing):
            widen(lows, highs, slot, X, i, missing)
            scale_sample(lows, highs, slot, X, i, scaled)
            make_keys(scaled, 0, bits, Z, row)
            route(masses, slot, feature, keys, forest, height, is_partial, missing, Z, row, leaves, row)
        for tree in range(n_trees):
            leaf: Any = leaves[row, tree]
            at: Any = (((np.uint64(tree) * n_blocks + (leaf >> in_block)) << ONE) + ONE) << in_block
            masses[slot, at + (leaf & (half - ONE))] += 1
        pivot(rows, masses, uppers, slot, n_trees, height, window_size, size_limit, sums)
    return n_samples


@kernel
def score_learn_many(
    rows: StateArray,
    masses: StateArray,
    uppers: StateArray,
    lows: FloatColumn,
    highs: FloatColumn,
    feature: StateArray,
    keys: IntColumn,
    height: int,
    window_size: int,
    size_limit: int,
    max_profile: float,
    start: int,
    is_scoring: bool,
    is_learning: bool,
    gate: FloatColumn,
    gate_rows: FloatColumn,
    slots: IntColumn,
    X: FloatColumn,
    scores: FloatColumn,
    ready: BoolColumn,
) -> int:
    """Prequential pass over ``start .. B-1``; return B, or the first sample whose series has no forest yet.

    Parameters
    ----------
    rows : (S,) structured, mutated
    masses : (S, M) uint8 or uint16, mutated
        Laid out by `models.hst.state.plan_masses`.
    uppers : (S, T * n_blocks) uint16 or uint32, mutated
        What the layers above each block add to a score.
    lows, highs : (S, F) float64, mutated
        Running minima and maxima; (S, 0) = no scaling.
    feature, keys : (K, T, 2**height)
        Splits of the forests drawn so far; node ``i`` has the children ``2i`` and ``2i + 1``, and the root is 1.
    slots, X, scores, ready
        See `models.base.Estimator.score_learn_many`.
    """
    n_features = X.shape[1]
    bits = np.empty((AHEAD, n_features))
    return run(
        rows,
        masses,
        uppers,
        lows,
        highs,
        feature,
        keys,
        height,
        window_size,
        size_limit,
        max_profile,
        start,
        is_scoring,
        is_learning,
        gate,
        gate_rows,
        slots,
        X,
        scores,
        ready,
        np.empty(n_features, dtype=np.bool_),
        np.empty((1, n_features)),
        bits,
        bits.view(np.int64),
        np.empty((1 << BLOCK_HEIGHT) + (2 << max(height - BLOCK_HEIGHT, 0)), dtype=np.int64),
        np.empty((AHEAD, feature.shape[1]), dtype=np.uint64),
        np.zeros(AHEAD, dtype=np.bool_),
    )

"""Kernel that scans OTLP metrics (protobuf ``ExportMetricsServiceRequest``) into columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.base import IntColumn
from models.jit import kernel_bare, kernel_inline
from models.state_array import StateArray
from pipeline.codecs.json_kernel import hash_span
from pipeline.codecs.protobuf_kernel import FIXED64, LENGTH, VARINT, find_run, read_fixed64, read_length, read_varint, skip_field

GOOD, UNSURE = 0, 1
COUNT_SUFFIX, SUM_SUFFIX = "_count", "_sum"
LENGTH_BYTES = 4

# Columns of a row of KINDS: number of the field of a metric; then numbers of fields of its points: attributes, integer, double, flags;
# whether the integer is a count beside a sum; whether a sum that is not there is zero.
FIELD, ATTRIBUTES, INTEGER, REAL, FLAGS, IS_DISTRIBUTION, HAS_ALWAYS_SUM = range(7)
KINDS = np.array(
    [
        # Gauge and sum; histogram, exponential histogram, summary.
        [5, 7, 6, 4, 8, 0, 0],
        [7, 7, 6, 4, 8, 0, 0],
        [9, 9, 4, 5, 10, 1, 0],
        [10, 1, 4, 5, 10, 1, 0],
        [11, 7, 4, 5, 8, 1, 1],
    ],
    dtype=np.int64,
)

_TIME = 3
_EXPONENT = np.uint64(0x7FF0000000000000)
_MAX_NS = np.uint64(7_258_118_400_000_000_000)
_NO_RECORDED_VALUE = np.uint64(1)


@kernel_inline
def write_prefix(
    data: StateArray, at: int, resource_start: int, resource_length: int, name_start: int, name_length: int, suffix: StateArray
) -> int:
    """Write the first part of a series' key: lengths and bytes of the resource's attributes and of the name; position after it."""
    for k in range(LENGTH_BYTES):
        data[at + k] = (resource_length >> (8 * k)) & 255
    at += LENGTH_BYTES
    for k in range(resource_length):
        data[at + k] = data[resource_start + k]
    at += resource_length
    length = name_length + suffix.size
    for k in range(LENGTH_BYTES):
        data[at + k] = (length >> (8 * k)) & 255
    at += LENGTH_BYTES
    for k in range(name_length):
        data[at + k] = data[name_start + k]
    at += name_length
    for k in range(suffix.size):
        data[at + k] = suffix[k]
    return at + suffix.size


@kernel_bare
def read_point(data: StateArray, at: int, end: int, kind: IntColumn, point: StateArray, run: IntColumn) -> bool:
    """Read one data point; False when it is not certain what it says.

    Parameters
    ----------
    kind : (7,) int64
        A row of `KINDS`.
    point : (5,) uint64, written
        Time, bits of the double, the integer, 1 = has a double + 2 = has an integer, flags.
    run : (2,) int64, written
        Its attributes.
    """
    run[0] = at
    run[1] = at
    wanted = np.uint64((kind[ATTRIBUTES] << 3) | LENGTH)
    is_found = False
    for i in range(5):
        point[i] = np.uint64(0)
    while at < end:
        before = at
        tag, at = read_varint(data, at, end)
        if at < 0 or tag < np.uint64(8) or tag > np.uint64(0xFFFFFFFF):
            return False
        number = np.int64(tag >> np.uint64(3))
        wire = np.int64(tag & np.uint64(7))
        if tag == wanted:
            _, at = read_length(data, at, end)
            # As `find_run`: attributes in several runs are left to the library.
            if at < 0 or (is_found and run[1] != before):
                return False
            if not is_found:
                run[0] = before
                is_found = True
            run[1] = at
        elif number == kind[ATTRIBUTES]:
            return False
        elif number == _TIME or number == kind[REAL] or number == kind[INTEGER]:
            if wire != FIXED64 or at + 8 > end:
                return False
            bits = read_fixed64(data, at)
            at += 8
            if number == _TIME:
                point[0] = bits
            elif number == kind[REAL]:
                point[1] = bits
                point[3] |= np.uint64(1)
            else:
                point[2] = bits
                point[3] |= np.uint64(2)
        elif number == kind[FLAGS]:
            if wire != VARINT:
                return False
            point[4], at = read_varint(data, at, end)
            if at < 0:
                return False
        else:
            at = skip_field(data, at, end, wire)
            if at < 0:
                return False
    return True


@kernel_bare
def scan_metrics(
    data: StateArray,
    words: StateArray,
    kinds: IntColumn,
    suffixes: StateArray,
    start: IntColumn,
    length: IntColumn,
    status: StateArray,
    n_samples: IntColumn,
    n_skipped: IntColumn,
    n_prefix_bytes: IntColumn,
    free_at: int,
    value: StateArray,
    event_time_ns: IntColumn,
    spans: StateArray,
    hashes: StateArray,
    position: IntColumn,
    point: StateArray,
    runs: IntColumn,
    prefixes: IntColumn,
    prefix_hashes: StateArray,
    is_counting: bool,
) -> None:
    """Scan requests: once to count, once to fill the columns.

    Parameters
    ----------
    data : (N + P,) uint8
        The requests; behind them room for prefixes of keys, written when filling.
    words : (N + P - 7,) uint64
        The same bytes (`pipeline.codecs.key_slices.view_words`).
    kinds : (5, 7) int64
        `KINDS`.
    suffixes : (2, 6) uint8
        `COUNT_SUFFIX`, and `SUM_SUFFIX` padded at the end.
    start, length : (R,) int64
        Where each request lies.
    status : (R,) uint8
        Written when counting; see `pipeline.codecs.remote_write_kernel.scan_requests`.
    n_samples, n_skipped, n_prefix_bytes : (R,) int64
        Written when counting: samples with a finite value and without one, bytes of prefixes.
    free_at : int
        N: where prefixes begin.
    value : (M,) float64, written when filling
    event_time_ns, position : (M,) int64, written when filling
    spans : (4, M) int64, written when filling
        Prefix and attributes.
    hashes : (M,) uint64, written when filling
    point, runs, prefixes, prefix_hashes
        Room to work in: (5,) uint64, (2, 2) int64, (2, 2) int64, (2,) uint64.
    is_counting : bool
        Which of the two.
    """
    bits_of = value.view(np.uint64)
    m = 0
    for row in range(start.size):
        if not is_counting and status[row] != GOOD:
            continue
        resources_at = start[row]
        end = resources_at + length[row]
        n_left_out = 0
        n_bytes = 0
        ordinal = 0
        is_sure = True
        while resources_at < end and is_sure:
            tag, resources_at = read_varint(data, resources_at, end)
            if resources_at < 0 or tag != np.uint64((1 << 3) | LENGTH):
                is_sure = False
                break
            scopes_at, resources_at = read_length(data, resources_at, end)
            if resources_at < 0:
                is_sure = False
                break
            resource_end = resources_at
            resource_start = scopes_at
            resource_length = 0
            resource_hash: Any = np.uint64(0)
            is_resource_hashed = False
            is_first = True
            while scopes_at < resource_end and is_sure:
                tag, scopes_at = read_varint(data, scopes_at, resource_end)
                if scopes_at < 0 or tag > np.uint64(0xFFFFFFFF) or tag < np.uint64(8):
                    is_sure = False
                    break
                if tag == np.uint64((1 << 3) | LENGTH):
                    inner, scopes_at = read_length(data, scopes_at, resource_end)
                    # A resource that comes late or in pieces is left to the library.
                    if scopes_at < 0 or not is_first or not find_run(data, inner, scopes_at, 1, runs[0]):
                        is_sure = False
                        break
                    resource_start = runs[0, 0]
                    resource_length = runs[0, 1] - runs[0, 0]
                    is_first = False
                    continue
                is_first = False
                if tag != np.uint64((2 << 3) | LENGTH):
                    if tag >> np.uint64(3) <= np.uint64(2):
                        is_sure = False
                        break
                    scopes_at = skip_field(data, scopes_at, resource_end, np.int64(tag & np.uint64(7)))
                    is_sure = scopes_at >= 0
                    continue
                metrics_at, scopes_at = read_length(data, scopes_at, resource_end)
                if scopes_at < 0:
                    is_sure = False
                    break
                scope_end = scopes_at
                while metrics_at < scope_end and is_sure:
                    tag, metrics_at = read_varint(data, metrics_at, scope_end)
                    if metrics_at < 0 or tag > np.uint64(0xFFFFFFFF) or tag < np.uint64(8):
                        is_sure = False
                        break
                    if tag != np.uint64((2 << 3) | LENGTH):
                        if tag >> np.uint64(3) == np.uint64(2):
                            is_sure = False
                            break
                        metrics_at = skip_field(data, metrics_at, scope_end, np.int64(tag & np.uint64(7)))
                        is_sure = metrics_at >= 0
                        continue
                    at, metrics_at = read_length(data, metrics_at, scope_end)
                    if metrics_at < 0:
                        is_sure = False
                        break
                    metric_end = metrics_at
                    name_start = at
                    name_length = 0
                    has_data = False
                    while at < metric_end and is_sure:
                        tag, at = read_varint(data, at, metric_end)
                        if at < 0 or tag > np.uint64(0xFFFFFFFF) or tag < np.uint64(8):
                            is_sure = False
                            break
                        number = np.int64(tag >> np.uint64(3))
                        kind = -1
                        for k in range(kinds.shape[0]):
                            if kinds[k, FIELD] == number:
                                kind = k
                        if number == 1:
                            if tag != np.uint64((1 << 3) | LENGTH) or has_data or name_length:
                                is_sure = False
                                break
                            name_start, at = read_length(data, at, metric_end)
                            if at < 0:
                                is_sure = False
                                break
                            name_length = at - name_start
                            continue
                        if kind < 0:
                            at = skip_field(data, at, metric_end, np.int64(tag & np.uint64(7)))
                            is_sure = at >= 0
                            continue
                        if has_data or np.int64(tag & np.uint64(7)) != LENGTH:
                            is_sure = False
                            break
                        has_data = True
                        points_at, at = read_length(data, at, metric_end)
                        if at < 0:
                            is_sure = False
                            break
                        is_distribution = kinds[kind, IS_DISTRIBUTION] == 1
                        n_prefixes = 2 if is_distribution else 1
                        if is_counting:
                            n_bytes += n_prefixes * (2 * LENGTH_BYTES + resource_length + name_length + suffixes.shape[1])
                        else:
                            for which in range(n_prefixes):
                                n_suffix = (suffixes.shape[1] - 2 * which) if is_distribution else 0
                                prefixes[which, 0] = free_at
                                free_at = write_prefix(
                                    data,
                                    free_at,
                                    resource_start,
                                    resource_length,
                                    name_start,
                                    name_length,
                                    suffixes[which, :n_suffix],
                                )
                                size = free_at - prefixes[which, 0]
                                prefixes[which, 1] = size
                                # The resource's part is the same for all of its metrics.
                                n_shared = LENGTH_BYTES + resource_length
                                if not is_resource_hashed:
                                    resource_hash = hash_span(data, words, prefixes[which, 0], n_shared, np.uint64(n_shared))
                                    is_resource_hashed = True
                                prefix_hashes[which] = hash_span(
                                    data, words, prefixes[which, 0] + n_shared, size - n_shared, resource_hash
                                )
                        while points_at < at:
                            tag, points_at = read_varint(data, points_at, at)
                            if points_at < 0 or tag > np.uint64(0xFFFFFFFF) or tag < np.uint64(8):
                                is_sure = False
                                break
                            if tag != np.uint64((1 << 3) | LENGTH):
                                if tag >> np.uint64(3) == np.uint64(1):
                                    is_sure = False
                                    break
                                points_at = skip_field(data, points_at, at, np.int64(tag & np.uint64(7)))
                                if points_at < 0:
                                    is_sure = False
                                    break
                                continue
                            inner, points_at = read_length(data, points_at, at)
                            if points_at < 0 or not read_point(data, inner, points_at, kinds[kind], point, runs[1]):
                                is_sure = False
                                break
                            has = point[3]
                            if point[0] == np.uint64(0) or point[0] >= _MAX_NS or (not is_distribution and has == np.uint64(3)):
                                is_sure = False
                                break
                            is_absent = point[4] & _NO_RECORDED_VALUE == _NO_RECORDED_VALUE
                            for which in range(n_prefixes):
                                is_real = which == 1 if is_distribution else has & np.uint64(1) != np.uint64(0)
                                if which == 1 and has & np.uint64(1) == np.uint64(0) and kinds[kind, HAS_ALWAYS_SUM] == 0:
                                    # A histogram without a sum.
                                    continue
                                is_without = is_absent or (not is_distribution and has == np.uint64(0))
                                if is_real and point[1] & _EXPONENT == _EXPONENT:
                                    is_without = True
                                if is_without:
                                    n_left_out += 1
                                elif not is_counting:
                                    if is_real:
                                        bits_of[m] = point[1]
                                    elif is_distribution:
                                        value[m] = np.float64(point[2])
                                    else:
                                        value[m] = np.float64(np.int64(point[2]))
                                    event_time_ns[m] = np.int64(point[0])
                                    position[m] = ordinal
                                    spans[0, m] = prefixes[which, 0]
                                    spans[1, m] = prefixes[which, 1]
                                    spans[2, m] = runs[1, 0]
                                    spans[3, m] = runs[1, 1] - runs[1, 0]
                                    key_hash: Any = hash_span(
                                        data, words, runs[1, 0], runs[1, 1] - runs[1, 0], prefix_hashes[which]
                                    )
                                    hashes[m] = key_hash
                                    m += 1
                                ordinal += 1
        if is_counting:
            status[row] = GOOD if is_sure else UNSURE
            n_samples[row] = ordinal - n_left_out
            n_skipped[row] = n_left_out
            n_prefix_bytes[row] = n_bytes

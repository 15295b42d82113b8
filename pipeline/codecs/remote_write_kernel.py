"""Kernel that scans Prometheus remote-write requests (protobuf, uncompressed) into columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.base import IntColumn
from models.jit import kernel_bare
from models.state_array import StateArray
from pipeline.codecs.json_kernel import hash_span
from pipeline.codecs.protobuf_kernel import FIXED64, LENGTH, VARINT, read_fixed64, read_length, read_varint, skip_field

GOOD, UNSURE = 0, 1

_TIME_SERIES = 1
_LABEL, _SAMPLE = 1, 2
_VALUE, _TIMESTAMP = 1, 2
_EXPONENT = np.uint64(0x7FF0000000000000)
_MAX_MS = np.uint64(7_258_118_400_000)
_NS_PER_MS = 1_000_000


@kernel_bare
def scan_requests(
    data: StateArray,
    words: StateArray,
    start: IntColumn,
    length: IntColumn,
    status: StateArray,
    n_samples: IntColumn,
    n_skipped: IntColumn,
    value_bits: StateArray,
    event_time_ns: IntColumn,
    spans: StateArray,
    hashes: StateArray,
    position: IntColumn,
    is_counting: bool,
) -> None:
    """Scan requests: once to count, once to fill the columns.

    Parameters
    ----------
    data : (N,) uint8
    words : (N - 7,) uint64
        The same bytes (`pipeline.codecs.key_slices.view_words`).
    start, length : (R,) int64
        Where each request lies.
    status : (R,) uint8
        Written when counting: `GOOD`, or `UNSURE` for what is left to protobuf's own library.  Only good ones are filled in.
    n_samples, n_skipped : (R,) int64
        Written when counting: samples with a finite value, and those without one.
    value_bits : (M,) uint64, written when filling
        Bits of the values.
    event_time_ns, position : (M,) int64, written when filling
        Time, ordinal within the request.
    spans : (4, M) int64, written when filling
        Where the labels lie, as `pipeline.codecs.key_slices.KeySlices` has it: in the place of the name.
    hashes : (M,) uint64, written when filling
    is_counting : bool
        Which of the two.
    """
    m = 0
    for row in range(start.size):
        if not is_counting and status[row] != GOOD:
            continue
        at = start[row]
        end = at + length[row]
        ordinal = 0
        n_left_out = 0
        is_sure = True
        while at < end:
            tag, at = read_varint(data, at, end)
            if at < 0:
                is_sure = False
                break
            if tag != np.uint64((_TIME_SERIES << 3) | LENGTH):
                if tag < np.uint64(8) or tag >> np.uint64(3) == np.uint64(_TIME_SERIES) or tag > np.uint64(0xFFFFFFFF):
                    is_sure = False
                    break
                at = skip_field(data, at, end, np.int64(tag & np.uint64(7)))
                if at < 0:
                    is_sure = False
                    break
                continue
            at, series_end = read_length(data, at, end)
            if series_end < 0:
                is_sure = False
                break
            # Labels come first, in one run: it is the series' key.
            labels_start = at
            while at < series_end and data[at] == (_LABEL << 3) | LENGTH:
                _, at = read_length(data, at + 1, series_end)
                if at < 0:
                    break
            if at < 0:
                is_sure = False
                break
            labels_length = at - labels_start
            key_hash: Any = np.uint64(0)
            if not is_counting:
                key_hash = hash_span(data, words, labels_start, labels_length, np.uint64(labels_length))
                # As `hash_keys` makes it: the second part of the key is empty.
                key_hash = hash_span(data, words, labels_start, 0, key_hash)
            while at < series_end:
                tag, at = read_varint(data, at, series_end)
                if at < 0:
                    is_sure = False
                    break
                field = tag >> np.uint64(3)
                if tag != np.uint64((_SAMPLE << 3) | LENGTH):
                    if field <= np.uint64(_SAMPLE) or tag > np.uint64(0xFFFFFFFF):
                        is_sure = False
                        break
                    at = skip_field(data, at, series_end, np.int64(tag & np.uint64(7)))
                    if at < 0:
                        is_sure = False
                        break
                    continue
                at, sample_end = read_length(data, at, series_end)
                if sample_end < 0:
                    is_sure = False
                    break
                bits = np.uint64(0)
                time_ms = np.uint64(0)
                while at < sample_end:
                    tag, at = read_varint(data, at, sample_end)
                    if at < 0:
                        is_sure = False
                        break
                    if tag == np.uint64((_VALUE << 3) | FIXED64):
                        if at + 8 > sample_end:
                            is_sure = False
                            break
                        bits = read_fixed64(data, at)
                        at += 8
                    elif tag == np.uint64((_TIMESTAMP << 3) | VARINT):
                        time_ms, at = read_varint(data, at, sample_end)
                        if at < 0:
                            is_sure = False
                            break
                    else:
                        is_sure = False
                        break
                if not is_sure:
                    break
                # Times before 1970 are huge here.
                if time_ms >= _MAX_MS:
                    is_sure = False
                    break
                if bits & _EXPONENT == _EXPONENT:
                    n_left_out += 1
                elif is_counting:
                    m += 1
                else:
                    value_bits[m] = bits
                    event_time_ns[m] = np.int64(time_ms) * _NS_PER_MS
                    position[m] = ordinal
                    spans[0, m] = labels_start
                    spans[1, m] = labels_length
                    spans[2, m] = labels_start
                    spans[3, m] = 0
                    hashes[m] = key_hash
                    m += 1
                ordinal += 1
            if not is_sure:
                break
        if is_counting:
            status[row] = GOOD if is_sure else UNSURE
            n_samples[row] = ordinal - n_left_out
            n_skipped[row] = n_left_out

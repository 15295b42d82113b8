"""Label sets: the identity of a series."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson

from pipeline.errors import SampleError

__all__ = ["NAME_LABEL", "LabelSet"]

NAME_LABEL = "__name__"
MAX_LABELS = 64
MAX_LABEL_BYTES = 4096


class LabelSet:
    """A sorted, immutable label set including the metric name; equality is on the labels, never on the hash alone.

    Parameters
    ----------
    labels : mapping of str to str
        Must hold ``__name__``.  Labels with an empty value are dropped, as Prometheus does.

    Raises
    ------
    SampleError
        No name (``LABELS_NO_NAME``), a label that is not text (``LABELS_TYPE``), too many labels or too long
        (``LABELS_SIZE``).

    Notes
    -----
    Kept as text, in one object of some 50 bytes more than that: a million series have a million label sets, and few are looked at.

    Examples
    --------
    >>> a = LabelSet({"__name__": "cpu", "region": "us-east-1", "host": "n1"})
    >>> b = LabelSet({"host": "n1", "region": "us-east-1", "__name__": "cpu", "zone": ""})
    >>> a == b, a.fingerprint == b.fingerprint, str(a)
    (True, True, 'cpu{host="n1",region="us-east-1"}')
    """

    __slots__ = ("_canonical",)

    def __init__(self, labels: Mapping[str, object]) -> None:
        texts: list[tuple[str, str]] = []
        for name, value in labels.items():
            if not isinstance(value, str):
                raise SampleError(
                    f"label {name!r}: expected text, found {type(value).__name__}; send label values as JSON strings",
                    code="LABELS_TYPE",
                )
            if value:
                texts.append((name, value))
        pairs = tuple(sorted(texts))
        if len(pairs) > MAX_LABELS or sum(len(n) + len(v) for n, v in pairs) > MAX_LABEL_BYTES:
            raise SampleError(
                f"{len(pairs)} labels of {sum(len(n) + len(v) for n, v in pairs)} characters: expected at most {MAX_LABELS} "
                f"labels and {MAX_LABEL_BYTES} characters; move free text out of the labels",
                code="LABELS_SIZE",
            )
        if not any(name == NAME_LABEL for name, _ in pairs):
            raise SampleError(
                "the sample has no metric name; send a non-empty name",
                code="LABELS_NO_NAME",
            )
        try:
            # A copy: orjson's own object is cut down from a kilobyte, and the heap keeps the hole.
            self._canonical = bytes(memoryview(orjson.dumps(pairs)))
        except orjson.JSONEncodeError as error:
            raise SampleError("a label is not valid Unicode (lone surrogate)", code="LABELS_TYPE") from error

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Names and values, sorted by name (code point order)."""
        return tuple((name, value) for name, value in orjson.loads(self._canonical))

    @property
    def fingerprint(self) -> int:
        """Stable 64-bit hash of the pairs: the same in every process, for ever."""
        return int.from_bytes(hashlib.blake2b(self._canonical, digest_size=8).digest(), "big")

    @property
    def name(self) -> str:
        """The metric name."""
        return self.get(NAME_LABEL)

    @property
    def hex(self) -> str:
        """The fingerprint as 16 hex digits: the Kafka key of the series' anomalies."""
        return f"{self.fingerprint:016x}"

    def get(self, name: str, default: str = "") -> str:
        """Value of one label; `default` when the set has no such label."""
        return next((value for own, value in self.pairs if own == name), default)

    def to_dict(self) -> dict[str, str]:
        """A fresh dict in canonical order."""
        return dict(self.pairs)

    def to_json(self) -> bytes:
        """The pairs as a JSON list of lists; its bytes are one for one with the label set.

        Examples
        --------
        >>> LabelSet({"__name__": "cpu"}).to_json()
        b'[["__name__","cpu"]]'
        """
        return self._canonical

    @classmethod
    def from_json(cls, canonical: bytes) -> LabelSet:
        """Inverse of `to_json`, for its output only: nothing is looked at."""
        label_set = object.__new__(cls)
        label_set._canonical = canonical
        return label_set

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelSet) and self._canonical == other._canonical

    def __hash__(self) -> int:
        return hash(self._canonical)

    def __str__(self) -> str:
        labels = self.to_dict()
        metric = labels.pop(NAME_LABEL)
        inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
        return f"{metric}{{{inside}}}" if inside else metric

    def __repr__(self) -> str:
        return f"LabelSet({self})"

"""Why the labels of a record cannot be used."""

from __future__ import annotations

import msgspec

from pipeline.codecs.excerpt import quote
from pipeline.codecs.json_fault import json_kind
from pipeline.codecs.json_rows import DECODE_FAILURES
from pipeline.errors import SampleError

__all__ = ["explain_labels"]


def explain_labels(raw: bytes) -> SampleError:
    """The error of labels that are no JSON object of texts.

    Returns
    -------
    SampleError
        ``LABELS_TYPE`` or ``JSON_UTF8``.

    Examples
    --------
    >>> str(explain_labels(b'{"port":80}'))
    'label \\'port\\': found a number \\'80\\', expected text; send labels as {"name": "text"}, numbers quoted'
    """
    cure = 'send labels as {"name": "text"}, numbers quoted'
    try:
        raw.decode()
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        return SampleError(f"labels: found {json_kind(raw)} {quote(raw)}, expected an object; {cure}", code="LABELS_TYPE")
    except DECODE_FAILURES as error:
        return SampleError(f"labels: {str(error)[:80]} in {quote(raw)}; see to the producer's encoding", code="JSON_UTF8")
    for name, value in fields.items():
        text = bytes(value)
        if json_kind(text) != "text":
            found = f"{json_kind(text)} {quote(text)}"
            return SampleError(f"label {quote(name)}: found {found}, expected text; {cure}", code="LABELS_TYPE")
    return SampleError("labels: one is there twice, and not each time as text; send every label once", code="LABELS_TYPE")

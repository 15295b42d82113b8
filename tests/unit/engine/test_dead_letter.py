"""Dead letters: the record untouched, what was wrong beside it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.codecs.record import RecordBatch
from pipeline.engine.dead_letter import DeadLetter
from pipeline.errors import DecodeError, SampleError

OPTIONAL = st.one_of(st.none(), st.binary(max_size=40))


@given(
    key=OPTIONAL,
    value=OPTIONAL,
    headers=st.lists(st.tuples(st.text(max_size=5), OPTIONAL), max_size=3),
    message=st.text(max_size=20),
)
def test_bytes_and_headers_are_untouched_and_the_error_follows(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]], message: str
) -> None:
    batch = RecordBatch.from_rows("m", 2, [(5, 1, b"other", b"other"), (9, 1234, key, value)], headers={1: headers})
    letter = DeadLetter.from_record(batch, 1, SampleError(message + "\ud800", code="LABELS_TYPE"))
    assert (letter.key, letter.value, letter.timestamp_ms) == (key, value, 1234)
    told = letter.to_headers()
    assert told[: len(headers)] == headers
    assert dict(told[len(headers) :]) == {
        "sw-error-code": b"LABELS_TYPE",
        "sw-error-stage": b"extract",
        "sw-error-message": (message + "\ud800").encode("utf-8", "backslashreplace"),
        "sw-source-topic": b"m",
        "sw-source-partition": b"2",
        "sw-source-offset": b"9",
    }


def test_a_letter_that_is_read_again_and_fails_again_keeps_its_history() -> None:
    first = DeadLetter.from_record(RecordBatch.from_rows("m", 0, [(5, 1, None, b"?")]), 0, DecodeError("a", code="A"))
    again = RecordBatch.from_rows("dead-letters", 1, [(77, 1, None, b"?")], headers={0: first.to_headers()})
    codes = [
        value
        for name, value in DeadLetter.from_record(again, 0, DecodeError("b", code="B")).to_headers()
        if name == "sw-error-code"
    ]
    assert codes == [b"A", b"B"]

"""Masking: what is masked, what is left, and that shapes and caches change nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.logs.masking import MAX_TOKENS, Masker, mask_token
from tests.unit.logs.naive_miner import mask_naively


@pytest.mark.parametrize(
    ("token", "masked"),
    [
        ("ready", "ready"),
        ("and/or", "and/or"),
        ("std::vector", "std::vector"),
        ("42", "<num>"),
        ("-42", "<num>"),
        ("+3.25", "<num>"),
        ("1,234,567", "<num>"),
        ("100%", "<num>%"),
        ("(8/16)", "(<num>/<num>)"),
        ("sda1", "sda<num>"),
        ("blk_-388", "blk_<num>"),
        ("x86_64", "x<num>_<num>"),
        ("deadbeef0", "<num>"),
        ("123456789", "<num>"),
        ("a8f3k2", "<num>"),
        ("0x1F", "<hex>"),
        ("550e8400-e29b-41d4-a716-446655440000", "<uuid>"),
        ("10.0.0.7", "<ip>"),
        ("/10.0.0.7:8080,", "<ip>,"),
        ("10.0.0.0/24", "<ip>"),
        ("0:0:0:0:0:0:0:0:2181", "<ip>"),
        ("fe80::1", "<ip>"),
        ("aa:bb:cc:dd:ee:ff", "<ip>"),
        ("/var/log/app.log:", "<path>:"),
        ("file=./a/b", "file=<path>"),
        ("C:\\Windows\\x.dll", "<path>"),
        ("a/b/c", "<path>"),
        ("https://example.org/a?b=1", "<url>"),
        ("bob@example.org", "<email>"),
        ("12:01:01,123", "<time>"),
        ("2026-11-25T10:00:00.5Z", "<time>"),
        ("[2026-11-25]", "[<time>]"),
        ("35ms", "<duration>"),
        ("1m30.5s", "<duration>"),
        ("took=1.5µs", "took=<duration>"),
        ("12KiB", "<size>"),
        ("(4.0MB)", "(<size>)"),
        ("v6.1.7601", "v<num>"),
        ("HTTP/1.1", "HTTP/<num>"),
        ("１２", "１２"),
        ("<*>", "<any>"),
    ],
)
def test_tokens(token: str, masked: str) -> None:
    assert mask_token(token) == masked


_words = st.one_of(
    st.text(st.sampled_from("ab01:/.@-_=x%"), min_size=1, max_size=12),
    st.sampled_from(["disk", "full", "10.0.0.1", "0xff", "user=bob", "a/b/c", "<*>", "<num>", "é", "１"]),
)
_messages = st.one_of(st.lists(_words, max_size=12).map(" ".join), st.text(max_size=60))


@settings(max_examples=500)
@given(st.lists(_messages, max_size=8))
def test_a_masker_that_remembers_masks_like_one_that_does_not(messages: list[str]) -> None:
    masker = Masker()
    for message in [*messages, *messages]:
        assert list(masker.mask(masker.shape(message))) == mask_naively(message)


@settings(max_examples=500)
@given(_messages, st.randoms(use_true_random=False))
def test_lines_that_differ_in_digits_only_have_one_shape(message: str, rng: random.Random) -> None:
    other = "".join(rng.choice("0123456789") if character in "0123456789" else character for character in message)
    assert Masker.shape(other) == Masker.shape(message)
    assert mask_naively(other) == mask_naively(message)


def test_texts_of_several_lines() -> None:
    masker = Masker()
    assert masker.mask(masker.shape("boom\n  at a.b(C.java:1)\n  at d")) == ("boom",)
    trace = 'Traceback (most recent call last):\n  File "a.py", line 3\nValueError: no such key'
    assert masker.mask(masker.shape(trace)) == ("ValueError:", "no", "such", "key")


def test_long_lines_and_long_tokens_are_cut() -> None:
    masker = Masker()
    tokens = masker.mask(masker.shape("word " * 399))
    assert (len(tokens), tokens[-1]) == (MAX_TOKENS, "<more>")
    assert masker.mask(masker.shape("x" * 100_000))[0] == "x" * 200 + "<more>"
    assert masker.mask(b"") == ("",)


@pytest.mark.parametrize(
    "piece", ["a0", "0", ":", "ab:", "/", "1.", "a@", "a.", "a+.", "0m", "0-", "_", "%", "a-", "\\", "0:", "f"]
)
def test_no_token_takes_more_than_a_moment(piece: str) -> None:
    """A form that backtracks without bound would take hours for these: the test would time out."""
    for end in ("", "!", "1", "@", "://"):
        assert mask_token(piece * 1_000 + end)

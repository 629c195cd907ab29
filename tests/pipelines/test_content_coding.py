from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.content_coding import TooLargeError, decode


@settings(max_examples=100)
@given(st.binary(max_size=3000), st.sampled_from(["gzip", "deflate", "bare", "identity"]))
def test_what_was_coded_is_decoded(data, coding):
    sent = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "bare": lambda d: zlib.compress(d, wbits=-15),
        "identity": bytes,
    }[coding](data)
    assert decode(sent, "deflate" if coding == "bare" else coding.upper(), len(data)) == data
    if data and coding != "identity":
        with pytest.raises(TooLargeError):
            decode(sent, "deflate" if coding == "bare" else coding, len(data) - 1)


@pytest.mark.parametrize(
    ("sent", "coding"),
    [
        (b"", "gzip"),
        (b"x", "gzip"),
        (b"", "deflate"),
        (gzip.compress(b"x" * 99, mtime=0)[:-1], "gzip"),
        (gzip.compress(b"x" * 99, mtime=0)[:12], "gzip"),
        (gzip.compress(b"x" * 99, mtime=0)[:-8] + b"\x00" * 8, "gzip"),
        (gzip.compress(b"x", mtime=0), "gzip, gzip"),
        (gzip.compress(b"x", mtime=0), "br"),
        (b"x", "utf-8"),
        (b"x", "identity, gzip"),
    ],
)
def test_what_is_not_what_it_says_is_invalid(sent, coding):
    with pytest.raises(ValueError, match=r"coding"):
        decode(sent, coding, 10_000)

import contextlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import cbor
from tests.content_credentials import cbor as encoded

# RFC 8949, appendix A.
EXAMPLES = [
    ("00", 0),
    ("17", 23),
    ("1818", 24),
    ("1903e8", 1000),
    ("1a000f4240", 1000000),
    ("1bffffffffffffffff", 18446744073709551615),
    ("20", -1),
    ("3863", -100),
    ("f90000", 0.0),
    ("f93c00", 1.0),
    ("fa47c35000", 100000.0),
    ("fb3ff199999999999a", 1.1),
    ("f97c00", math.inf),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("f7", None),
    ("f8ff", 255),
    ("c074323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z"),
    ("40", b""),
    ("4401020304", b"\x01\x02\x03\x04"),
    ("60", ""),
    ("6449455446", "IETF"),
    ("62c3bc", "ü"),
    ("80", []),
    ("8301820203820405", [1, [2, 3], [4, 5]]),
    ("a0", {}),
    ("a201020304", {1: 2, 3: 4}),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}),
    ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
    ("7f657374726561646d696e67ff", "streaming"),
    ("9fff", []),
    ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
    ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
]


@pytest.mark.parametrize(("data", "value"), EXAMPLES)
def test_the_standard_s_examples(data, value):
    assert cbor.loads(bytes.fromhex(data)) == value


@pytest.mark.parametrize(
    "data",
    [
        "",
        "18",
        "5a00000010",
        "62c3",
        "62ffff",
        "1c",
        "1f",
        "3f",
        "df00",
        "ff",
        "82",
        "8201ff",
        "bf01ff",
        "a1ff",
        "a18000",
        "a14001",
        "5f6161ff",
        "5f5f4101ffff",
        "fc",
        "9b7fffffffffffffff",
        "bbffffffffffffffff",
        "5bffffffffffffffff",
        "81" * (cbor.MAX_DEPTH + 1) + "00",
        "c1" * (cbor.MAX_DEPTH + 1) + "00",
        "9f" + "00" * cbor.MAX_ITEMS + "ff",
    ],
)
def test_what_is_not_cbor_is_refused(data):
    with pytest.raises(ValueError):
        cbor.loads(bytes.fromhex(data))


def test_the_limits_themselves_are_read():
    assert cbor.loads(bytes.fromhex("81" * cbor.MAX_DEPTH + "00"))
    assert len(cbor.loads(b"\x9f" + b"\0" * (cbor.MAX_ITEMS - 2) + b"\xff")) == cbor.MAX_ITEMS - 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100)
@given(VALUES)
def test_what_was_written_is_read(value):
    assert cbor.loads(encoded(value)) == value


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(data):
    with contextlib.suppress(ValueError):
        cbor.loads(data)

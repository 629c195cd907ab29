from __future__ import annotations

import pytest

from filters.tdmrep import Reservation, consent, file_reservation, parse
from schemas.records import Consent

YES, NO = Reservation("/", reserved=True), Reservation("/", reserved=False)


def test_the_first_entry_that_matches_and_states_something_decides():
    entries = parse(
        b'[{"location": "/a", "tdm-reservation": 2}, {"location": "/a", "tdm-reservation": "0"},'
        b' {"location": "/a", "tdm-reservation": 1}, {"location": "*.jpg$", "tdm-reservation": 1}]'
    )
    assert [entry.reserved for entry in entries] == [None, False, True, True]
    assert file_reservation(entries, "/a/x.jpg") == entries[1]
    assert file_reservation(entries, "/b/x.jpg") == entries[3]
    assert file_reservation(entries, "/b/x.png") is None
    assert file_reservation((), "/") is None


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"<html>", b"1", b'"x"', b"null", b"[1]", b"[null]", b'[{"tdm-reservation": 1}]', b'[{"location": 1}]',
     b"\xff\xfe", b"[" * 100_000, b"1" * 5_000],
)  # fmt: skip
def test_files_that_cannot_be_read_raise(body):
    with pytest.raises(ValueError, match=r"."):
        parse(body)


@pytest.mark.parametrize("value", ["true", "null", "2", "-1", "1.0", '"yes"', '""', "[1]", "{}"])
def test_other_values_state_nothing(value):
    body = f'[{{"location": "/", "tdm-reservation": {value}}}]'.encode()
    assert [entry.reserved for entry in parse(body)] == [None]


@pytest.mark.parametrize(
    ("entry", "headers", "metas", "expected"),
    [
        (None, [], [], None),
        (YES, [], [], Consent("tdmrep-file", "/ tdm-reservation=1", allowed=False)),
        (NO, [], [], Consent("tdmrep-file", "/ tdm-reservation=0", allowed=True)),
        (YES, ["0"], [], Consent("tdmrep-header", "0", allowed=True)),
        (NO, ["1"], [], Consent("tdmrep-header", "1", allowed=False)),
        (YES, ["2"], [], Consent("tdmrep-file", "/ tdm-reservation=1", allowed=False)),
        (YES, ["0"], [("tdm-reservation", "1")], Consent("tdmrep-meta", "1", allowed=False)),
        (YES, ["1"], [("TDM-Reservation", " 0 ")], Consent("tdmrep-meta", "0", allowed=True)),
        (None, ["1"], [("tdm-reservation", "x")], Consent("tdmrep-header", "1", allowed=False)),
        (None, ["0, 1"], [], Consent("tdmrep-header", "0, 1", allowed=False)),
        (None, [], [("tdm-policy", "https://a.kr/")], None),
        (None, ['"1"'], [], Consent("tdmrep-header", '"1"', allowed=False)),
        (None, ["1; policy=x"], [], Consent("tdmrep-header", "1; policy=x", allowed=False)),
        (None, ["10"], [], None),
        (None, ["?1"], [], None),
    ],
)
def test_precedence(entry, headers, metas, expected):
    assert consent(entry, headers, metas) == expected


@pytest.mark.parametrize(
    "location", ["img/", "http://a.kr/img/", "HTTPS://A.kr:8443/img", " /img", "*.jpg", "http://a.kr"]
)
def test_a_location_may_be_written_as_a_url_or_without_its_first_slash(location):
    entries = parse(f'[{{"location": "{location}", "tdm-reservation": 1}}]'.encode())
    assert file_reservation(entries, "/img/x.jpg") is not None
    assert location in ("http://a.kr", "*.jpg") or file_reservation(entries, "/other/img/x.jpg") is None

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.robots_txt import MAX_ROBOTS_BYTES, parse


def test_an_empty_file_allows_all():
    rules = parse(b"", "harubang")
    assert rules.allows("http://a.kr/x")
    assert rules.usage_refusal("/x") is None
    assert rules.crawl_delay is None
    assert rules.sha256 == hashlib.sha256(b"").hexdigest()


def test_korean_paths_match_their_escapes():
    rules = parse("User-agent: *\nDisallow: /그림/".encode(), "harubang")
    assert not rules.allows("http://a.kr/%EA%B7%B8%EB%A6%BC/x.jpg")
    assert rules.allows("http://a.kr/%EA%B7%B8/x.jpg")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("User-agent: *\nCrawl-delay: 2.5", 2.5),
        ("User-agent: *\nCrawl-delay: 2\n\nUser-agent: harubang\nCrawl-delay: 7", 7.0),
        ("User-agent: otherbot\nCrawl-delay: 2", None),
        ("User-agent: *\nCrawl-delay: soon", None),
        ("User-agent: *\nCrawl-delay: -1", None),
        ("User-agent: *\nCrawl-delay: inf", None),
    ],
)
def test_crawl_delay(text, expected):
    assert parse(text.encode(), "harubang").crawl_delay == expected


def test_what_is_longer_than_is_read_is_cut_at_a_line():
    line = b"# " + b"x" * 60 + b"\n"
    filler = line * (MAX_ROBOTS_BYTES // len(line) - 1)
    inside = b"User-agent: *\nDisallow: /in\n"
    body = inside + filler[: -2 * len(line)] + line + b"Disallow: /" + b"o" * 900 + b"\n"
    rules = parse(body, "harubang")
    assert not rules.allows("http://a.kr/in")
    assert rules.allows("http://a.kr/o")
    cut = inside + b"Allow: /in" + b"x" * MAX_ROBOTS_BYTES
    assert not parse(cut, "harubang").allows("http://a.kr/inx")


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("User-agent: *\nContent-Usage: train-ai=n", "/x", "train-ai=n"),
        ("User-agent: *\nContent-Usage: /img/ train-ai=n", "/img/x", "/img/ train-ai=n"),
        ("User-agent: *\nContent-Usage: /img/ train-ai=n", "/x", None),
        ("User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /x train-ai=y", "/x", None),
        ("User-agent: *\nContent-Usage: /x train-ai=y\nContent-Usage: /x train-ai=n", "/x", "/x train-ai=n"),
        ("User-agent: *\nDisallow: /q\nUser-agent: b\nContent-Usage: train-ai=n", "/x", None),
        ("User-agent: b\nUser-agent: harubang/1.0\nContent-Usage: train-ai=n", "/x", "train-ai=n"),
        ("User-agent: b\nSitemap: x\nUser-agent: *\nContent-Usage: train-ai=n", "/x", "train-ai=n"),
        ("User-agent: harubang\nAllow: /\n\nUser-agent: *\nContent-Usage: train-ai=n", "/x", None),
    ],
)
def test_usage_rules(text, target, expected):
    assert parse(text.encode(), "harubang").usage_refusal(target) == expected


PIECES = st.sampled_from(
    [b"User-agent: *\n", b"User-agent: harubang\n", b"Disallow: ", b"Allow: ", b"/", b"//[", b"]", b"*", b"$", b"%",
     b"%zz", b"\xff", b"\x00", b"\n", b"\r", b"#", b"Crawl-delay: ", b"1e309", b"http://a@b:c", b"?", b"\xe2\x80\xa8",
     b"Content-Usage: ", b"train-ai=n", b" ", b":"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(PIECES, max_size=14).map(b"".join))
def test_no_file_raises(body):
    rules = parse(body, "harubang")
    for target in ("/", "//[x", "/%zz?[]//[", "/%EA%B0%80*$"):
        rules.allows("http://a.kr" + target)
        rules.usage_refusal(target)

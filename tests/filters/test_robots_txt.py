from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.robots_txt import MAX_ROBOTS_BYTES, parse


def test_an_empty_file_allows_all():
    rules = parse(b"", "harubang")
    assert rules.allows("/x")
    assert rules.usage_refusal("/x") is None
    assert rules.crawl_delay is None
    assert rules.sha256 == hashlib.sha256(b"").hexdigest()


def test_korean_paths_match_their_escapes():
    rules = parse("User-agent: *\nDisallow: /그림/".encode(), "harubang")
    assert not rules.allows("/%EA%B7%B8%EB%A6%BC/x.jpg")
    assert rules.allows("/%EA%B7%B8/x.jpg")


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
    assert not rules.allows("/in")
    assert rules.allows("/o")
    cut = inside + b"Allow: /in" + b"x" * MAX_ROBOTS_BYTES
    assert not parse(cut, "harubang").allows("/inx")


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
        ("User-agent: *\nContent-Usage: /x\ttrain-ai=n", "/x", "/x\ttrain-ai=n"),
        ("User-agent: *\nContent-Usage: *.jpg train-ai=n", "/x.jpg", "*.jpg train-ai=n"),
        ("User-agent: *\nContent-Usage: *.jpg train-ai=n", "/x.png", None),
        ("User-agent: *\nContent-Usage: *=n", "/x", "*=n"),
        ("User-agent: *\nContent-Usage: /x", "/x", None),
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
        rules.allows(target)
        rules.usage_refusal(target)


# Where parsers differ. Each case is the standard's answer, with its section.

GROUPS = [
    ("2.2.1: a token that ours begins with", "User-agent: haru\nAllow: /\nUser-agent: *\nDisallow: /", False),
    ("2.2.1: a token that begins with ours is another's", "User-agent: harubang-news\nDisallow: /", True),
    ("2.2.1: a number makes another token", "User-agent: harubang2\nDisallow: /", True),
    ("2.2.1: case does not count", "USER-AGENT: HaruBang\nDisallow: /", False),
    ("2.2.1: a version is not part of the token", "User-agent: Harubang/0.1\nDisallow: /", False),
    ("2.2.1: nor is a remark", "User-agent: harubang (all versions)\nDisallow: /", False),
    ("2.2.1: nor a star", "User-agent: harubang*\nDisallow: /", False),
    ("2.2.1: groups of one token are one", "User-agent: harubang\nDisallow: /a\n\nUser-agent: *\nDisallow:\n\n"
     "User-agent: harubang\nDisallow: /", False),
    ("2.2.1: our own group stands alone", "User-agent: *\nDisallow: /\n\nUser-agent: harubang\nDisallow:", True),
    ("2.2.1: several tokens share a group", "User-agent: a\nUser-agent: harubang\nUser-agent: b\nDisallow: /", False),
    ("2.2.4: a sitemap ends no group", "User-agent: *\nSitemap: http://a.kr/s\nUser-agent: b\nDisallow: /", False),
    ("2.2.4: nor does a Crawl-delay", "User-agent: *\nCrawl-delay: 9\nUser-agent: b\nDisallow: /", False),
    ("2.2.4: nor an unknown record", "User-agent: *\nNoindex: /y\nUser-agent: b\nDisallow: /", False),
    ("2.2.1: a rule does", "User-agent: *\nAllow: /y\nUser-agent: b\nDisallow: /", True),
    ("2.2.1: blank lines and comments do not", "User-agent: *\n\n# all\n\nDisallow: /", False),
    ("2.2: rules before any group are nobody's", "Disallow: /\n\nUser-agent: *\nAllow: /y", True),
    ("2.2: only line ends end a line", "User-agent: *\n# a\u2028Allow: /\x0bAllow: /\x85Allow: /\nDisallow: /", False),
    ("leniency: a missing hyphen or colon", "user agent harubang\ndisallow /", False),
    ("leniency: misspellings", "Useragent: *\nDissallow: /", False),
    ("leniency: a sentence is no record", "User-agent: *\nDisallow: /\nUser-agent is: see\nAllow: /x", True),
]  # fmt: skip


@pytest.mark.parametrize(("case", "text", "allowed"), GROUPS)
def test_groups(case, text, allowed):
    assert parse(text.encode(), "harubang").allows("/x") is allowed, case


RULES = [
    ("2.2.2: the longest match", "Allow: /x/\nDisallow: /x/y", "/x/y", False),
    ("2.2.2: whatever the order", "Disallow: /x/y\nAllow: /x/", "/x/y", False),
    ("2.2.2: of equals Allow", "Disallow: /x\nAllow: /x", "/x", True),
    ("2.2.2: no match allows", "Disallow: /y", "/x", True),
    ("2.2.2: an empty rule says nothing", "Disallow:\nAllow:", "/x", True),
    ("2.2.2: robots.txt itself is allowed", "Disallow: /", "/robots.txt", True),
    ("2.2.2: paths have case", "Disallow: /X", "/x", True),
    ("2.2.2: a query is part of the path", "Disallow: /x?y", "/x?y=1", False),
    ("2.2.2: octets of UTF-8 are their escapes", "Disallow: /가", "/%EA%B0%80", False),
    ("2.2.2: escapes have no case", "Disallow: /%ea%b0%80", "/%EA%B0%80", False),
    ("2.2.2: unreserved escapes are their characters", "Disallow: /%62%61z", "/baz", False),
    ("2.2.2: reserved ones are not", "Disallow: /a%2Fb", "/a/b", True),
    ("2.2.2: octets that are no UTF-8 differ", "Allow: /%B0%A1\nDisallow: /", "/%C7%D1", False),
    ("2.2.2: and are equal to themselves", "Disallow: /%B0%A1", "/%b0%a1/x", False),
    ("2.2.3: a star is any text", "Disallow: /*.gif", "/a/b.gif?c", False),
    ("2.2.3: a dollar is the end", "Disallow: /*.gif$", "/a/b.gif?c", True),
    ("2.2.3: a dollar within is itself", "Disallow: /a$b", "/a$b", False),
    ("2.2.3: a star's escape is a star", "Disallow: /file-with-a-%2A.html", "/file-with-a-*.html", False),
    ("2.2.3: a dollar's escape is a dollar", "Disallow: /foo-%24", "/foo-$", False),
    ("2.2.2: a page says nothing of its folder", "Allow: /x/index.html\nDisallow: /", "/x/", False),
    ("2.2.2: a path begins with a slash", "Disallow: x", "/x", True),
]


@pytest.mark.parametrize(("case", "rules", "target", "allowed"), RULES)
def test_rules(case, rules, target, allowed):
    assert parse(f"User-agent: *\n{rules}\n".encode(), "harubang").allows(target) is allowed, case


def test_a_file_in_euc_kr_is_compared_octet_by_octet():
    rules = parse("User-agent: *\nDisallow: /그림".encode("euc-kr"), "harubang")
    assert not rules.allows("/%B1%D7%B8%B2/x.jpg")
    assert rules.allows("/%B1%D7/x.jpg")


def test_of_several_crawl_delays_the_longest_holds():
    assert parse(b"User-agent: *\nCrawl-delay: 10\nUser-agent: b\nCrawl-delay: 2", "harubang").crawl_delay == 10.0
    assert parse(b"User-agent: *\nCrawl-delay: 0", "harubang").crawl_delay == 0.0

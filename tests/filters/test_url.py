from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.url import MAX_URL_CHARACTERS, host_of, normalize, origin_of, why_refused

BASE = "http://a.kr/b/c/d.html?q=1"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.kr", "http://a.kr/"),
        ("HTTP://WWW.A.KR:80/X", "http://www.a.kr/X"),
        ("https://a.kr:443/", "https://a.kr/"),
        ("https://a.kr:80/", "https://a.kr:80/"),
        ("http://a.kr:/x", "http://a.kr/x"),
        ("http://a.kr./x", "http://a.kr/x"),
        ("http://my_host.kr/x", "http://my_host.kr/x"),
        ("  http://a.kr/x \n", "http://a.kr/x"),
        ("ht\ntp://a\t.kr/x\r\ny", "http://a.kr/xy"),
        ("http://a.kr/x#top", "http://a.kr/x"),
        ("http://a.kr/#가", "http://a.kr/"),
        ("http://a.kr/x?", "http://a.kr/x"),
        ("http://a.kr/돌하르방.jpg", "http://a.kr/%EB%8F%8C%ED%95%98%EB%A5%B4%EB%B0%A9.jpg"),
        ("http://a.kr/?q=한복 사진", "http://a.kr/?q=%ED%95%9C%EB%B3%B5%20%EC%82%AC%EC%A7%84"),
        ('http://a.kr/a b"<>`{}^', "http://a.kr/a%20b%22%3C%3E%60%7B%7D%5E"),
        ("http://a.kr/?a'b\"", "http://a.kr/?a%27b%22"),
        ("http://a.kr/%eb%8f%8c%zz%", "http://a.kr/%eb%8f%8c%zz%"),
        ("http://a.kr/\udcb5\udcb9.jpg", "http://a.kr/%B5%B9.jpg"),
        ("http://한글.한국/", "http://xn--bj0bj06e.xn--3e0b707e/"),
        ("http://ＡＢＣ.kr/", "http://abc.kr/"),
        ("http://a%2ekr/", "http://a.kr/"),
        ("http:\\\\a.kr\\b\\c", "http://a.kr/b/c"),
        ("http:///a.kr/x", "http://a.kr/x"),
        ("http://a.kr/a/../../b/./c/..", "http://a.kr/b/"),
        ("http://a.kr/a/%2e%2E/b/%2e", "http://a.kr/b/"),
        ("http://a.kr/x..jpg", "http://a.kr/x..jpg"),
        ("http://a.kr/..", "http://a.kr/"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
        ("http://１２７.０.０.１/", "http://127.0.0.1/"),
        ("http://[::FFFF:127.0.0.1]:8080/", "http://[::ffff:7f00:1]:8080/"),
        ("http://[0:0::1]/", "http://[::1]/"),
        ("http://1.2.3.4.example.kr/", "http://1.2.3.4.example.kr/"),
    ],
)
def test_absolute_urls(url, expected):
    assert normalize(url) == expected
    assert why_refused(url) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("x.png", "http://a.kr/b/c/x.png"),
        ("./x.png", "http://a.kr/b/c/x.png"),
        ("../x.png", "http://a.kr/b/x.png"),
        ("../../../x.png", "http://a.kr/x.png"),
        ("/x.png", "http://a.kr/x.png"),
        ("//cdn.kr/x.png", "http://cdn.kr/x.png"),
        ("\\\\cdn.kr\\x.png", "http://cdn.kr/x.png"),
        ("?p=2", "http://a.kr/b/c/d.html?p=2"),
        ("?", "http://a.kr/b/c/d.html"),
        ("", "http://a.kr/b/c/d.html?q=1"),
        ("#top", "http://a.kr/b/c/d.html?q=1"),
        ("http:x.png", "http://a.kr/b/c/x.png"),
        ("http:/x.png", "http://a.kr/x.png"),
        ("https:cdn.kr/x.png", "https://cdn.kr/x.png"),
        ("https://cdn.kr/x.png", "https://cdn.kr/x.png"),
        (" 사진.jpg ", "http://a.kr/b/c/%EC%82%AC%EC%A7%84.jpg"),
        ("a:b.png/../c", None),
    ],
)
def test_relative_urls(url, expected):
    assert normalize(url, BASE) == expected


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "relative"),
        ("x.png", "relative"),
        ("//a.kr/", "relative"),
        ("file:///etc/passwd", "scheme file"),
        ("data:image/png;base64,AA", "scheme data"),
        ("javascript:alert(1)", "scheme javascript"),
        ("ftp://a.kr/", "scheme ftp"),
        ("http://", "host is empty"),
        ("http://?x", "host is empty"),
        ("http://a b.kr/", "character that no host has"),
        ("http://a%2Fb.kr/", "character that no host has"),
        ("http://a／b.kr/", "not a valid internationalised name"),
        ('http://a"b.kr/', "character that no host has"),
        ("http://%ff.kr/", "escapes that are no UTF-8"),
        ("http://a..kr/", "empty or overlong label"),
        (f"http://{'a' * 64}.kr/", "empty or overlong label"),
        (f"http://{'a.' * 130}kr/", "empty or overlong label"),
        ("http://user@a.kr/", "user information"),
        ("http://user:pass@a.kr/", "user information"),
        ("http://a.kr\\@b.kr/", None),
        ("http://a.kr:0/", "port"),
        ("http://a.kr:65536/", "port"),
        ("http://a.kr:080/", "port"),
        ("http://a.kr:x/", "port"),
        ("http://a.kr:８０/", "port"),
        ("http://2130706433/", "odd spelling"),
        ("http://0177.1/", "odd spelling"),
        ("http://127.1/", "odd spelling"),
        ("http://0x7f.1/", "odd spelling"),
        ("http://0x7F000001/", "odd spelling"),
        ("http://127.0.0.1.5/", "odd spelling"),
        ("http://127.0.0.01/", "odd spelling"),
        ("http://256.1.1.1/", "odd spelling"),
        ("http://２１３０７０６４３３/", "odd spelling"),
        ("http://[::1/", "character that no host has"),
        ("http://[1:2]/", "not an IPv6 address"),
        ("http://[::1]x/", "text after an IPv6 address"),
        ("http://[fe80::1%25eth0]/", "character that no host has"),
        ("http://a.kr/\ud800", "lone surrogate"),
        ("http://a.kr/" + "x" * MAX_URL_CHARACTERS, "longer than"),
        ("http://a.kr/" + "가" * (MAX_URL_CHARACTERS // 9), "longer than"),
    ],
)
def test_refused_urls_say_why(url, why):
    if why is None:
        assert normalize(url) == "http://a.kr/@b.kr/"
        return
    assert normalize(url) is None
    assert why in why_refused(url)


def test_the_longest_url_is_taken():
    longest = "http://a.kr/" + "x" * (MAX_URL_CHARACTERS - len("http://a.kr/"))
    assert normalize(longest) == longest


def test_host_and_origin():
    assert host_of("http://a.kr:8080/x") == "a.kr"
    assert host_of("http://[::1]:8080/x") == "::1"
    assert host_of("http://127.0.0.1/") == "127.0.0.1"
    assert origin_of("https://a.kr:8443/x/y?z=/") == "https://a.kr:8443"


PIECES = st.sampled_from(
    ["http:", "https:", "HTTP:", "/", "//", "\\", "a.kr", "A.KR", "가.한국", "127.0.0.1", "[::1]", ":80", ":8080", "@",
     "?", "#", "..", ".", "%2e", "%", "%41", " ", "\t", "가", "é", "'", '"', "x.jpg", "=", "&", "\udcb0", "^", "|", "~"]
)  # fmt: skip


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=9).map("".join), st.none() | st.just(BASE))
@example("http://a.kr/..%2e/", None)
def test_the_normal_form_is_stable_and_plain(url, base):
    found = normalize(url, base)
    assert (found is None) == (why_refused(url, base) is not None)
    if found is None:
        return
    assert normalize(found) == found
    assert normalize(found, "http://other.kr/") == found
    assert found.isascii()
    parts = urlsplit(found)
    assert parts.scheme in ("http", "https")
    assert "@" not in parts.netloc
    assert parts.path.startswith("/")
    assert not {".", ".."} & set(parts.path.split("/"))
    assert host_of(found) == parts.hostname
    assert origin_of(found) == f"{parts.scheme}://{parts.netloc}"
    assert not set(found) & set(' \t\r\n#"<>')
    assert not set(parts.path) & set("\\`")  # a query keeps these, as in browsers

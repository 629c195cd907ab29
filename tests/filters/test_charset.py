from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.charset import MAX_BROKEN_SHARE, DecodedPage, decode_page, has_hangul

TEXT = "<p>제주도의 돌하르방은 현무암으로 만든 석상이다. 마을 어귀에 세워 나쁜 기운을 막았다고 한다.</p>"
CHINESE = "<p>中华人民共和国国务院办公厅关于加强城市建设工作的通知</p>" * 4
JAPANESE = "<p>日本国民は、正当に選挙された国会における代表者を通じて行動し</p>" * 4


def test_utf8_wins_over_any_declaration() -> None:
    body = ('<meta charset="euc-kr">' + TEXT).encode()
    page = decode_page(body, "text/html; charset=euc-kr")
    assert page == DecodedPage('<meta charset="euc-kr">' + TEXT, "utf-8", "utf-8", 0)


@pytest.mark.parametrize(
    "header", ["", "text/html", "text/html; charset=utf-8", "text/html; charset=ISO-8859-1", "x; charset=bogus"]
)
def test_cp949_by_its_bytes(header: str) -> None:
    assert decode_page(TEXT.encode("cp949"), header) == DecodedPage(TEXT, "cp949", "bytes", 0)


@pytest.mark.parametrize(
    "label",
    [
        "euc-kr",
        "EUC-KR",
        "ks_c_5601-1987",
        "KSC5601",
        "x-windows-949",
        "windows-949",
        "cp949",
        "ms949",
        "uhc",
        "euc_kr",
    ],
)
def test_cp949_by_header_label(label: str) -> None:
    page = decode_page("<p>똠방각하 펲시콜라</p>".encode("cp949"), f"text/html; charset={label}")
    assert page == DecodedPage("<p>똠방각하 펲시콜라</p>", "cp949", "header", 0)


@pytest.mark.parametrize(
    "meta",
    [
        '<meta charset="euc-kr">',
        "<META CHARSET=euc-kr>",
        '<meta http-equiv="Content-Type" content="text/html; charset=euc-kr">',
        '<?xml version="1.0" encoding="EUC-KR"?>',
    ],
)
def test_meta_wins_over_a_header_the_bytes_contradict(meta: str) -> None:
    page = decode_page((meta + "<p>펲</p>").encode("cp949"), "text/html; charset=utf-8")
    assert page == DecodedPage(meta + "<p>펲</p>", "cp949", "meta", 0)


def test_marks() -> None:
    assert decode_page(b"\xef\xbb\xbf" + TEXT.encode(), "") == DecodedPage(TEXT, "utf-8", "bom", 0)
    assert decode_page(b"\xff\xfe" + TEXT.encode("utf-16-le"), "") == DecodedPage(TEXT, "utf-16-le", "bom", 0)
    assert decode_page(b"\xfe\xff" + TEXT.encode("utf-16-be"), "") == DecodedPage(TEXT, "utf-16-be", "bom", 0)


def test_a_utf8_mark_before_cp949_is_a_leftover() -> None:
    page = decode_page(b"\xef\xbb\xbf" + TEXT.encode("cp949"), "")
    assert page is not None
    assert (page.charset, page.evidence) == ("cp949", "bytes")
    assert page.text.endswith(TEXT)


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
def test_utf16_without_mark(charset: str) -> None:
    markup = "<html><head><title>a</title></head><body>" + TEXT
    assert decode_page(markup.encode(charset), "") == DecodedPage(markup, charset, "bytes", 0)


def test_a_cut_end_costs_one_character() -> None:
    body = TEXT.encode()[:-5]  # inside "."
    cut = ("<p>돌하르방").encode()[:-1]
    assert decode_page(cut, "") == DecodedPage("<p>돌하르\ufffd", "utf-8", "utf-8", 1)
    assert decode_page(body, "") is not None
    page = decode_page(("<p>돌하르방은 제주의 석상이다").encode("cp949")[:-1], "text/html; charset=euc-kr")
    assert page == DecodedPage("<p>돌하르방은 제주의 석상이\ufffd", "cp949", "header", 1)


def test_a_few_broken_bytes_do_not_lose_the_page() -> None:
    body = bytearray((TEXT * 20).encode())
    body[100] = body[900] = 0xFF
    page = decode_page(bytes(body), "text/html; charset=euc-kr")
    assert page is not None
    assert (page.charset, page.evidence) == ("utf-8", "utf-8")
    assert 2 <= page.replaced <= 6


def test_replacement_characters_of_the_page_itself_are_not_counted() -> None:
    assert decode_page("<p>가\ufffd나</p>".encode(), "") == DecodedPage("<p>가\ufffd나</p>", "utf-8", "utf-8", 0)


def test_more_breakage_than_the_threshold_is_not_believed() -> None:
    kept = ("가" * 40).encode() + b"\xff" * int(40 * MAX_BROKEN_SHARE)
    lost = ("가" * 40).encode() + b"\xff" * (int(40 * MAX_BROKEN_SHARE) + 1)
    page = decode_page(kept, "")
    assert page is not None
    assert page.replaced == 10
    assert decode_page(lost, "") is None


def test_other_charsets_are_read_where_declared_and_never_taken_for_korean() -> None:
    assert decode_page(CHINESE.encode("gb2312"), "") is None
    assert decode_page(JAPANESE.encode("euc-jp"), "text/html; charset=utf-8") is None
    page = decode_page(CHINESE.encode("gb2312"), "text/html; charset=gb2312")
    assert page == DecodedPage(CHINESE, "gb2312", "header", 0)
    assert decode_page("<p>Größe</p>".encode("latin-1"), "text/html; charset=iso-8859-1") == DecodedPage(
        "<p>Größe</p>", "iso8859-1", "header", 0
    )
    assert decode_page(b"<p>caf\xe9</p>", "") is None


def test_cp949_that_passes_for_utf8_needs_its_label() -> None:
    body = b"<p>\xc2\xb1\xc2\xb2</p>"  # two rare syllables in CP949, two signs in UTF-8
    assert decode_page(body, "") == DecodedPage("<p>±²</p>", "utf-8", "utf-8", 0)
    page = decode_page(body, "text/html; charset=euc-kr")
    assert page is not None
    assert page[1:] == ("cp949", "header", 0)


def test_empty_and_ascii() -> None:
    assert decode_page(b"", "") == DecodedPage("", "utf-8", "utf-8", 0)
    assert decode_page(b"<p>&#xAC00;</p>", "") == DecodedPage("<p>&#xAC00;</p>", "utf-8", "utf-8", 0)


@pytest.mark.parametrize(
    "body",
    [
        "가".encode(),
        "힣".encode(),
        "\u1100\u1161\u11a8".encode(),  # 각, decomposed
        "가".encode("cp949"),
        "힣".encode("cp949"),
        "똠".encode("cp949"),
        "<p>가".encode("utf-16-le"),
        b"\xff\xfe" + "가".encode("utf-16-le"),
        b"&#xAC00;",
        b"&#XD7A3;",
        b"&#44032;",
        b"&#55203;",
        b"&#0044032;",
        b"&#x1100;",
        b"#" * 300 + b"&#44032;",
    ],
)
def test_has_hangul(body: bytes) -> None:
    assert has_hangul(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<p>statue &#39; &#8217; &#x2019; #fff</p>",
        "<p>石像 です</p>".encode(),
        "<p>Größe — naïve</p>".encode(),
        b"#",
        b"&#",
    ],
)
def test_has_no_hangul(body: bytes) -> None:
    assert not has_hangul(body)


SYLLABLES = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=20)
ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)


@settings(max_examples=200, deadline=None)
@given(ASCII, SYLLABLES, ASCII, st.sampled_from(["utf-8", "cp949", "entity", "hex"]))
def test_no_page_with_hangul_is_passed_over(before: str, korean: str, after: str, how: str) -> None:
    if how == "entity":
        body = "".join([before, *(f"&#{ord(c)};" for c in korean), after]).encode()
    elif how == "hex":
        body = "".join([before, *(f"&#x{ord(c):x};" for c in korean), after]).encode()
    else:
        body = ('<meta charset="euc-kr">' * (how == "cp949") + before + korean + after).encode(how)
    assert has_hangul(body)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.text(max_size=30))
def test_any_bytes_decode_or_are_refused(body: bytes, content_type: str) -> None:
    page = decode_page(body, content_type)
    assert page is None or page.replaced <= page.text.count("\ufffd")
    assert page == decode_page(body, content_type)
    has_hangul(body)

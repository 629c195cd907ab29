from __future__ import annotations

import pytest

from filters.ai_txt import parse


@pytest.mark.parametrize(
    ("text", "url", "is_image", "expected"),
    [
        ("", "http://a.kr/x.jpg", True, False),
        ("User-Agent: *\nDisallow: *.jpg", "http://a.kr/x.jpg", True, True),
        ("User-Agent: *\nDisallow: *.jpg", "http://a.kr/X.JPG?w=3", True, True),
        ("User-Agent: *\nDisallow: *.jpg", "http://a.kr/x.png", True, False),
        ("User-Agent: *\nDisallow: *.jpg", "http://a.kr/image?id=3", True, True),
        ("User-Agent: *\nDisallow: *.mp3", "http://a.kr/image?id=3", True, False),
        ("User-Agent: *\nDisallow: *.jpg", "http://a.kr/page", False, False),
        ("User-Agent: *\nDisallow: *.html", "http://a.kr/page.html", False, True),
        ("User-Agent: *\nDisallow: /", "http://a.kr/page", False, True),
        ("User-Agent: otherbot\nDisallow: /", "http://a.kr/x.jpg", True, False),
        ("User-Agent: *\nDisallow: /\nAllow: *.jpg", "http://a.kr/x.jpg", True, False),
    ],
)
def test_refusals(text, url, is_image, expected):
    assert parse(text.encode(), "harubang").refuses(url, is_image=is_image) is expected


def test_bytes_that_are_no_text_refuse_nothing():
    assert not parse(b"\xff\x00\xfe" * 50, "harubang").refuses("http://a.kr/x.jpg", is_image=True)

from __future__ import annotations

import pytest

from filters.ai_txt import parse


@pytest.mark.parametrize(
    ("text", "target", "is_image", "expected"),
    [
        ("", "/x.jpg", True, False),
        ("User-Agent: *\nDisallow: *.jpg", "/x.jpg", True, True),
        ("User-Agent: *\nDisallow: *.jpg", "/X.JPG?w=3", True, True),
        ("User-Agent: *\nDisallow: *.jpg", "/x.png", True, False),
        ("User-Agent: *\nDisallow: *.jpg", "/image?id=3", True, True),
        ("User-Agent: *\nDisallow: *.mp3", "/image?id=3", True, False),
        ("User-Agent: *\nDisallow: *.jpg", "/page", False, False),
        ("User-Agent: *\nDisallow: *.html", "/page.html", False, True),
        ("User-Agent: *\nDisallow: /", "/page", False, True),
        ("User-Agent: otherbot\nDisallow: /", "/x.jpg", True, False),
        ("User-Agent: *\nDisallow: /\nAllow: *.jpg", "/x.jpg", True, False),
        ("User-Agent: *\nDisallow: *.JPG", "/x.jpg", True, True),
        ("USER-AGENT: *\nDISALLOW: .jpg", "/x.jpg", True, True),
        ("Disallow: *.jpg", "/x.jpg", True, True),
        ("Disallow: *.jpg", "/x.png", True, False),
    ],
)
def test_refusals(text, target, is_image, expected):
    assert parse(text.encode(), "harubang").refuses(target, is_image=is_image) is expected


def test_bytes_that_are_no_text_refuse_nothing():
    assert not parse(b"\xff\x00\xfe" * 50, "harubang").refuses("/x.jpg", is_image=True)

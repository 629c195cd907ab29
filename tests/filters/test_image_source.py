from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.image_source import ImageSource, image_source, is_image_path, is_placeholder, largest, parse_srcset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" , ,", []),
        ("a.jpg", [("a.jpg", "")]),
        ("a.jpg 1x, b.jpg 2x", [("a.jpg", "1x"), ("b.jpg", "2x")]),
        ("a.jpg,b.jpg 2x", [("a.jpg,b.jpg", "2x")]),
        ("a.jpg, b.jpg 2x", [("a.jpg", ""), ("b.jpg", "2x")]),
        (
            "/c_fill,w_3/a.jpg 300w,/c_fill,w_9/a.jpg 900w",
            [("/c_fill,w_3/a.jpg", "300w"), ("/c_fill,w_9/a.jpg", "900w")],
        ),
        ("a.jpg (x, y) 2x, b.jpg", [("a.jpg", "(x, y) 2x"), ("b.jpg", "")]),
        ("\n a.jpg\t100w\n,\n b.jpg 200w", [("a.jpg", "100w"), ("b.jpg", "200w")]),
    ],
)
def test_parse_srcset(text: str, expected: list[tuple[str, str]]) -> None:
    assert parse_srcset(text) == expected


@pytest.mark.parametrize(
    ("srcsets", "expected"),
    [
        (["a 300w, b 900w, c 600w"], "b"),
        (["a 2x, b 3x, c"], "b"),
        (["a 1x"], ""),
        (["a"], ""),
        (["a 3x, b 300w"], "b"),
        (["a 300w", "b 300w"], "a"),
        (["spacer.gif 900w, b 300w"], "b"),
        (["a wide, b 100q, c -5w, d 0w"], ""),
        ([], ""),
    ],
)
def test_largest(srcsets: list[str], expected: str) -> None:
    assert largest(srcsets) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data:image/gif;base64,R0",
        "about:blank",
        "#",
        "/img/blank.gif",
        "loading.svg?v=2",
        "x/img_loading.gif",
        "1x1.png",
        "/assets/placeholder-300.png",
        "https://s.kr/transparent.png",
    ],
)
def test_placeholders(url: str) -> None:
    assert is_placeholder(url)


@pytest.mark.parametrize(
    "url", ["a.jpg", "/unloading-dock.jpg", "/blank.html", "/lazy/a.jpg", "/photo?src=blank.gif", "/graydon.jpg"]
)
def test_no_placeholders(url: str) -> None:
    assert not is_placeholder(url)


def test_image_paths() -> None:
    assert is_image_path("/a/B.JPG?x=1")
    assert not is_image_path("/view?f=a.jpg")
    assert not is_image_path(".jpg/")


def test_what_is_lazy() -> None:
    assert image_source({"src": "a.jpg"}) == ImageSource("a.jpg", False)
    assert image_source({"src": "a.jpg", "srcset": "b.jpg 2x"}) == ImageSource("b.jpg", False)
    assert image_source({"src": "a.jpg", "data-src": "b.jpg"}) == ImageSource("b.jpg", True)
    assert image_source({"src": "data:x", "srcset": "b.jpg 2x"}) == ImageSource("b.jpg", True)
    assert image_source({"src": "data:x"}) == ImageSource("data:x", True)
    assert image_source({}) == ImageSource("", True)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab,. \n()12wx", max_size=60))
def test_any_srcset_is_split_alike(text: str) -> None:
    for url, descriptors in parse_srcset(text):
        assert url == url.strip()
        assert descriptors == descriptors.strip()
    assert largest([text]) == largest([text])

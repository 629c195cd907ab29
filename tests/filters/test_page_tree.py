from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from filters.page_tree import PageTree

NONE = re.compile(r"(?!)")


def tree_of(html: str, *tags: str) -> PageTree:
    return PageTree(html, frozenset(tags), NONE)


def test_positions_count_siblings_of_a_tag() -> None:
    tree = tree_of("<div><p>1<b>x</b><p>2<img></div><div><img></div>", "p", "img", "b")
    assert [place.path() for place in tree.places] == [
        "/html/body/div[1]/p[1]",
        "/html/body/div[1]/p[1]/b",
        "/html/body/div[1]/p[2]",
        "/html/body/div[1]/p[2]/img",
        "/html/body/div[2]/img",
    ]


def test_places_by_attributes() -> None:
    tree = PageTree("<p class=x><b id=x>", frozenset(), re.compile(r'class="x"'))
    assert [(place.tag, place.get("class"), place.get("id")) for place in tree.places] == [("p", "x", "")]


def test_attributes_as_the_parser_reads_them() -> None:
    (place,) = tree_of(
        """<img alt="a &quot;b&quot; > c < d &amp;amp; e" SRC='x y' alt=second w"q=1 hidden>""", "img"
    ).places
    assert place.attributes() == {"alt": 'a "b" > c < d &amp; e', "src": "x y", 'w"q': "1", "hidden": ""}


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>가<br>나", "가 나"),
        ("<p>가<b>나</b>다", "가나다"),
        ("<p>가<script>x<b></script>나<style>y</style><!-- <i>z -->다", "가나다"),
        ("<p>&lt;b&gt; &amp;amp;", "<b> &amp;"),
        ("<p><span>가</span><span>나</span>", "가나"),
    ],
)
def test_text(html: str, text: str) -> None:
    tree = tree_of(html, "p")
    assert " ".join(tree.text_of(tree.places[0]).split()) == text


def test_end_is_past_nested_elements_of_the_tag() -> None:
    tree = tree_of("<div>1<div>2</div><script>'</div>'</script><!-- </div> -->3</div>4", "div")
    assert " ".join(tree.text_of(tree.places[0]).split()) == "1 2 3"


def test_what_surrounds_an_element() -> None:
    tree = tree_of("<section><div class='x wp-caption'><a href=q><table><tr><td><picture><noscript><img>", "img")
    (image,) = tree.places
    kinds = ("section", "figure", "link", "table", "picture", "noscript")
    assert [getattr(image, kind).tag for kind in kinds] == ["section", "div", "a", "table", "picture", "noscript"]


def test_a_page_the_parser_refuses() -> None:
    with pytest.raises(UnicodeEncodeError):
        tree_of("\ud800")


PIECES = st.lists(
    st.sampled_from(
        [
            "<p>",
            "</p>",
            "<div>",
            "</div>",
            "<b>",
            "<i>",
            "</b>",
            "<table>",
            "<td>",
            "<link>",
            "<source>",
            "<a b=c>",
            "<br>",
            "<script>",
            "</script>",
            "<!--",
            "-->",
            "<style>",
            "</style>",
            "x",
            "<select>",
            "<option>",
            "<title>",
            "<textarea>",
            "<form>",
            "<button>",
            "<?x",
            "<!d",
            ">",
            '"',
            "'",
            '<p a"b=1>',
            "<xmp>",
            "<iframe>",
            "<frameset>",
        ]
    ),
    max_size=25,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(PIECES)
def test_the_same_elements_as_the_parser_s_own_tree(html: str) -> None:
    tags = ("p", "div", "b", "i", "td", "br", "a")
    parsed = HTMLTree.parse(html).document
    expected = [node.tag for node in parsed.query_selector_all(",".join(tags)).values()]
    assert [place.tag for place in tree_of(html, *tags).places] == expected
    paths = [place.path() for place in tree_of(html, *tags).places]
    assert len(set(paths)) == len(paths)

import re
from html.parser import HTMLParser

import pytest

from pipelines.report_charts import Bar, Histogram, Series, linear
from pipelines.report_concepts import ConceptField
from pipelines.report_page import (
    DroppedSample,
    KeptSample,
    PageBooks,
    ReasonSheet,
    Report,
    StageBooks,
    Thumbnail,
    page,
    text,
)
from pipelines.report_style import STYLE
from schemas.records import ConceptCount

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x00\u202e돌하르방"
VOID = {"meta", "img", "br"}


class Elements(HTMLParser):
    """Gathers what a browser would see: elements with their attributes, and whether every one is closed."""

    def __init__(self, html):
        super().__init__()
        self.found, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def report():
    picture = Thumbnail(b"\xff\xd8jpeg", 160, 90)
    return Report(
        name="demo",
        root="a" * 64,
        samples=2,
        candidates=5,
        balanced=True,
        shards=1,
        release="0.1.0",
        stages=(
            StageBooks("screen", 5, 3, (("caption_spam", 2),)),
            StageBooks("dedupe", 3, 2, (("duplicate_near", 1),)),
        ),
        pages=(PageBooks("crawl", "archived", 10, 7, 2, (("http_status", 1),)),),
        histograms=(Histogram("Length", linear(1, 3, tick=1, unit="characters"), Series("kept", (1, 1, 0, 0))),),
        kinds=(Bar("alt", 2, 2),),
        licences=(Bar("kogl:1", 1, 1), Bar("none named", 1, 1)),
        hosts=(Bar("a.test", 2, 5),),
        hosts_note="1 of 1",
        clusters=(Bar("1", 2, 2),),
        concepts=(
            ConceptField("음식", (ConceptCount("음식", "김치", 2), ConceptCount("음식", "떡국", 0)), 2, ("떡국",)),
        ),
        kept=(KeptSample("0123456789abcdef", "공원에 선 돌하르방", "alt", "a.test", 512, 288, picture),),
        dropped=(
            ReasonSheet(
                "screen", "caption_spam", 2, (DroppedSample("b" * 32, "대출", "alt", "a.test/1", "spam 3", ()),)
            ),
            ReasonSheet(
                "dedupe",
                "duplicate_near",
                1,
                (DroppedSample("c" * 32, "한복", "alt", "a.test/2", "near", (picture, None)),),
            ),
        ),
    )


def hostile(value):
    """Return ``value`` with every text in it, however deep, replaced by a hostile one."""
    if isinstance(value, str):
        return HOSTILE
    if hasattr(value, "_fields"):
        kept_as_they_are = ("scale",)  # the project's own words and numbers
        return value._replace(
            **{name: hostile(getattr(value, name)) for name in value._fields if name not in kept_as_they_are}
        )
    return tuple(map(hostile, value)) if isinstance(value, tuple) else value


def test_no_text_of_a_stranger_becomes_markup(report):
    calm, attacked = Elements(page(report)).found, Elements(page(hostile(report))).found
    assert [tag for tag, _ in attacked] == [tag for tag, _ in calm]
    assert [sorted(attributes) for _, attributes in attacked] == [sorted(attributes) for _, attributes in calm]


def test_the_page_is_whole_well_formed_and_asks_the_network_for_nothing(report):
    html = page(report)
    elements = Elements(html)
    assert elements.open == []
    assert not {"script", "link", "iframe", "object", "form", "base", "video"} & {tag for tag, _ in elements.found}
    for tag, attributes in elements.found:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("src", "data:image/jpeg;base64,").startswith("data:image/jpeg;base64,")
        if tag == "a":
            assert attributes["href"].startswith(("#", "dataset/"))
    assert not re.search(r"https?:|url\(|@import", html)


def test_the_policy_forbids_everything_but_pictures_and_style_in_the_page(report):
    policies = [a["content"] for tag, a in Elements(page(report)).found if a.get("http-equiv")]
    assert policies == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ]


def test_every_link_within_the_page_leads_somewhere(report):
    elements = Elements(page(report)).found
    places = {attributes["id"] for _, attributes in elements if "id" in attributes}
    links = {attributes["href"][1:] for tag, attributes in elements if tag == "a" and attributes["href"][0] == "#"}
    assert links <= places
    assert {"screen-caption_spam", "dedupe-duplicate_near"} <= links


def test_the_head_says_what_was_made_and_how_to_trace_it(report):
    html = page(report)
    assert "<h1>demo</h1>" in html
    assert "a" * 64 in html
    assert "harubang trace DIR 0123456789abcdef" in html
    assert "<dd>40.0%</dd>" in html


def test_the_funnel_shows_the_books(report):
    html = page(report)
    assert "5 candidates = 2 kept + 3 dropped: balanced." in html
    assert "−2" in html
    assert "does not balance" in page(report._replace(balanced=False))


def test_captions_are_marked_as_korean_and_the_page_as_english(report):
    html = page(report)
    assert '<html lang="en">' in html
    assert '<p class="caption" lang="ko"><bdi>공원에 선 돌하르방</bdi></p>' in html


def test_each_reason_is_explained_with_its_number(report):
    html = page(report)
    assert "The text advertises" in html
    assert "screen · 2" in html


def test_a_picture_that_could_not_be_read_is_said_to_be_missing(report):
    assert page(report).count("the stored image could not be read") == 1


def test_an_empty_run_is_a_whole_page(report):
    empty = report._replace(
        samples=0, candidates=0, shards=0, pages=(), kinds=(), hosts=(), clusters=(), kept=(), dropped=(), stages=()
    )
    empty = empty._replace(licences=(), histograms=(report.histograms[0]._replace(kept=Series("kept", (0, 0, 0, 0))),))
    html = page(empty)
    assert Elements(html).open == []
    assert "harubang trace DIR KEY" in html
    assert "Nothing was dropped." in html
    assert "No pages in this run." in html


def test_texts_are_cut_and_unseen_characters_shown():
    assert text("a" * 301) == "a" * 300 + "…"
    assert text("a" * 300) == "a" * 300
    assert text("가\u202e나\x00다") == "가\ufffd나\ufffd다"
    assert text("가\n\t나\u3000다") == "가  나 다"
    assert text("<a b='c' d=\"e\">&") == "&lt;a b=&#x27;c&#x27; d=&quot;e&quot;&gt;&amp;"


def test_the_style_follows_the_readers_colours_and_has_korean_fonts():
    assert "prefers-color-scheme: dark" in STYLE
    assert all(font in STYLE for font in ("Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR"))
    assert STYLE.count("{") == STYLE.count("}")

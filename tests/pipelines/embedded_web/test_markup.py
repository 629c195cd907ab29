import pytest

from filters.charset import decode_page
from filters.harvest import harvest
from pipelines.embedded_web import markup
from pipelines.embedded_web.markup import FORMS, Shot

SHOT = Shot("/photo/a.jpg?x=1&y=2", "/photo/a-small.jpg", '마루에 앉은 "새색시" & 아이')
KINDS = {
    "alt": "alt",
    "title": "title",
    "figcaption": "figcaption",
    "news": "caption_paragraph",
    "data_src": "alt",
    "data_original": "figcaption",
    "data_lazy_src": "alt",
    "srcset": "alt",
    "picture": "alt",
    "table": "caption_paragraph",
    "aria": "aria_label",
    "json_ld": "json_ld",
    "og_image": "og_alt",
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_reader_finds_the_image_with_its_caption(form):
    html = FORMS[form](SHOT)
    inside = {"head": html} if form == "og_image" else {}
    page = markup.page("쪽", "" if inside else html, **inside).decode()
    (image,) = [mention for mention in harvest(page, "http://a.test/").images if "small" not in mention.url]
    assert image.url == "http://a.test/photo/a.jpg?x=1&y=2"
    texts = {caption.kind: caption.text.removeprefix("▲ ") for caption in image.captions}
    assert texts[KINDS[form]] == SHOT.caption


def test_every_form_is_tested():
    assert set(KINDS) == set(FORMS)


@pytest.mark.parametrize(("charset", "label"), [("utf-8", "utf-8"), ("euc-kr", "euc-kr"), ("cp949", "ks_c_5601-1987")])
def test_page_declares_its_charset(charset, label):
    body = markup.page("한옥", "<p>마루에 앉아 바라본 앞마당의 장독대</p>", charset=charset)
    assert f"charset={label}".encode() in body
    decoded = decode_page(body, "text/html")
    assert decoded is not None
    assert "마루에 앉아" in decoded.text


def test_a_page_that_declares_nothing():
    assert b"charset" not in markup.page("한옥", "<p>마루</p>", declare=False)


def test_a_page_that_its_charset_cannot_hold():
    with pytest.raises(UnicodeEncodeError):
        markup.page("😀", "", charset="euc-kr")

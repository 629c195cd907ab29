import time

import pytest

from filters.licence_marks import licence_marks


@pytest.mark.parametrize(
    ("html", "marks"),
    [
        ("<p>공공누리 제1유형</p>", ("kogl:1",)),
        ("<p>공공누리: 제 4 유형 (출처표시)</p>", ("kogl:4",)),
        ("<p>본 저작물은 공공누리 공공저작물 자유이용허락 제2유형</p>", ("kogl:2",)),
        ("<p>공공누리 0유형</p>", ("kogl:0",)),
        ("<p>공공누리 제1유형, 공공누리 AI 유형</p>", ("kogl:1", "kogl:ai")),
        ('<img src="/img_opentype03.jpg" alt="공공누리">', ("kogl:3",)),
        ('<img src="/images/opentype1.png">', ("kogl:1",)),
        ('{"license": "https://creativecommons.org/licenses/by/4.0/"}', ("https://creativecommons.org/licenses/by/4.0/",)),
        (r'{"license":{"@id":"https:\/\/a.kr\/l"}}', ("https://a.kr/l",)),
        ('{"license": "ask us"}', ()),
        ("<p>공공누리란 무엇인가</p>", ()),
        ("<p>공공누리 제5유형</p>", ()),
        ("<p>opentype fonts, opentype12</p>", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_marks(html, marks):
    assert licence_marks(html) == marks


def test_hostile_pages_take_no_time():
    start = time.process_time()
    for piece in ("공공누리", "공공누리 제", '"license":{', '"license"' + " " * 50, "opentype", " "):
        licence_marks('공공누리 "license"' + piece * 50_000)
    assert time.process_time() - start < 5

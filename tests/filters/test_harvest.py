from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.harvest import MAX_CAPTIONS, MAX_REPEATS, CaptionKind, ImageMention, PageHarvest, harvest
from filters.page_captions import MAX_CAPTION_CHARACTERS, MAX_GROUP

PAGE = "http://site.kr/news/view.html"


def read(html: str) -> PageHarvest:
    return harvest(html, PAGE)


def only(html: str) -> ImageMention:
    page = read(html)
    assert len(page.images) == 1, page
    return page.images[0]


def texts(mention: ImageMention, kind: CaptionKind) -> list[str]:
    return [caption.text for caption in mention.captions if caption.kind == kind]


def urls(html: str) -> list[str]:
    return [mention.url for mention in read(html).images]


# Which URL.


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('src="a.jpg"', "http://site.kr/news/a.jpg"),
        ('src=" /a.jpg\n"', "http://site.kr/a.jpg"),
        ('src="//cdn.kr/a.jpg"', "http://cdn.kr/a.jpg"),
        ('src="blank.gif" data-src="a.jpg"', "http://site.kr/news/a.jpg"),
        ('src="data:image/gif;base64,R0" data-original="a.jpg"', "http://site.kr/news/a.jpg"),
        ('data-lazy-src="a.jpg"', "http://site.kr/news/a.jpg"),
        ('src="blur.jpg?type=w80" data-lazy-src="a.jpg"', "http://site.kr/news/a.jpg"),
        ('data-echo="a.jpg"', "http://site.kr/news/a.jpg"),
        ('data-url="a.jpg"', "http://site.kr/news/a.jpg"),
        ('src="b.jpg" data-url="/share"', "http://site.kr/news/b.jpg"),
        ('src="b.jpg" data-url="a.jpg"', "http://site.kr/news/b.jpg"),
        ('src="/img/loading.gif" data-image="a.jpg"', "http://site.kr/news/a.jpg"),
        ('src="s.jpg" srcset="s.jpg 300w, l.jpg 1200w, m.jpg 600w"', "http://site.kr/news/l.jpg"),
        ('src="s.jpg" srcset="s.jpg, l.jpg 2x"', "http://site.kr/news/l.jpg"),
        ('src="s.jpg" srcset="s.jpg 1x"', "http://site.kr/news/s.jpg"),
        ('srcset="only.jpg"', "http://site.kr/news/only.jpg"),
        ('src="s.jpg" srcset="/w_300,h_200/a.jpg 300w, /w_900,h_600/a.jpg 900w"', "http://site.kr/w_900,h_600/a.jpg"),
        ('src="s.gif" data-srcset="a.jpg 100w,b.jpg 200w"', "http://site.kr/news/b.jpg"),
        ('src="한글.jpg"', "http://site.kr/news/%ED%95%9C%EA%B8%80.jpg"),
    ],
)
def test_image_url(attributes: str, expected: str) -> None:
    assert urls(f"<img {attributes}>") == [expected]


def test_picture_takes_the_largest_source() -> None:
    html = "<picture><source srcset='a.webp 400w, b.webp 1600w'><img src=c.jpg alt=x></picture>"
    assert urls(html) == ["http://site.kr/news/b.webp"]
    assert urls("<picture><source media='(min-width: 9px)' srcset=a.webp><img src=c.jpg></picture>") == [
        "http://site.kr/news/c.jpg"
    ]


def test_first_base_counts() -> None:
    html = '<base target=_top><base href="/files/"><base href="/other/"><img src=a.jpg><a href=p.html>p</a>'
    page = read(html)
    assert [m.url for m in page.images] == ["http://site.kr/files/a.jpg"]
    assert page.links == ("http://site.kr/files/p.html",)


@pytest.mark.parametrize(
    "html",
    [
        "<amp-img src=a.jpg alt=석상></amp-img>",
        "<input type=IMAGE src=a.jpg alt=석상>",
        "<object type=image/jpeg data=a.jpg>석상</object>",
        "<object data=a.jpg>석상</object>",
        "<image src=a.jpg alt=석상>",
    ],
)
def test_other_elements_that_show_an_image(html: str) -> None:
    mention = only(html)
    assert mention.url == "http://site.kr/news/a.jpg"
    assert texts(mention, CaptionKind.ALT) == ["석상"]


@pytest.mark.parametrize(
    "html",
    [
        "<input src=a.jpg>",
        "<object data=a.swf></object>",
        "<template><img src=a.jpg></template>",
        "<!-- <img src=a.jpg> -->",
        "<script>document.write('<img src=a.jpg>')</script>",
        "<svg><image href=a.jpg /></svg>",
        "<textarea><img src=a.jpg></textarea>",
        "<script><!--<script>a</script><img src=1>--></script>",
        "<xmp><img src=a.jpg></xmp>",
        "<div style='background:url(a.jpg)'>",
    ],
)
def test_what_is_no_image_of_the_page(html: str) -> None:
    page = read(html)
    assert page.images == ()
    assert page.refused == ()


def test_noscript_copy_is_the_lazy_image() -> None:
    lazy = '<img src="data:image/gif;base64,R0" data-src="a.jpg" alt="석상">'
    assert urls(f"<p>{lazy}<noscript><img src=a-1024.jpg></noscript></p>") == ["http://site.kr/news/a.jpg"]
    placeholder = only("<p><img src='data:image/gif;base64,R0' alt=석상><noscript><img src=a.jpg></noscript></p>")
    assert placeholder.url == "http://site.kr/news/a.jpg"
    assert texts(placeholder, CaptionKind.ALT) == ["석상"]
    assert urls("<img src=a.jpg><noscript><img src=/pixel.gif></noscript>") == [
        "http://site.kr/news/a.jpg",
        "http://site.kr/pixel.gif",
    ]


@pytest.mark.parametrize("raw", ["data:image/png;base64,AAAA", "javascript:void(0)", "file:///etc/passwd", ""])
def test_refused_urls_are_counted(raw: str) -> None:
    page = read(f'<p><img src="{raw}" alt="석상"></p>')
    assert page.images == ()
    assert [(r.raw_url, r.dom_path) for r in page.refused] == [(raw, "/html/body/p/img")]
    assert [(c.kind, c.text) for c in page.refused[0].captions] == [("alt", "석상")]


def test_a_long_refused_url_is_cut() -> None:
    assert len(read(f'<img src="data:{"x" * 5000}">').refused[0].raw_url) == 200


def test_one_mention_per_url_with_all_captions() -> None:
    page = read("<img src=a.jpg alt=하나><img src=b.jpg><img src=./a.jpg alt=둘><img src=a.jpg#x alt=하나>")
    assert [m.url for m in page.images] == ["http://site.kr/news/a.jpg", "http://site.kr/news/b.jpg"]
    assert texts(page.images[0], CaptionKind.ALT) == ["하나", "둘"]
    assert texts(page.images[0], CaptionKind.FILE_NAME) == ["a.jpg"]


def test_an_image_that_links_to_an_image_file_is_that_file_s_thumbnail() -> None:
    thumb = only('<a href="/big/a.JPG?x"><img src="/thumb/a.jpg" alt=석상></a>')
    assert (thumb.url, thumb.linked_page) == ("http://site.kr/big/a.JPG?x", "")
    assert texts(thumb, CaptionKind.ALT) == ["석상"]


def test_a_thumbnail_and_the_declared_full_size_are_one_image() -> None:
    declared = '<meta property="og:title" content=제목><meta property="og:image" content="/big/a.jpg">'
    image = only(declared + '<a href="/big/a.jpg"><img src="/thumb/a.jpg" alt=석상></a>')
    assert image.url == "http://site.kr/big/a.jpg"
    assert [c.kind for c in image.captions[:3]] == ["og_title", "file_name", "alt"]


@pytest.mark.parametrize(
    "body",
    [
        '<a href="/a.jpg"><img src=zoom.png></a> <a href="/b.jpg"><img src=zoom.png></a>',  # a sign
        '<img src="/news/a.jpg"><a href="/news/a.jpg"><img src=zoom.png></a>',  # the page shows the file itself
        '<a href="/wiki/파일:첨성대.jpg"><img src=zoom.png></a>',
        '<a href="/wiki/File%3AStatue.jpg"><img src=zoom.png></a>',
        '<a href="/_detail/wiki/statue.jpg?id=start"><img src=zoom.png></a>',
        '<a href="/scan.tif"><img src=zoom.png></a>',
        '<a href="view.php?file=/a.jpg"><img src=zoom.png></a>',
    ],
)
def test_other_links_make_no_thumbnail(body) -> None:
    assert "http://site.kr/news/zoom.png" in [image.url for image in read(body).images]


def test_the_page_that_an_image_links_to() -> None:
    listed = only('<a href="/news/1.html"><span><img src="/thumb/a.jpg"></span></a>')
    assert listed.linked_page == "http://site.kr/news/1.html"
    assert only('<a href="/wiki/파일:a.jpg"><img src=a.jpg></a>').linked_page == (
        "http://site.kr/wiki/%ED%8C%8C%EC%9D%BC:a.jpg"
    )
    for href in ("#top", "view.html#x", "javascript:open()", ""):
        assert only(f'<a href="{href}"><img src=a.jpg></a>').linked_page == ""


@pytest.mark.parametrize(
    ("head", "body", "linked"),
    [
        ("", "<img src=a.jpg>", ""),
        ('<meta property="og:image" content="/news/a.jpg">', "", ""),
        ('<script type="application/ld+json">{"@type":"ImageObject","url":"/news/a.jpg"}</script>', "", "1.html"),
    ],
)
def test_an_image_that_also_stands_outside_of_a_link_is_the_page_s_own(head, body, linked) -> None:
    image = only(f"{head}<a href=1.html><img src=a.jpg></a>{body}")
    assert image.linked_page == (f"http://site.kr/news/{linked}" if linked else "")


def test_the_site_s_name() -> None:
    assert read('<meta property="og:site_name" content=" 제주\n 문화원 ">').site_name == "제주 문화원"
    assert read("<title>제주</title>").site_name == ""


# Captions.


def test_attributes_with_their_paths() -> None:
    mention = only(
        "<div></div><div><figure>"
        "<img src=a.jpg alt='돌하르방 &amp;\n  석상' title=제목 aria-label=이름 data-caption=설명></figure></div>"
    )
    path = "/html/body/div[2]/figure/img"
    assert [tuple(c) for c in mention.captions] == [
        ("alt", "돌하르방 & 석상", path),
        ("title", "제목", path),
        ("aria_label", "이름", path),
        ("caption_paragraph", "설명", path),
        ("file_name", "a.jpg", path),
    ]


def test_referenced_labels() -> None:
    mention = only("<img src=a.jpg aria-labelledby='t u' aria-describedby=d><b id=t>제목</b><p id=d>설명 <i>글</i></p>")
    assert texts(mention, CaptionKind.ARIA_LABEL) == ["제목", "설명 글"]


def test_link_title() -> None:
    assert texts(only("<a href=/x title='돌하르방 이야기'><img src=a.jpg></a>"), CaptionKind.TITLE) == [
        "돌하르방 이야기"
    ]


def test_figcaption() -> None:
    mention = only(
        "<figure><a href=b><img src=a.jpg></a><figcaption>첫 줄<br>"
        "둘째 <b>줄</b><script>x()</script></figcaption></figure>"
    )
    assert texts(mention, CaptionKind.FIGCAPTION) == ["첫 줄 둘째 줄"]
    assert [c.dom_path for c in mention.captions if c.kind == "figcaption"] == ["/html/body/figure/figcaption"]


def test_figcaption_of_several_images_is_a_group_caption() -> None:
    page = read("<figure><img src=a.jpg><img src=b.jpg><figcaption>둘</figcaption></figure>")
    assert [texts(m, CaptionKind.GROUP_CAPTION) for m in page.images] == [["둘"], ["둘"]]
    same = only("<figure><img src=a.jpg class=pc><img src=a.jpg class=mobile><figcaption>하나</figcaption></figure>")
    assert texts(same, CaptionKind.FIGCAPTION) == ["하나"]
    gallery = read(
        "<figure><figure><img src=a.jpg><figcaption>가</figcaption>"
        "</figure><figure><img src=b.jpg><figcaption>나</figcaption>"
        "</figure><figcaption>모음</figcaption></figure>"
    )
    assert [texts(m, CaptionKind.FIGCAPTION) for m in gallery.images] == [["가"], ["나"]]
    assert [texts(m, CaptionKind.GROUP_CAPTION) for m in gallery.images] == [["모음"], ["모음"]]


def test_a_caption_of_too_many_images_is_none() -> None:
    for count, expected in ((MAX_GROUP, ["가"]), (MAX_GROUP + 1, [])):
        images = "".join(f"<img src={i}.jpg>" for i in range(count))
        page = read(f"<figure>{images}<figcaption>가</figcaption></figure>")
        assert texts(page.images[0], CaptionKind.GROUP_CAPTION) == expected


CAPTION_PARAGRAPHS = {
    "class caption": "<div><img src=a.jpg><div class=caption>석상</div></div>",
    "class cap": "<div><img src=a.jpg><p class='cap small'>석상</p></div>",
    "class desc beside": "<div><img src=a.jpg><p class=desc>석상</p></div>",
    "Naver news": "<span class=end_photo_org><img data-src=a.jpg><em class=img_desc>석상</em></span>",
    "Naver blog": "<div class='se-component se-image'><div><a><img src=a.jpg>"
    "</a></div><div class='se-module se-caption'>석상</div></div>",
    "Daum news": "<figure><p class=link_figure><img data-org-src=a.jpg>"
    "</p><p class='txt_caption default_figure'>석상</p></figure>",
    "WordPress": "<div class=wp-caption><a href=/x><img src=a.jpg></a><p class=wp-caption-text>석상</p></div>",
    "MediaWiki": "<div class=thumb><div class=thumbinner><a>"
    "<img src=a.jpg></a><div class=thumbcaption>석상</div></div></div>",
    "MediaWiki gallery": "<ul><li class=gallerybox><div class=thumb>"
    "<img src=a.jpg></div><div class=gallerytext>석상</div></li></ul>",
    "DocBook figure": "<div class=figure><p class=title><b>석상</b></p>"
    "<div class=figure-contents><div class=mediaobject><img src=a.jpg></div></div></div>",
    "DocBook mediaobject": "<div class=mediaobject><img src=a.jpg><div class=caption><p>석상</p></div></div>",
    "past other text": "<div><img src=a.jpg><p>홍길동 기자</p><p class=photo_caption>석상</p></div>",
    "before the image": "<div><p class=photo_caption>석상</p><img src=a.jpg></div>",
    "orphan figcaption": "<div><img src=a.jpg><figcaption>석상</figcaption></div>",
    "em after": "<p><img src=a.jpg><em>석상</em></p>",
    "em paragraph after": "<p><img src=a.jpg></p>\n<p><em>석상</em></p>",
    "small after a break": "<p><a href=x><img src=a.jpg></a><br><small>석상</small></p>",
    "cell below": "<table><tr><td><img src=a.jpg></td></tr><tr><td>석상</td></tr></table>",
    "past a script and an anchor": "<p><img src=a.jpg></p><script>ad('<p>')</script><a name=q></a><p><em>석상</em></p>",
}


@pytest.mark.parametrize("html", CAPTION_PARAGRAPHS.values(), ids=CAPTION_PARAGRAPHS.keys())
def test_caption_paragraph(html: str) -> None:
    assert texts(only(html), CaptionKind.CAPTION_PARAGRAPH) == ["석상"] or texts(
        only(html), CaptionKind.FIGCAPTION
    ) == ["석상"]


@pytest.mark.parametrize(
    "text",
    [
        "▲ 돌하르방 앞에 선 아이들",
        "▲돌하르방/사진=제주도",
        "△ 석상",
        "[그림 3] 석상",
        "&lt;그림 1&gt; 석상",
        "그림 8.6. 석상",
        "사진=제주도 제공",
        "[사진] 석상",
        "Figure 2: 석상",
        "Fig. 2 석상",
        "사진 1. 석상",
    ],
)
def test_marked_text_after_the_image(text: str) -> None:
    for html in (f"<p><img src=a.jpg></p><p>{text}</p>", f"<div><img src=a.jpg><br>{text}<br>본문</div>"):
        assert len(texts(only(html), CaptionKind.CAPTION_PARAGRAPH)) == 1, html


def test_marked_text_ends_with_its_line() -> None:
    mention = only("<div><img src=a.jpg><br>▲ 돌하르방 <b>앞</b>에서<br>본문이 이어진다</div>")
    (caption,) = [c for c in mention.captions if c.kind == CaptionKind.CAPTION_PARAGRAPH]
    assert (caption.text, caption.dom_path) == ("▲ 돌하르방 앞에서", "/html/body/div/text()")


def test_numbered_text_before_the_image() -> None:
    mention = only("<div><p>본문</p><p><b>그림 3. 돌하르방</b></p><p><img src=a.jpg></p><p>본문이 이어진다</p></div>")
    assert texts(mention, CaptionKind.CAPTION_PARAGRAPH) == ["그림 3. 돌하르방"]
    page = read("<div><p><img src=a.jpg></p><p>그림 1. 가</p><p><img src=b.jpg></p><p>본문</p></div>")
    assert [texts(m, CaptionKind.CAPTION_PARAGRAPH) for m in page.images] == [["그림 1. 가"], []]


@pytest.mark.parametrize(
    "html",
    [
        "<p><img src=a.jpg></p><p>돌하르방은 제주의 석상이다.</p>",
        "<p><img src=a.jpg> <em>강조</em>로 시작하는 글</p>",
        f"<p><img src=a.jpg></p><p>▲ {'긴 글 ' * 100}</p>",
        "<div><img src=a.jpg></div><p>본문</p><p class=desc>상품 설명</p>",
        "<p><img src=a.jpg></p><p class=keycap>Enter</p>",
        "<ul><li><img src=a.jpg></li></ul><p>▲ 목록 밖</p>",
    ],
)
def test_what_is_no_caption(html: str) -> None:
    assert texts(only(html), CaptionKind.CAPTION_PARAGRAPH) == []


def test_grid_of_captions() -> None:
    cells = "".join(f"<td><img src={i}.jpg></td>" for i in range(3))
    page = read(f"<table><caption>표</caption><tr>{cells}</tr><tr><td>가</td><td>나</td><td>다</td></tr></table>")
    assert [texts(m, CaptionKind.CAPTION_PARAGRAPH) for m in page.images] == [["가"], ["나"], ["다"]]
    assert [texts(m, CaptionKind.TABLE_CAPTION) for m in page.images] == [["표"]] * 3
    flat = read("<div><img src=a.jpg><p class=caption>가</p><img src=b.jpg><p class=caption>나</p></div>")
    assert [texts(m, CaptionKind.CAPTION_PARAGRAPH) for m in flat.images] == [["가"], ["나"]]


def test_og_image() -> None:
    page = read(
        "<title>제목 - 신문</title><meta property=og:image content=/a.jpg>"
        "<meta property=og:image:secure_url content=https://site.kr/a.jpg>"
        "<meta property=og:image:alt content=대체글><meta property=og:title content=기사제목>"
        "<meta name=twitter:image content=/b.jpg><link rel=image_src href=/c.jpg>"
    )
    assert [m.url for m in page.images] == ["http://site.kr/a.jpg", "http://site.kr/b.jpg", "http://site.kr/c.jpg"]
    assert [texts(m, CaptionKind.OG_TITLE) for m in page.images] == [["기사제목"]] * 3
    assert texts(page.images[0], CaptionKind.OG_ALT) == ["대체글"]
    assert texts(only("<title>제목</title><meta property=og:image content=/a.jpg>"), CaptionKind.OG_TITLE) == ["제목"]
    assert page.title == "제목 - 신문"


def test_json_ld() -> None:
    page = read(
        '<script type="application/ld+json">{"@graph":[{"@type":"NewsArticle","image":{"@type":"ImageObject",'
        '"url":"/a.jpg","caption":"돌하르방 앞의 아이들"}}]}</script><img src=/a.jpg alt=대체글>'
    )
    (mention,) = page.images
    assert [(c.kind, c.text, c.dom_path) for c in mention.captions[:2]] == [
        ("json_ld", "돌하르방 앞의 아이들", "/html/head/script#/@graph/0/image/caption"),
        ("file_name", "a.jpg", "/html/head/script"),
    ]
    assert texts(mention, CaptionKind.ALT) == ["대체글"]


def test_heading() -> None:
    page = read("<h1>첫째</h1><p><img src=a.jpg></p><h2>둘째 <i>제목</i></h2><img src=b.jpg>")
    assert [texts(m, CaptionKind.HEADING) for m in page.images] == [["첫째"], ["둘째 제목"]]
    cards = read("<h1>목록</h1><ul><li><img src=a.jpg><h3>가</h3></li><li><img src=b.jpg><h3>나</h3></li></ul>")
    assert [texts(m, CaptionKind.HEADING) for m in cards.images] == [["목록"], ["목록"]]


@pytest.mark.parametrize(
    ("url", "name"),
    [("/%EB%8F%8C.jpg?x=1", "돌.jpg"), ("/%B5%B9.jpg", "돌.jpg"), ("/%FF.jpg", ""), ("/a/", "")],
)
def test_file_name(url: str, name: str) -> None:
    assert texts(only(f"<img src='{url}'>"), CaptionKind.FILE_NAME) == ([name] if name else [])


def test_long_texts_are_cut_and_many_are_capped() -> None:
    assert len(texts(only(f"<img src=a.jpg alt='{'가' * 9000}'>"), CaptionKind.ALT)[0]) == MAX_CAPTION_CHARACTERS
    assert len(only("".join(f"<img src=a.jpg alt={i}>" for i in range(50))).captions) == MAX_CAPTIONS
    repeated = only("".join(f"<p><img src=a.jpg></p><p><em>{i}</em></p>" for i in range(MAX_REPEATS + 5)))
    assert len(texts(repeated, CaptionKind.CAPTION_PARAGRAPH)) == MAX_REPEATS


# The rest of the page.


def test_links() -> None:
    page = read(
        "<a href=a.html>1</a><a href=a.html#x>2</a><a href='#y'>3</a>"
        "<a href=mailto:x@y.kr>4</a><a href=/b?x=1&amp;y=2>5</a>"
        "<map><area href=c.html></map><iframe src=d.html></iframe>"
        "<link rel=next href=e.html><link rel=stylesheet href=f.css>"
        "<a href=g.html rel='nofollow noopener'>6</a><a href=h.html rel=nofollow>7</a><a href=h.html>8</a>"
    )
    assert sorted(page.links) == [f"http://site.kr/{x}" for x in ("b?x=1&y=2", *(f"news/{c}.html" for c in "acdeh"))]
    assert page.nofollow == ("http://site.kr/news/g.html",)
    without = harvest("<a href=a.html>1</a><img src=a.jpg>", PAGE, with_links=False)
    assert without.links == ()
    assert len(without.images) == 1


def test_robots_meta() -> None:
    page = read(
        "<meta name=ROBOTS content='noindex, nofollow'>"
        "<meta name=googlebot content=none><meta name=tdm-reservation content=1>"
        "<meta name=tdm-policy content=/p.json><meta name=harubang content=noai>"
        "<meta name=anything content='index, noimageai'><meta name='googlebot, robots' content=noindex>"
        "<meta property=og:type name=robots content=all><meta http-equiv=Content-Usage content='train-ai=n'>"
        "<meta name=description content='nothing here'><meta name=viewport content=width=1>"
    )
    assert page.robots_meta == (
        ("robots", "noindex, nofollow"),
        ("googlebot", "none"),
        ("tdm-reservation", "1"),
        ("tdm-policy", "/p.json"),
        ("harubang", "noai"),
        ("anything", "index, noimageai"),
        ("googlebot, robots", "noindex"),
        ("robots", "all"),
        ("content-usage", "train-ai=n"),
    )


def test_licences() -> None:
    page = read(
        "<a rel=license href=/licence>x</a><a href='https://www.kogl.or.kr/info/license.do'>공공누리</a>"
        "<a href=https://creativecommons.org/licenses/by/4.0/>CC</a>"
        "<link rel=license href=/l><a href=https://creativecommons.org/about>y</a>"
    )
    assert sorted(page.licences) == [
        "http://site.kr/l",
        "http://site.kr/licence",
        "https://creativecommons.org/licenses/by/4.0/",
        "https://www.kogl.or.kr/info/license.do",
    ]
    assert read("<a rel=license href=/licence>x</a>").licences == ("http://site.kr/licence",)
    assert read("<p>공공누리 제1유형</p>").licences == ("kogl:1",)
    without = harvest("<a rel=license href=/licence>x</a>", PAGE, with_links=False)
    assert (without.licences, without.links) == (("http://site.kr/licence",), ())


def test_empty_page() -> None:
    assert read("") == PageHarvest("", (), (), (), (), (), ())


def test_paths_of_deep_nodes_keep_their_last_steps() -> None:
    (mention,) = read("<div>" * 500 + "<img src=a.jpg alt=x>").images
    path = mention.captions[0].dom_path
    assert path.startswith("//div/")
    assert path.endswith("/div/img")
    assert path.count("/") == 101


# Laws.

MARKUP = st.lists(
    st.sampled_from(
        [
            "<p>",
            "</p>",
            "<div class=caption>",
            "<figure>",
            "</figure>",
            "<figcaption>",
            "<img src=a.jpg alt=가>",
            "<img>",
            "<a href=x>",
            "</a>",
            "<table><tr><td>",
            "</td>",
            "<noscript>",
            "</noscript>",
            "<script>",
            "</script>",
            "<!--",
            "-->",
            "<svg>",
            "<link>",
            "<picture><source srcset='a 2x'>",
            "<template>",
            "</template>",
            "<h1>",
            "그림 3.",
            "▲ 가",
            "\0",
            "\ud800",
            "&#xAC00;",
            '"',
            "<br>",
            "<em>",
            "</em>",
            "<base href=/b/>",
            "<meta property=og:image content=o.jpg>",
            "<select><option>",
            "<plaintext>",
            "<?php ?>",
        ]
    )
    | st.text(max_size=8),
    max_size=30,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(MARKUP)
def test_any_text_is_read_and_read_alike(html: str) -> None:
    page = read(html)
    assert page == read(html)
    assert page.problem == ""
    assert len({m.url for m in page.images}) == len(page.images)
    for mention in page.images:
        for caption in mention.captions:
            assert caption.text == " ".join(caption.text.split())
            assert caption.text
            assert caption.dom_path.startswith("/")


PATHOLOGICAL = {
    "images in a figure": lambda n: "<figure>" + "<img src=a.jpg alt=b>" * n + "<figcaption>가</figcaption>",
    "distinct images": lambda n: "".join(f"<p>x<img src={i}.jpg>" for i in range(n)),
    "siblings": lambda n: "<p>가</p>" * n + "<img src=a.jpg>",
    "nested": lambda n: "<div><img src=a.jpg>" * n,
    "nested figures": lambda n: "<figure><img src=a.jpg><figcaption>x" * n,
    "nested headings": lambda n: "<h2><div><img src=a.jpg>" * n,
    "tables": lambda n: "<table><tr><td><img src=a.jpg>" * n,
    "one row": lambda n: "<table><tr>" + "<td><img src=a.jpg>" * n + "<tr>" + "<td>x" * n,
    "one picture": lambda n: "<picture>" + "<source srcset='a 2x'><img src=a>" * n,
    "unclosed font": lambda n: "<p>" + "".join(f"<font color={i}>" for i in range(n)) + "<p>x" * n,
    "attributes": lambda n: "<p " + " ".join(f"a{i}=1" for i in range(10 * n)) + ">",
    "options": lambda n: "<select>" + "<option>x" * 10 * n,
    "bodies": lambda n: "".join(f"<body a{i}=1>" for i in range(5 * n)),
    "open tag": lambda n: "<b " * n,
    "labels": lambda n: "<p id=x>" + "가" * n + "</p>" + "<img src=a.jpg aria-labelledby=x>" * n,
}


@pytest.mark.parametrize("make", PATHOLOGICAL.values(), ids=PATHOLOGICAL.keys())
def test_time_grows_no_faster_than_the_page(make: object) -> None:
    def seconds(n: int) -> float:
        html = make(n)  # type: ignore[operator]
        start = time.process_time()
        read(html)
        return time.process_time() - start

    seconds(100)
    small, large = max(seconds(400), 0.01), seconds(3_200)
    assert large < 8 * small * 6, (small, large)  # a quadratic step would take 64 times as long

"""The sites of the embedded web: their hosts, subjects, manners of writing, and the prose around their pictures."""

from __future__ import annotations

from typing import NamedTuple

from pipelines.embedded_web.web import host, url

ARTICLES = 12
"""Articles of each site, beside its index."""
HIDDEN_ARTICLES = 2
"""The last articles of a site with a sitemap stand in no page's links."""


class Site(NamedTuple):
    """One host. ``forms`` are names in `pipelines.embedded_web.markup.FORMS` that its articles take in turn.

    ``charset`` is that of its pages, declared by the Content-Type header, by a ``<meta>`` or not at all; ``sitemap``
    is none, plain, gzip or index; ``base`` is the folder of a ``<base href>``, or empty.
    """

    name: str
    title: str
    kinds: tuple[str, ...]
    forms: tuple[str, ...]
    charset: str = "utf-8"
    declared_by: str = "meta"
    sitemap: str = "none"
    base: str = ""


SITES: tuple[Site, ...] = (
    Site(
        "jeju",
        "제주 바람길",
        ("dolhareubang", "haenyeo", "gamgyul", "hallasan", "seongsan", "yuchae"),
        ("alt", "figcaption"),
        sitemap="plain",
    ),
    Site(
        "hanbok",
        "우리옷 이야기",
        ("hanbok", "seonbi", "gomusin", "buchae", "taegeukseon"),
        ("figcaption", "title", "alt"),
    ),
    Site(
        "museum",
        "온누리 박물관",
        ("dalhangari", "cheongja", "hahoetal", "seokgatap", "tiger"),
        ("figcaption", "json_ld", "alt"),
        sitemap="index",
    ),
    Site(
        "market",
        "장날 지도",
        ("gamgyul", "gomusin", "songpyeon", "jangdokdae", "gimbap"),
        ("data_src", "data_original"),
        sitemap="gzip",
    ),
    Site("food", "손맛 부엌", ("kimchi", "bibimbap", "tteokguk", "songpyeon", "gimbap"), ("srcset", "alt", "picture")),
    Site(
        "news",
        "한빛일보",
        ("sungnyemun", "taegeukgi", "haenyeo", "hallasan", "lantern"),
        ("news", "og_image"),
        sitemap="plain",
    ),
    Site("blog", "느린 산책", ("pine", "magpie", "hanok", "lighthouse", "yuchae"), ("alt", "aria", "figcaption")),
    Site(
        "travel",
        "두 발로 걷는 여행",
        ("cheomseongdae", "seongsan", "lighthouse", "hanok", "sungnyemun"),
        ("data_lazy_src", "alt", "news"),
        base="/photo/",
    ),
    Site(
        "nature",
        "숲과 들",
        ("pine", "mugunghwa", "magpie", "tiger", "hallasan"),
        ("picture", "figcaption"),
        sitemap="plain",
    ),
    Site(
        "village",
        "옛 마을 지킴이",
        ("jangseung", "sotdae", "chogajip", "jangdokdae", "dolhareubang"),
        ("figcaption", "alt", "title"),
    ),
    Site("festival", "잔치 한마당", ("kite", "lantern", "hahoetal", "janggu", "paengi", "geobukseon"), ("news", "alt")),
    Site(
        "euckr",
        "향토 사랑방",
        ("jangseung", "kimchi", "cheomseongdae", "janggu", "seokgatap"),
        ("table", "alt"),
        "euc-kr",
        "header",
    ),
    Site(
        "cp949",
        "골목 커피숖 사진첩",
        ("buchae", "dalhangari", "bibimbap", "mugunghwa", "taegeukseon"),
        ("title", "alt", "figcaption"),
        "cp949",
        "meta",
    ),
)

OTHER_HOSTS = ("archive", "broken", "cases", "closed", "drip", "hangup", "portal", "reserved", "reset", "shut", "slow")
"""Names of the hosts beside the sites: the portal, and those that the cases need."""
SEEDS = (url("portal", "/"),)
"""Where a crawl starts."""
_SITEMAPS = {"plain": "/sitemap.xml", "index": "/sitemap_index.xml", "gzip": "/sitemap.xml.gz"}


def sitemap_urls() -> tuple[str, ...]:
    """Return the sitemaps that a crawl starts from, one of each site that has any."""
    return tuple(url(site.name, _SITEMAPS[site.sitemap]) for site in SITES if site.sitemap != "none")


def hosts() -> tuple[str, ...]:
    """Return the full names of all hosts, sorted."""
    return tuple(sorted(host(name) for name in (*OTHER_HOSTS, *(site.name for site in SITES))))


OPENINGS: tuple[str, ...] = (
    "이번 글에서는 {하나|과} {둘|을} 찾아 나선 이야기를 담았습니다.",
    "사진으로 먼저 만나는 {하나}, 그리고 {둘}에 얽힌 이야기입니다.",
    "{하나|을} 보러 간 길에 {둘}도 만났습니다.",
    "오래 미뤄 둔 {하나} 사진을 정리했습니다. {둘} 사진도 함께 올립니다.",
)
MIDDLES: tuple[str, ...] = (
    "가까이 다가가 보니 멀리서는 보이지 않던 결이 드러났습니다.",
    "안내하던 분은 이 자리를 삼십 년 동안 지켜보았다고 합니다.",
    "잠시 앉아 쉬는 동안 빛이 조금씩 자리를 옮겼습니다.",
    "철마다 모습이 달라 여러 번 찾게 되는 곳입니다.",
    "사진 한 장에 다 담지 못한 소리와 냄새가 남아 있습니다.",
)
CLOSINGS: tuple[str, ...] = (
    "다음 글에서 나머지 사진을 이어 올리겠습니다.",
    "찾아가는 길은 누리집 첫 화면의 지도를 보시면 됩니다.",
    "사진을 쓰실 때에는 출처를 밝혀 주십시오.",
)
TITLES: tuple[str, ...] = (
    "{하나|과} {둘} 사이에서",
    "{하나} 곁의 하루",
    "{둘|을} 만나러 간 길",
    "{하나} 사진 모음",
    "{하나}, 그리고 {둘}",
)

"""The hard cases of the embedded web, each with the outcome that a right pipeline gives it.

The tests of the whole pipeline compare its ledger with `CASES` and `CASE_GROUPS` by name. URLs and captions do not
depend on the seed, only the pictures do.
"""

from __future__ import annotations

from typing import NamedTuple

from pipelines.embedded_web import markup
from pipelines.embedded_web.canvas import generator
from pipelines.embedded_web.caption_words import WORDS
from pipelines.embedded_web.captions import compose
from pipelines.embedded_web.drawing import Look, random_look
from pipelines.embedded_web.kinds import KINDS
from pipelines.embedded_web.markup import Shot
from pipelines.embedded_web.web import url
from schemas.reasons import Outcome, Reason


class Case(NamedTuple):
    """One case. ``image_url`` is as the ledger names it: empty where the page, record, row or file itself falls.

    ``page_url`` is empty where the case is in a source file and not on a page. ``reason`` is empty for what is kept.
    """

    name: str
    page_url: str
    image_url: str
    outcome: str
    reason: str
    note: str


class CaseGroup(NamedTuple):
    """Images that fall together: each for one of ``reasons``, which one may depend on the order of requests.

    Every reason in ``certain`` must come about at least once.
    """

    name: str
    page_url: str
    image_urls: tuple[str, ...]
    reasons: tuple[str, ...]
    certain: tuple[str, ...]
    note: str


class Written(NamedTuple):
    """An image case on a page: what stands in the HTML, and which kind of thing is drawn where a picture is served."""

    name: str
    image_url: str
    html: str
    reason: str
    note: str
    kind: str = "hanok"


class CasePage(NamedTuple):
    """A page of image cases."""

    url: str
    title: str
    cases: tuple[Written, ...]
    charset: str = "utf-8"
    declared_by: str = "meta"
    head: str = ""


NOT_ON_THE_WEB: tuple[tuple[Reason, str], ...] = (
    (Reason.SOURCE_MISSING, "a file that vanishes while the pipeline runs is the test's own doing, not a web's"),
    (Reason.PAGE_UNPARSABLE, "no page is known that the HTML parser refuses"),
    (Reason.RECORD_RAISED, "would be a fault of this project's own code"),
    (Reason.UNKNOWN, "every stage has the evidence it needs in a whole run"),
    (Reason.CAPTION_IDENTIFIER, "identifiers are judged in `harubang caption`, and none may be written in this file"),
    (Reason.CAPTION_SPAM, "no filter of the default caption rules gives it"),
    (Reason.CAPTION_ABUSE, "no filter of the default caption rules gives it"),
)
"""Reasons without a case, and why."""

_CASES_HOST = "cases"


def _at(path: str) -> str:
    return url(_CASES_HOST, path)


def _kept(name: str, form: str, kind: str, caption: str, note: str, path: str = "") -> Written:
    src = path or f"/kept/{name}.jpg"
    small = src.replace(".", "-small.", 1)
    return Written(name, _at(src), markup.FORMS[form](Shot(src, small, caption)), "", note, kind)


def case_look(name: str, kind: str, seed: int = 0) -> Look:
    """Return the look of the picture called ``name``: all but its salt is the same for every seed."""
    return random_look(kind, generator("case", name), f"{seed}/case/{name}")


def _fails(name: str, image_url: str, reason: Reason, note: str, caption: str = "") -> Written:
    kinds = sorted(KINDS)
    kind = kinds[generator("kind of case", name).randrange(len(kinds))]
    said = caption or compose(case_look(name, kind), WORDS[kind], generator("caption of case", name))
    return Written(name, image_url, markup.alt(Shot(image_url, "", said)), reason, note, kind)


def _text(name: str, reason: Reason, caption: str, note: str) -> Written:
    return _fails(name, _at(f"/captions/{name}.jpg"), reason, note, caption)


_KEPT = CasePage(
    _at("/kept/"),
    "사진을 싣는 여러 가지 방법",
    (
        _kept("kept_alt", "alt", "dolhareubang", "제주 돌문화공원 들머리에 서 있는 돌하르방이 관람객을 맞이하고 있다.", "alt"),
        _kept("kept_title", "title", "hanbok", "설날 아침 색동 한복을 입고 세배를 준비하는 가족", "title, alt empty"),
        _kept("kept_figcaption", "figcaption", "seokgatap", "불국사 대웅전 앞뜰에 단정하게 서 있는 삼층석탑", "figcaption"),
        _kept("kept_caption_paragraph", "news", "sungnyemun", "복원 공사를 마친 숭례문 앞을 시민들이 지나고 있다.", "caption paragraph; the triangle is cleaned away"),
        _kept("kept_table_row", "table", "jangseung", "마을 어귀에 나란히 세운 나무 장승 한 쌍", "text in the table row below"),
        _kept("kept_aria", "aria", "magpie", "감나무 가지에 앉아 우는 까치 한 마리", "aria-label"),
        _kept("kept_json_ld", "json_ld", "cheongja", "구름과 학을 상감한 고려청자 매병의 앞모습", "JSON-LD ImageObject"),
        _kept("kept_data_src", "data_src", "kimchi", "젓갈과 고춧가루로 버무린 포기김치 한 접시", "lazy: data-src over a placeholder"),
        _kept("kept_data_original", "data_original", "geobukseon", "통영 강구안에 정박한 거북선의 용머리와 노", "lazy: data-original"),
        _kept("kept_data_lazy_src", "data_lazy_src", "haenyeo", "우도 앞바다에서 물질을 마치고 올라온 해녀", "lazy: data-lazy-src, with a noscript copy"),
        _kept("kept_srcset", "srcset", "gamgyul", "서귀포 과수원에서 갓 딴 노지 감귤 한 바구니", "the largest of a srcset"),
        _kept("kept_picture", "picture", "mugunghwa", "학교 울타리를 따라 피어난 분홍 무궁화", "a source of a picture element", "/kept/kept_picture.webp"),
        _kept("kept_query", "alt", "lantern", "광한루원 다리 위를 밝히는 청사초롱 불빛", "a query in the URL, & escaped in the page", "/kept/view?id=7&w=800"),
        _kept("kept_korean_path", "alt", "pine", "바위틈에 뿌리를 내린 늙은 소나무", "a Korean path, percent-encoded", "/kept/%EC%86%8C%EB%82%98%EB%AC%B4.jpg"),
        _kept("kept_orientation", "alt", "lighthouse", "방파제 끝에 홀로 서 있는 빨간 등대", "Exif orientation 6: stored upright"),
        _kept("kept_transparency", "figcaption", "hahoetal", "턱이 따로 움직이는 하회 양반탈", "PNG with transparency, laid on white", "/kept/kept_transparency.png"),
        _kept("kept_first_frame", "alt", "paengi", "얼음판 위에서 돌고 있는 나무 팽이", "animated GIF: its first frame", "/kept/kept_first_frame.gif"),
        _kept("kept_small_jpeg", "alt", "kite", "정월 대보름 들판에서 날리는 방패연", "JPEG within the stored size: kept without re-encoding"),
        _kept("kept_redirect", "alt", "hallasan", "어리목 탐방로에서 바라본 눈 덮인 한라산", "two redirects followed", "/moved/kept_redirect.jpg"),
        _kept("kept_robots_allowed", "alt", "sotdae", "강가 언덕에 높이 세운 솟대의 나무 오리", "Allow inside a disallowed folder", "/private/open/kept_robots_allowed.jpg"),
        _kept("kept_exact_winner", "alt", "tiger", "소나무 아래에 앉아 까치를 올려다보는 민화 속 호랑이와 둥근 달", "wins over its copy: the longer caption"),
        _kept("kept_near_winner", "alt", "seongsan", "광치기해변에서 바라본 성산일출봉의 분화구와 푸른 초지", "wins over its smaller copy: more pixels"),
    ),
)

_PAGES_KEPT = (
    _KEPT,
    CasePage(
        _at("/preview.html"),
        "안동 하회마을 나들이",
        (_kept("kept_og_image", "og_image", "chogajip", "하회마을 강가에 자리 잡은 초가집과 돌담", "og:image with og:image:alt, in the head"),),
        head='<meta property="og:title" content="안동 하회마을 나들이">',
    ),
    CasePage(
        _at("/base/page.html"),
        "바탕 주소가 따로 있는 쪽",
        (
            Written(
                "kept_base",
                _at("/base/files/2024/kept_base.jpg"),
                markup.alt(Shot("2024/kept_base.jpg", "", "툇마루에 앉아 바라본 한옥 앞마당과 장독대")),
                "",
                "relative to <base href>",
            ),
        ),
        head='<base href="/base/files/">',
    ),
    CasePage(
        url("euckr", "/case/"),
        "완성형으로 적은 쪽",
        (
            Written(
                "kept_euckr",
                url("euckr", "/case/kept_euckr.jpg"),
                markup.alt(Shot("kept_euckr.jpg", "", "반월성 터에서 올려다본 경주 첨성대의 둥근 몸체")),
                "",
                "EUC-KR by the Content-Type header",
                "cheomseongdae",
            ),
        ),
        "euc-kr",
        "header",
    ),
    CasePage(
        url("cp949", "/case/"),
        "확장 완성형으로 적은 쪽",
        (
            Written(
                "kept_cp949",
                url("cp949", "/case/kept_cp949.jpg"),
                markup.alt(Shot("kept_cp949.jpg", "", "커피숖 창가 선반에 올려 둔 백자 달항아리")),
                "",
                "CP949 by <meta>; 숖 is not in EUC-KR",
                "dalhangari",
            ),
        ),
        "cp949",
    ),
)

_LONG = "마을 사람들은 해마다 정월 대보름이면 이 돌탑 앞에 모여 풍년과 무사를 빌었고, " * 14 + "그 일을 사진에 담았다."
_TEXT_PAGES = (
    CasePage(
        _at("/captions/"),
        "설명이 모자란 사진들",
        (
            Written("caption_missing", _at("/captions/1/"), '<p><img src="/captions/1/"></p>', Reason.CAPTION_MISSING, "no text at all, and no file name"),
            Written("caption_only_a_file_name", _at("/captions/DSC_0012.jpg"), '<p><img src="/captions/DSC_0012.jpg"></p>', Reason.CAPTION_FILE_NAME, "nothing but the URL's file name"),
            _text("caption_too_short", Reason.CAPTION_TOO_SHORT, "탑", "one syllable"),
            _text("caption_too_long", Reason.CAPTION_TOO_LONG, _LONG, "an article, not a caption"),
            _text("caption_file_name", Reason.CAPTION_FILE_NAME, "IMG_2034.jpg", "a camera's file name as alt"),
            _text("caption_boilerplate", Reason.CAPTION_BOILERPLATE, "이미지", "a placeholder word"),
            _text("caption_thumbnail", Reason.CAPTION_BOILERPLATE, "썸네일", "a placeholder word"),
            _text("caption_logo", Reason.CAPTION_BOILERPLATE, "로고", "a placeholder word"),
            _text("caption_english", Reason.CAPTION_NOT_KOREAN, "A stone grandfather statue on Jeju island", "English"),
            _text("caption_japanese", Reason.CAPTION_NOT_KOREAN, "済州島の石像トルハルバン", "Japanese"),
            _text("caption_no_content_noun", Reason.CAPTION_NO_CONTENT_NOUN, "이렇게 저렇게 또 그렇게", "Korean, but it names nothing"),
            _text("caption_invalid_text", Reason.CAPTION_INVALID_TEXT, "한옥 처마\u202e gnp.exe", "a bidi override hides what stands there"),
            _text("caption_mojibake", Reason.CAPTION_MOJIBAKE, "\ufffd\ufffdȭ\ufffd\ufffd \ufffd\u04b4\ufffd \ufffd\ufffd\ufffd\ufffd", "EUC-KR once read as UTF-8: the bytes are lost"),
            _text("caption_url", Reason.CAPTION_URL, "http://cases.harubang.test/captions/", "an address"),
            _text("caption_numbers", Reason.CAPTION_NUMBERS, "2024년 5월 3일", "a date"),
            _text("caption_repetitive", Reason.CAPTION_REPETITIVE, "제주여행 제주맛집 제주숙소 제주카페 제주렌트카 제주항공", "search bait"),
            _text("caption_templated", Reason.CAPTION_TEMPLATED, "사용법 1", "a stem with a running number"),
            _text("caption_unknown_words", Reason.CAPTION_UNKNOWN_WORDS, "뷁쉛 궳뚫솱 쨻뵖 햅쀓 사진", "syllables that no word is made of"),
            _text("caption_remark", Reason.CAPTION_REMARK, "우와 한옥 마당이 정말 너무 예뻐서 나도 깜짝 놀랐어요!", "how someone felt, not what is seen"),
        ),
    ),
    CasePage(
        _at("/preview-title.html"),
        "봄나들이 다녀온 이야기",
        (
            Written(
                "caption_weak_source",
                _at("/captions/caption_weak_source.jpg"),
                f'<meta property="og:image" content="{_at("/captions/caption_weak_source.jpg")}">',
                Reason.CAPTION_WEAK_SOURCE,
                "og:image with nothing but the page's title",
            ),
        ),
        head='<meta property="og:title" content="봄나들이 다녀온 이야기">',
    ),
)

_FETCH_PAGE = CasePage(
    _at("/fetch/"),
    "가져올 수 없는 사진들",
    (
        _fails("url_data", "data:image/png;base64,iVBORw0KGgo=", Reason.URL_REFUSED, "data: as src"),
        _fails("url_javascript", "javascript:void(0)", Reason.URL_REFUSED, "javascript: as src"),
        _fails("url_file", "file:///etc/hostname", Reason.URL_REFUSED, "file: as src"),
        _fails("url_ftp", "ftp://ftp.harubang.test/a.jpg", Reason.URL_REFUSED, "ftp: as src"),
        _fails("opted_out_header", _at("/rights/noai.jpg"), Reason.OPTED_OUT, "X-Robots-Tag: noai"),
        _fails("opted_out_content_usage", _at("/rights/usage.jpg"), Reason.OPTED_OUT, "Content-Usage: train-ai=n"),
        _fails("opted_out_tdmrep", url("reserved", "/works/a.jpg"), Reason.OPTED_OUT, "reserved in /.well-known/tdmrep.json"),
        _fails("robots_disallowed_image", _at("/private/a.jpg"), Reason.ROBOTS_DISALLOWED, "under Disallow"),
        _fails("robots_unreachable_image", url("shut", "/a.jpg"), Reason.ROBOTS_UNREACHABLE, "robots.txt answers 503"),
        _fails("address_private", "http://10.0.0.1/x.jpg", Reason.ADDRESS_REFUSED, "a private address"),
        _fails("address_metadata", "http://169.254.169.254/latest/x.png", Reason.ADDRESS_REFUSED, "a cloud's metadata address"),
        _fails("address_redirect", _at("/moved/to-metadata.jpg"), Reason.ADDRESS_REFUSED, "a redirect to such an address"),
        _fails("host_unresolved", "http://nowhere.invalid/x.jpg", Reason.HOST_UNRESOLVED, "a name that cannot exist (RFC 2606)"),
        _fails("connection_failed", url("reset", "/a.jpg"), Reason.CONNECTION_FAILED, "the connection is closed before a byte"),
        _fails("timed_out", url("slow", "/a.jpg"), Reason.TIMED_OUT, "no answer ever comes"),
        _fails("timed_out_body", url("drip", "/a.jpg"), Reason.TIMED_OUT, "the body never comes"),
        _fails("status_404", url("broken", "/404.jpg"), Reason.HTTP_STATUS, "404"),
        _fails("status_410", url("broken", "/410.jpg"), Reason.HTTP_STATUS, "410"),
        _fails("status_500", url("broken", "/500.jpg"), Reason.HTTP_STATUS, "500"),
        _fails("redirect_to_file", _at("/moved/to-file.jpg"), Reason.REDIRECT_REFUSED, "Location: file:"),
        _fails("redirect_nowhere", _at("/moved/nowhere.jpg"), Reason.REDIRECT_REFUSED, "302 without Location"),
        _fails("redirect_loop", _at("/moved/loop.jpg"), Reason.TOO_MANY_REDIRECTS, "two URLs that lead to each other"),
        _fails("redirect_chain", _at("/moved/chain-0.jpg"), Reason.TOO_MANY_REDIRECTS, "eight hops"),
        _fails("body_endless", _at("/large/endless.jpg"), Reason.BODY_TOO_LARGE, "a body without end"),
        _fails("body_declared_large", _at("/large/declared.jpg"), Reason.BODY_TOO_LARGE, "Content-Length above the limit"),
        _fails("body_short", url("broken", "/short.jpg"), Reason.BODY_INVALID, "closed before Content-Length is reached"),
    ),
)
_DECODE_PAGE = CasePage(
    _at("/decode/"),
    "열리지 않는 사진들",
    (
        _fails("format_bmp", _at("/decode/a.bmp"), Reason.IMAGE_FORMAT_REFUSED, "BMP"),
        _fails("format_svg", _at("/decode/a.svg"), Reason.IMAGE_FORMAT_REFUSED, "SVG"),
        _fails("format_html", _at("/decode/html.jpg"), Reason.IMAGE_FORMAT_REFUSED, "an HTML page with status 200, called image/jpeg"),
        _fails("pixels_declared", _at("/decode/huge.png"), Reason.IMAGE_TOO_MANY_PIXELS, "declares 30,000 × 30,000"),
        _fails("pixels_scans", _at("/decode/scans.jpg"), Reason.IMAGE_TOO_MANY_PIXELS, "883 scans over 16 million pixels: too much work"),
        _fails("undecodable", _at("/decode/cut.jpg"), Reason.IMAGE_UNDECODABLE, "a JPEG cut in the middle"),
        _fails("decoder_crashed", _at("/decode/greedy.webp"), Reason.DECODER_CRASHED, "needs more memory than a decoder has"),
        _fails("decoder_timed_out", _at("/decode/slow.gif"), Reason.DECODER_TIMED_OUT, "460,000 comments before the picture"),
    ),
)
_SELECT_PAGE = CasePage(
    _at("/select/"),
    "고르고 남은 사진들",
    (
        _fails("image_too_small", _at("/select/small.jpg"), Reason.IMAGE_TOO_SMALL, "160 × 120"),
        _fails("image_aspect", _at("/select/wide.jpg"), Reason.IMAGE_ASPECT, "960 × 240"),
        _fails("image_blank", _at("/select/blank.jpg"), Reason.IMAGE_BLANK, "one colour"),
        _fails("image_blurred", _at("/select/blurred.jpg"), Reason.IMAGE_BLURRED, "a blurred preview"),
        _fails("image_low_entropy", _at("/select/sign.png"), Reason.IMAGE_LOW_ENTROPY, "a sign of two colours"),
        _fails("image_icon", _at("/select/icon.png"), Reason.IMAGE_ICON, "128 × 128, few colours; judged before screenshots"),
        _fails("image_bordered", _at("/select/letterboxed.jpg"), Reason.IMAGE_BORDERED, "two thirds are black bars"),
        _fails("image_screenshot", _at("/select/screenshot.png"), Reason.IMAGE_SCREENSHOT, "a window with a table"),
        _fails("image_grey", _at("/select/grey.jpg"), Reason.IMAGE_GREY, "no colour"),
        _fails("duplicate_exact", _at("/select/copy.jpg"), Reason.DUPLICATE_EXACT, "the bytes of kept_exact_winner", "민화 속 호랑이"),
        _fails("duplicate_near", _at("/select/resized.jpg"), Reason.DUPLICATE_NEAR, "kept_near_winner at half its size", "멀리 보이는 성산일출봉"),
        _fails("takedown_image", _at("/select/taken-down.jpg"), Reason.TAKEDOWN, "its URL is in TAKEDOWN_URLS", "철거 요청이 들어온 공방의 나무 팽이"),
        _fails("takedown_other", url("blog", "/case/taken-down.jpg"), Reason.TAKEDOWN, "the same on another host", "글쓴이가 내려 달라고 한 소나무 사진"),
    ),
)

TAKEDOWN_URLS: tuple[str, ...] = (_at("/select/taken-down.jpg"), url("blog", "/case/taken-down.jpg"))
"""What the demo's workflow lists under ``select.takedowns.urls``."""

CASE_PAGES: tuple[CasePage, ...] = (*_PAGES_KEPT, *_TEXT_PAGES, _FETCH_PAGE, _DECODE_PAGE, _SELECT_PAGE)

FREQUENT_CAPTION = "제주를 걷는 가장 느린 방법"
CASE_GROUPS: tuple[CaseGroup, ...] = (
    CaseGroup(
        "frequent_slogan",
        _at("/slogan/"),
        tuple(_at(f"/slogan/{k}.jpg") for k in range(6)),
        (Reason.CAPTION_TOO_FREQUENT,),
        (Reason.CAPTION_TOO_FREQUENT,),
        "one slogan as the alt of six images of a site",
    ),
    CaseGroup(
        "closed_host",
        _at("/closed/"),
        tuple(url("closed", f"/{k}.jpg") for k in range(10)),
        (Reason.ROBOTS_UNREACHABLE, Reason.CONNECTION_FAILED, Reason.HOST_SET_ASIDE),
        (),
        "nothing listens there, so that not even robots.txt can be asked for",
    ),
    CaseGroup(
        "hangup_host",
        _at("/hangup/"),
        tuple(url("hangup", f"/{k}.jpg") for k in range(12)),
        (Reason.CONNECTION_FAILED, Reason.HOST_SET_ASIDE),
        (Reason.CONNECTION_FAILED, Reason.HOST_SET_ASIDE),
        "robots.txt answers, every image hangs up: after five failures the host is set aside",
    ),
)

PAGE_CASES: tuple[Case, ...] = (
    Case("page_opted_out_meta", _at("/noai.html"), "", Outcome.DROP, Reason.PAGE_OPTED_OUT, "<meta name=robots content=noai>"),
    Case("page_opted_out_header", _at("/noai-header.html"), "", Outcome.DROP, Reason.PAGE_OPTED_OUT, "X-Robots-Tag: noai"),
    Case("page_robots_disallowed", _at("/private/page.html"), "", Outcome.DROP, Reason.ROBOTS_DISALLOWED, "under Disallow"),
    Case("page_robots_unreachable", url("shut", "/"), "", Outcome.DROP, Reason.ROBOTS_UNREACHABLE, "robots.txt answers 503"),
    Case("page_undecodable", _at("/johab.html"), "", Outcome.DROP, Reason.PAGE_UNDECODABLE, "Johab (조합형), undeclared"),
    Case("page_status_404", _at("/gone.html"), "", Outcome.DROP, Reason.HTTP_STATUS, "a dead link"),
)
"""Cases in which the page itself falls."""

_ARCHIVE = url("archive", "/2021/")
SOURCE_CASES: tuple[Case, ...] = (
    Case("warc_kept", _ARCHIVE, url("archive", "/2021/hanok.jpg"), Outcome.KEEP, "", "a page in good.warc.gz"),
    Case("warc_cut_kept", url("archive", "/2022/"), url("archive", "/2022/jangdokdae.jpg"), Outcome.KEEP, "", "read before cut.warc.gz breaks off"),
    Case("warc_cut_record", url("archive", "/2023/"), "", Outcome.DROP, Reason.RECORD_UNREADABLE, "cut.warc.gz ends inside a gzip member"),
    Case("warc_no_http_head", url("archive", "/broken/"), "", Outcome.DROP, Reason.RECORD_UNREADABLE, "a record whose block is no HTTP message"),
    Case("warc_garbage", "", "", Outcome.DROP, Reason.SOURCE_UNREADABLE, "garbage.warc.gz is no archive"),
    Case("table_kept", "", url("archive", "/table/gimbap.jpg"), Outcome.KEEP, "", "a row of links.csv"),
    Case("table_kept_jsonl", "", url("archive", "/table/songpyeon.jpg"), Outcome.KEEP, "", "a row of links.jsonl"),
    Case("table_duplicate", "", url("archive", "/table/gimbap.jpg"), Outcome.DROP, Reason.DUPLICATE_CANDIDATE, "the same row again"),
    Case("table_no_url", "", "", Outcome.DROP, Reason.TABLE_ROW_INVALID, "a row with a caption and no URL"),
    Case("table_refused_url", "", "ftp://ftp.harubang.test/table.jpg", Outcome.DROP, Reason.URL_REFUSED, "a row with an ftp: URL"),
)
"""Cases in the files that `pipelines.embedded_web.sources.write_sources` writes."""


def _of(page: CasePage) -> list[Case]:
    return [
        Case(each.name, page.url, each.image_url, Outcome.DROP if each.reason else Outcome.KEEP, each.reason, each.note)
        for each in page.cases
    ]


CASES: tuple[Case, ...] = (*(case for page in CASE_PAGES for case in _of(page)), *PAGE_CASES, *SOURCE_CASES)
"""Every case but those of `CASE_GROUPS`."""

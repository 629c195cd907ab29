"""The hard cases of the embedded web, each with the outcome that a right pipeline gives it.

The tests of the whole pipeline compare its ledger with `CASES` and `CASE_GROUPS` by name. URLs and captions do not
depend on the seed, only the pictures do. Limits that the cases are made for: 40 million pixels, 3 MiB, 320 MiB.
"""

from __future__ import annotations

from pipelines.embedded_web.case_table import Case, CaseGroup, CasePage, Written, at, fails, text_case
from pipelines.embedded_web.kept_cases import HEADLINE, KEPT_PAGES
from pipelines.embedded_web.web import url
from schemas.reasons import Outcome, Reason

NOT_ON_THE_WEB: tuple[tuple[Reason, str], ...] = (
    (Reason.SOURCE_MISSING, "a file that vanishes while the pipeline runs is the test's own doing, not a web's"),
    (
        Reason.SOURCE_COUNT_WRONG,
        "only a download counts its rows: tests/pipelines/test_download_shards.py",
    ),
    (Reason.DOWNLOAD_FAILED, "the same"),
    (Reason.IMAGE_MISSING, "the same, and tests/pipelines/test_stored_image.py"),
    (Reason.PAGE_UNPARSABLE, "no page is known that the HTML parser refuses"),
    (Reason.RECORD_RAISED, "would be a fault of this project's own code"),
    (Reason.UNKNOWN, "every stage has the evidence it needs in a whole run"),
    (
        Reason.PAGE_IDENTIFIER,
        "only a resident number leads to it, and none may be written, here as little as elsewhere",
    ),
    (Reason.URL_IDENTIFIER, "the same"),
    (Reason.OPT_OUT_LISTED, "the demo has no opt-out list; tests/pipelines/test_fetch.py and test_crawl.py have"),
    (Reason.CAPTION_TRANSLATED, "its filter is not among the defaults: a workflow that wants it names it"),
    (
        Reason.NEAR_EVALUATION_IMAGE,
        "an evaluation set is a file of the user's, which no web brings; tests/e2e/test_captions.py gives the demo one",
    ),
    (Reason.EVALUATION_CAPTION, "the same"),
    (
        Reason.DUPLICATE_RELEASED,
        "it takes the release of an earlier run, and the demo is one run; tests/pipelines/test_released.py has two",
    ),
    (
        Reason.CONCEPT_BALANCED,
        "balancing would thin out the cases themselves: tests/pipelines/test_concept_balance.py has it",
    ),
)
"""Reasons without a case, and why."""

_LONG = "마을 사람들은 해마다 정월 대보름이면 이 돌탑 앞에 모여 풍년과 무사를 빌었고, " * 14 + "그 일을 사진에 담았다."
_TEXT_PAGES = (
    CasePage(
        at("/news/"),
        "섬 소식",
        (
            Written(
                "listed_headline",
                at("/news/small.jpg"),
                f'<p><a href="/news/1.html"><img src="/news/small.jpg" alt="{HEADLINE}"></a></p>',
                Reason.CAPTION_WEAK_SOURCE,
                "a headline over its article's picture is the title of the page it links to",
            ),
        ),
    ),
    CasePage(
        at("/captions/"),
        "설명이 모자란 사진들",
        (
            Written(
                "caption_missing",
                at("/captions/1/"),
                '<p><img src="/captions/1/"></p>',
                Reason.CAPTION_MISSING,
                "no text at all, and no file name",
            ),
            Written(
                "caption_only_a_file_name",
                at("/captions/DSC_0012.jpg"),
                '<p><img src="/captions/DSC_0012.jpg"></p>',
                Reason.CAPTION_FILE_NAME,
                "nothing but the URL's file name",
            ),
            text_case("caption_too_short", Reason.CAPTION_TOO_SHORT, "탑", "one syllable"),
            text_case("caption_too_long", Reason.CAPTION_TOO_LONG, _LONG, "an article, not a caption"),
            text_case("caption_file_name", Reason.CAPTION_FILE_NAME, "IMG_2034.jpg", "a camera's file name as alt"),
            text_case("caption_boilerplate", Reason.CAPTION_BOILERPLATE, "이미지", "a placeholder word"),
            text_case("caption_thumbnail", Reason.CAPTION_BOILERPLATE, "썸네일", "a placeholder word"),
            text_case("caption_logo", Reason.CAPTION_BOILERPLATE, "로고", "a placeholder word"),
            text_case("caption_english", Reason.CAPTION_NOT_KOREAN, "A stone statue on Jeju island", "English"),
            text_case("caption_japanese", Reason.CAPTION_NOT_KOREAN, "済州島の石像トルハルバン", "Japanese"),
            text_case(
                "caption_no_content_noun",
                Reason.CAPTION_NO_CONTENT_NOUN,
                "이렇게 저렇게 또 그렇게",
                "Korean, but it names nothing",
            ),
            text_case(
                "caption_identifier",
                Reason.CAPTION_IDENTIFIER,
                "한복 가게 문에 붙은 회원 카드 안내문 4111-1111-1111-1111",
                "a card number (the one that payment firms give for tests)",
            ),
            text_case("caption_spam", Reason.CAPTION_SPAM, "온라인카지노 먹튀검증 꽁머니 지급 안내", "gambling"),
            text_case("caption_abuse", Reason.CAPTION_ABUSE, "개자식 같은 이웃이 깨뜨린 장독대 항아리", "an insult"),
            text_case(
                "caption_invalid_text",
                Reason.CAPTION_INVALID_TEXT,
                "한옥 처마\u202e gnp.exe",
                "a bidi override hides what stands there",
            ),
            text_case(
                "caption_mojibake",
                Reason.CAPTION_MOJIBAKE,
                "\ufffd\ufffdȭ\ufffd\ufffd \ufffd\u04b4\ufffd \ufffd\ufffd\ufffd\ufffd",
                "EUC-KR once read as UTF-8: the bytes are lost",
            ),
            text_case("caption_url", Reason.CAPTION_URL, "http://cases.harubang.test/captions/", "an address"),
            text_case("caption_numbers", Reason.CAPTION_NUMBERS, "2024년 5월 3일", "a date"),
            text_case(
                "caption_repetitive",
                Reason.CAPTION_REPETITIVE,
                "제주여행 제주맛집 제주숙소 제주카페 제주렌트카 제주항공",
                "search bait",
            ),
            text_case("caption_templated", Reason.CAPTION_TEMPLATED, "사용법 1", "a stem with a running number"),
            text_case(
                "caption_unknown_words",
                Reason.CAPTION_UNKNOWN_WORDS,
                "뷁쉛 궳뚫솱 쨻뵖 햅쀓 사진",
                "syllables that no word is made of",
            ),
            text_case(
                "caption_remark",
                Reason.CAPTION_REMARK,
                "우와 한옥 마당이 정말 너무 예뻐서 나도 깜짝 놀랐어요!",
                "how someone felt, not what is seen",
            ),
        ),
    ),
    CasePage(
        at("/preview-title.html"),
        "봄나들이 다녀온 이야기",
        (
            Written(
                "caption_weak_source",
                at("/captions/caption_weak_source.jpg"),
                f'<meta property="og:image" content="{at("/captions/caption_weak_source.jpg")}">',
                Reason.CAPTION_WEAK_SOURCE,
                "og:image with nothing but the page's title",
            ),
        ),
        head='<meta property="og:title" content="봄나들이 다녀온 이야기">',
    ),
)

_FETCH_PAGE = CasePage(
    at("/fetch/"),
    "가져올 수 없는 사진들",
    (
        fails("url_data", "data:image/png;base64,iVBORw0KGgo=", Reason.URL_REFUSED, "data: as src"),
        fails("url_javascript", "javascript:void(0)", Reason.URL_REFUSED, "javascript: as src"),
        fails("url_file", "file:///etc/hostname", Reason.URL_REFUSED, "file: as src"),
        fails("url_ftp", "ftp://ftp.harubang.test/a.jpg", Reason.URL_REFUSED, "ftp: as src"),
        fails("opted_out_header", at("/rights/noai.jpg"), Reason.OPTED_OUT, "X-Robots-Tag: noai"),
        fails("opted_out_content_usage", at("/rights/usage.jpg"), Reason.OPTED_OUT, "Content-Usage: train-ai=n"),
        fails(
            "opted_out_tdmrep",
            url("reserved", "/works/a.jpg"),
            Reason.OPTED_OUT,
            "reserved in /.well-known/tdmrep.json",
        ),
        fails("robots_disallowed_image", at("/private/a.jpg"), Reason.ROBOTS_DISALLOWED, "under Disallow"),
        fails("robots_unreachable_image", url("shut", "/a.jpg"), Reason.ROBOTS_UNREACHABLE, "robots.txt answers 503"),
        fails("address_private", "http://10.0.0.1/x.jpg", Reason.ADDRESS_REFUSED, "a private address"),
        fails(
            "address_metadata",
            "http://169.254.169.254/latest/x.png",
            Reason.ADDRESS_REFUSED,
            "a cloud's metadata address",
        ),
        fails(
            "address_redirect", at("/moved/to-metadata.jpg"), Reason.ADDRESS_REFUSED, "a redirect to such an address"
        ),
        fails(
            "host_unresolved",
            "http://nowhere.invalid/x.jpg",
            Reason.HOST_UNRESOLVED,
            "a name that cannot exist (RFC 2606)",
        ),
        fails(
            "connection_failed",
            url("reset", "/a.jpg"),
            Reason.CONNECTION_FAILED,
            "the connection is closed before a byte",
        ),
        fails("timed_out", url("slow", "/a.jpg"), Reason.TIMED_OUT, "no answer ever comes"),
        fails("timed_out_body", url("drip", "/a.jpg"), Reason.TIMED_OUT, "the body never comes"),
        fails("status_404", url("broken", "/404.jpg"), Reason.HTTP_STATUS, "404"),
        fails("status_410", url("broken", "/410.jpg"), Reason.HTTP_STATUS, "410"),
        fails("status_500", url("broken", "/500.jpg"), Reason.HTTP_STATUS, "500"),
        fails("redirect_to_file", at("/moved/to-file.jpg"), Reason.REDIRECT_REFUSED, "Location: file:"),
        fails("redirect_nowhere", at("/moved/nowhere.jpg"), Reason.REDIRECT_REFUSED, "302 without Location"),
        fails("redirect_loop", at("/moved/loop.jpg"), Reason.TOO_MANY_REDIRECTS, "two URLs that lead to each other"),
        fails("redirect_chain", at("/moved/chain-0.jpg"), Reason.TOO_MANY_REDIRECTS, "eight hops"),
        fails("body_endless", at("/large/endless.jpg"), Reason.BODY_TOO_LARGE, "a body without end"),
        fails(
            "body_declared_large", at("/large/declared.jpg"), Reason.BODY_TOO_LARGE, "Content-Length above the limit"
        ),
        fails(
            "body_short", url("broken", "/short.jpg"), Reason.BODY_INVALID, "closed before Content-Length is reached"
        ),
    ),
)
_DECODE_PAGE = CasePage(
    at("/decode/"),
    "열리지 않는 사진들",
    (
        fails("format_bmp", at("/decode/a.bmp"), Reason.IMAGE_FORMAT_REFUSED, "BMP"),
        fails("format_svg", at("/decode/a.svg"), Reason.IMAGE_FORMAT_REFUSED, "SVG"),
        fails(
            "format_html",
            at("/decode/html.jpg"),
            Reason.IMAGE_FORMAT_REFUSED,
            "an HTML page with status 200, called image/jpeg",
        ),
        fails("pixels_declared", at("/decode/huge.png"), Reason.IMAGE_TOO_MANY_PIXELS, "declares 30,000 × 30,000"),
        fails(
            "pixels_scans",
            at("/decode/scans.jpg"),
            Reason.IMAGE_TOO_MANY_PIXELS,
            "883 scans over 16 million pixels: too much work",
        ),
        fails("undecodable", at("/decode/cut.jpg"), Reason.IMAGE_UNDECODABLE, "a JPEG cut in the middle"),
        fails(
            "decoder_crashed",
            at("/decode/greedy.jpg"),
            Reason.DECODER_CRASHED,
            "needs 455 MiB at once, more than a decoder has",
        ),
        fails(
            "decoder_timed_out",
            at("/decode/slow.gif"),
            Reason.DECODER_TIMED_OUT,
            "460,000 comments before the picture",
        ),
    ),
)
_SELECT_PAGE = CasePage(
    at("/select/"),
    "고르고 남은 사진들",
    (
        fails("image_too_small", at("/select/small.jpg"), Reason.IMAGE_TOO_SMALL, "160 × 120"),
        fails("image_aspect", at("/select/wide.jpg"), Reason.IMAGE_ASPECT, "960 × 240"),
        fails("image_blank", at("/select/blank.jpg"), Reason.IMAGE_BLANK, "one colour"),
        fails("image_blurred", at("/select/blurred.jpg"), Reason.IMAGE_BLURRED, "a blurred preview"),
        fails("image_low_entropy", at("/select/sign.png"), Reason.IMAGE_LOW_ENTROPY, "a sign of two colours"),
        fails(
            "image_icon",
            at("/select/icon.png"),
            Reason.IMAGE_ICON,
            "128 × 128, few colours; judged before screenshots",
        ),
        fails("image_bordered", at("/select/letterboxed.jpg"), Reason.IMAGE_BORDERED, "two thirds are black bars"),
        fails("image_screenshot", at("/select/screenshot.png"), Reason.IMAGE_SCREENSHOT, "a window with a table"),
        fails("image_grey", at("/select/grey.jpg"), Reason.IMAGE_GREY, "no colour"),
        fails(
            "duplicate_exact",
            at("/select/copy.jpg"),
            Reason.DUPLICATE_EXACT,
            "the bytes of kept_exact_winner",
            "민화 속 호랑이",
        ),
        fails(
            "duplicate_near",
            at("/select/resized.jpg"),
            Reason.DUPLICATE_NEAR,
            "kept_near_winner at half its size",
            "멀리 보이는 성산일출봉",
        ),
        fails(
            "takedown_image",
            at("/select/taken-down.jpg"),
            Reason.TAKEDOWN,
            "its URL is in TAKEDOWN_URLS",
            "철거 요청이 들어온 공방의 나무 팽이",
        ),
        fails(
            "takedown_other",
            url("blog", "/case/taken-down.jpg"),
            Reason.TAKEDOWN,
            "the same on another host",
            "글쓴이가 내려 달라고 한 소나무 사진",
        ),
    ),
)

TAKEDOWN_URLS: tuple[str, ...] = (at("/select/taken-down.jpg"), url("blog", "/case/taken-down.jpg"))
"""What the demo's workflow lists under ``select.takedowns.urls``."""

CASE_PAGES: tuple[CasePage, ...] = (*KEPT_PAGES, *_TEXT_PAGES, _FETCH_PAGE, _DECODE_PAGE, _SELECT_PAGE)

FREQUENT_CAPTION = "제주를 걷는 가장 느린 방법"
CASE_GROUPS: tuple[CaseGroup, ...] = (
    CaseGroup(
        "frequent_slogan",
        at("/slogan/"),
        tuple(at(f"/slogan/{k}.jpg") for k in range(6)),
        (Reason.CAPTION_TOO_FREQUENT,),
        (Reason.CAPTION_TOO_FREQUENT,),
        "one slogan as the alt of six images of a site",
    ),
    CaseGroup(
        "closed_host",
        at("/closed/"),
        tuple(url("closed", f"/{k}.jpg") for k in range(10)),
        (Reason.ROBOTS_UNREACHABLE, Reason.CONNECTION_FAILED, Reason.HOST_SET_ASIDE),
        (),
        "nothing listens there, so that not even robots.txt can be asked for",
    ),
    CaseGroup(
        "hangup_host",
        at("/hangup/"),
        tuple(url("hangup", f"/{k}.jpg") for k in range(20)),
        (Reason.CONNECTION_FAILED, Reason.HOST_SET_ASIDE),
        (Reason.CONNECTION_FAILED, Reason.HOST_SET_ASIDE),
        "robots.txt answers, every image hangs up: after five failures the host is set aside",
    ),
)

PAGE_CASES: tuple[Case, ...] = (
    Case(
        "page_opted_out_meta",
        at("/noai.html"),
        "",
        Outcome.DROP,
        Reason.PAGE_OPTED_OUT,
        "<meta name=robots content=noai>",
    ),
    Case(
        "page_opted_out_header", at("/noai-header.html"), "", Outcome.DROP, Reason.PAGE_OPTED_OUT, "X-Robots-Tag: noai"
    ),
    Case(
        "page_robots_disallowed",
        at("/private/page.html"),
        "",
        Outcome.DROP,
        Reason.ROBOTS_DISALLOWED,
        "under Disallow",
    ),
    Case(
        "page_robots_unreachable",
        url("shut", "/"),
        "",
        Outcome.DROP,
        Reason.ROBOTS_UNREACHABLE,
        "robots.txt answers 503",
    ),
    Case(
        "page_undecodable", at("/johab.html"), "", Outcome.DROP, Reason.PAGE_UNDECODABLE, "Johab (조합형), undeclared"
    ),
    Case("page_status_404", at("/gone.html"), "", Outcome.DROP, Reason.HTTP_STATUS, "a dead link"),
)
"""Cases in which the page itself falls."""

_ARCHIVE = url("archive", "/2021/")
SOURCE_CASES: tuple[Case, ...] = (
    Case("warc_kept", _ARCHIVE, url("archive", "/2021/hanok.jpg"), Outcome.KEEP, "", "a page in good.warc.gz"),
    Case(
        "warc_cut_kept",
        url("archive", "/2022/"),
        url("archive", "/2022/jangdokdae.jpg"),
        Outcome.KEEP,
        "",
        "read before cut.warc.gz breaks off",
    ),
    Case(
        "warc_cut_record",
        url("archive", "/2023/"),
        "",
        Outcome.DROP,
        Reason.RECORD_UNREADABLE,
        "cut.warc.gz ends inside a gzip member",
    ),
    Case(
        "warc_no_http_head",
        url("archive", "/broken/"),
        "",
        Outcome.DROP,
        Reason.RECORD_UNREADABLE,
        "a record whose block is no HTTP message",
    ),
    Case("warc_garbage", "", "", Outcome.DROP, Reason.SOURCE_UNREADABLE, "garbage.warc.gz is no archive"),
    Case("table_kept", "", url("archive", "/table/gimbap.jpg"), Outcome.KEEP, "", "a row of links.csv"),
    Case("table_kept_jsonl", "", url("archive", "/table/songpyeon.jpg"), Outcome.KEEP, "", "a row of links.jsonl"),
    Case(
        "table_duplicate",
        "",
        url("archive", "/table/gimbap.jpg"),
        Outcome.DROP,
        Reason.DUPLICATE_CANDIDATE,
        "the same row again",
    ),
    Case("table_no_url", "", "", Outcome.DROP, Reason.TABLE_ROW_INVALID, "a row with a caption and no URL"),
    Case(
        "table_refused_url",
        "",
        "ftp://ftp.harubang.test/table.jpg",
        Outcome.DROP,
        Reason.URL_REFUSED,
        "a row with an ftp: URL",
    ),
)
"""Cases in the files that `pipelines.embedded_web.sources.write_sources` writes."""


def _of(page: CasePage) -> list[Case]:
    return [
        Case(each.name, page.url, each.image_url, Outcome.DROP if each.reason else Outcome.KEEP, each.reason, each.note)
        for each in page.cases
    ]


CASES: tuple[Case, ...] = (*(case for page in CASE_PAGES for case in _of(page)), *PAGE_CASES, *SOURCE_CASES)
"""Every case but those of `CASE_GROUPS`."""

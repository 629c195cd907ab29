"""The cases that are kept: every kind of caption, every way to name an image, every charset, captions up to a cap."""

from __future__ import annotations

from pipelines.embedded_web import markup
from pipelines.embedded_web.case_table import CasePage, Written, at, fails, kept
from pipelines.embedded_web.markup import Shot
from pipelines.embedded_web.web import url
from schemas.reasons import Reason

_KEPT = CasePage(
    at("/kept/"),
    "사진을 싣는 여러 가지 방법",
    (
        kept(
            "kept_alt",
            "alt",
            "dolhareubang",
            "제주 돌문화공원 들머리에 서 있는 돌하르방이 관람객을 맞이하고 있다.",
            "alt",
        ),
        kept("kept_title", "title", "hanbok", "설날 아침 색동 한복을 입고 세배를 준비하는 가족", "title, alt empty"),
        kept(
            "kept_figcaption", "figcaption", "seokgatap", "불국사 대웅전 앞뜰에 단정하게 서 있는 삼층석탑", "figcaption"
        ),
        kept(
            "kept_caption_paragraph",
            "news",
            "sungnyemun",
            "복원 공사를 마친 숭례문 앞을 시민들이 지나고 있다.",
            "caption paragraph; the triangle is cleaned away",
        ),
        kept(
            "kept_table_row",
            "table",
            "jangseung",
            "마을 어귀에 나란히 세운 나무 장승 한 쌍",
            "text in the table row below",
        ),
        kept("kept_aria", "aria", "magpie", "감나무 가지에 앉아 우는 까치 한 마리", "aria-label"),
        kept("kept_json_ld", "json_ld", "cheongja", "구름과 학을 상감한 고려청자 매병의 앞모습", "JSON-LD ImageObject"),
        kept(
            "kept_data_src",
            "data_src",
            "kimchi",
            "젓갈과 고춧가루로 버무린 포기김치 한 접시",
            "lazy: data-src over a placeholder",
        ),
        kept(
            "kept_data_original",
            "data_original",
            "geobukseon",
            "통영 강구안에 정박한 거북선의 용머리와 노",
            "lazy: data-original",
        ),
        kept(
            "kept_data_lazy_src",
            "data_lazy_src",
            "haenyeo",
            "우도 앞바다에서 물질을 마치고 올라온 해녀",
            "lazy: data-lazy-src, with a noscript copy",
        ),
        kept(
            "kept_srcset", "srcset", "gamgyul", "서귀포 과수원에서 갓 딴 노지 감귤 한 바구니", "the largest of a srcset"
        ),
        kept(
            "kept_picture",
            "picture",
            "mugunghwa",
            "학교 울타리를 따라 피어난 분홍 무궁화",
            "a source of a picture element",
            "/kept/kept_picture.webp",
        ),
        kept(
            "kept_query",
            "alt",
            "lantern",
            "광한루원 다리 위를 밝히는 청사초롱 불빛",
            "a query in the URL, & escaped in the page",
            "/kept/view?id=7&w=800",
        ),
        kept(
            "kept_korean_path",
            "alt",
            "pine",
            "바위틈에 뿌리를 내린 늙은 소나무",
            "a Korean path, percent-encoded",
            "/kept/%EC%86%8C%EB%82%98%EB%AC%B4.jpg",
        ),
        kept(
            "kept_orientation",
            "alt",
            "lighthouse",
            "방파제 끝에 홀로 서 있는 빨간 등대",
            "Exif orientation 6: stored upright",
        ),
        kept(
            "kept_transparency",
            "figcaption",
            "hahoetal",
            "턱이 따로 움직이는 하회 양반탈",
            "PNG with transparency, laid on white",
            "/kept/kept_transparency.png",
        ),
        kept(
            "kept_first_frame",
            "alt",
            "paengi",
            "얼음판 위에서 돌고 있는 나무 팽이",
            "animated GIF: its first frame",
            "/kept/kept_first_frame.gif",
        ),
        kept(
            "kept_small_jpeg",
            "alt",
            "kite",
            "정월 대보름 들판에서 날리는 방패연",
            "JPEG within the stored size: kept without re-encoding",
        ),
        kept(
            "kept_redirect",
            "alt",
            "hallasan",
            "어리목 탐방로에서 바라본 눈 덮인 한라산",
            "two redirects followed",
            "/moved/kept_redirect.jpg",
        ),
        kept(
            "kept_robots_allowed",
            "alt",
            "sotdae",
            "강가 언덕에 높이 세운 솟대의 나무 오리",
            "Allow inside a disallowed folder",
            "/private/open/kept_robots_allowed.jpg",
        ),
        kept(
            "kept_redacted",
            "alt",
            "hanbok",
            "전주 한옥마을 한복집에 걸린 색동저고리, 빌리실 분은 010-1234-5678",
            "a phone number, which is replaced in the caption",
        ),
        kept(
            "kept_exact_winner",
            "alt",
            "tiger",
            "소나무 아래에 앉아 까치를 올려다보는 민화 속 호랑이와 둥근 달",
            "wins over its copy: the longer caption",
        ),
        kept(
            "kept_near_winner",
            "alt",
            "seongsan",
            "광치기해변에서 바라본 성산일출봉의 분화구와 푸른 초지",
            "wins over its smaller copy: more pixels",
        ),
    ),
)

HEADLINE = "제주 돌문화 공원 새로 열어 손님맞이"

_SAID_AGAIN = "돌담 너머로 올려다본 고택의 기와지붕과 처마"
_SAID_YEARLY = "{}년 첫 해돋이를 보러 찾아간 항구의 등대"
_ALBUM = CasePage(
    at("/album/"),
    "설명이 되풀이되는 사진첩",
    (
        *(kept(f"kept_same_caption_{n}", "alt", "hanok", _SAID_AGAIN, "two of a caption are kept") for n in (1, 2)),
        fails(
            "caption_repeated",
            at("/album/caption_repeated.jpg"),
            Reason.CAPTION_REPEATED,
            "a third picture of one caption, the smallest of them",
            _SAID_AGAIN,
        )._replace(kind="hanok"),
        *(
            kept(f"kept_near_caption_{n}", "alt", "lighthouse", _SAID_YEARLY.format(2020 + n), "two but for digits")
            for n in (1, 2)
        ),
        fails(
            "caption_near_repeated",
            at("/album/caption_near_repeated.jpg"),
            Reason.CAPTION_NEAR_REPEATED,
            "a third caption that is the same but for its digits, over the smallest picture",
            _SAID_YEARLY.format(2023),
        )._replace(kind="lighthouse"),
    ),
)

KEPT_PAGES = (
    _KEPT,
    _ALBUM,
    CasePage(
        at("/preview.html"),
        "안동 하회마을 나들이",
        (
            kept(
                "kept_og_image",
                "og_image",
                "chogajip",
                "하회마을 강가에 자리 잡은 초가집과 돌담",
                "og:image with og:image:alt, in the head",
            ),
        ),
        head='<meta property="og:title" content="안동 하회마을 나들이">',
    ),
    CasePage(
        at("/news/1.html"),
        f"{HEADLINE} | 섬 소식",
        (
            kept(
                "kept_article",
                "figcaption",
                "dolhareubang",
                "새로 연 공원 들머리에 나란히 선 돌하르방 두 기",
                "the article that a listing page links to with its headline",
            ),
        ),
    ),
    CasePage(
        at("/base/page.html"),
        "바탕 주소가 따로 있는 쪽",
        (
            Written(
                "kept_base",
                at("/base/files/2024/kept_base.jpg"),
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

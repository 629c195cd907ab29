"""Every pattern that is stripped, every look-alike that is not, and the laws of cleaning."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.clean import MAX_RAW_CHARACTERS, clean
from schemas.reasons import NO_REASON, Reason

STRIPPED = [
    ("그림 8.6. 알파 채널 예제", "알파 채널 예제", "figure_number"),
    ("[그림 10. 시스템 구성도]", "시스템 구성도", "figure_number"),
    ("Figure 1: 시스템 구성도", "시스템 구성도", "figure_number"),
    ("FIG.4 데이터 흐름도", "데이터 흐름도", "figure_number"),
    ("<그림 3> 전체 구조", "전체 구조", "figure_number"),
    ("(그림 5) 전체 구조", "전체 구조", "figure_number"),
    ("그림 8-1) 전체 구조", "전체 구조", "figure_number"),
    ("그림1_시스템구성도", "시스템구성도", "figure_number"),
    ("그림 A.7. 다각 선택", "다각 선택", "figure_number"),
    ("<표 3-1> 연도별 인구", "연도별 인구", "figure_number"),
    ("도 1. 첨성대 실측도", "첨성대 실측도", "figure_number"),
    ("첨성대 실측도 (그림 3 참조)", "첨성대 실측도", "figure_number"),
    ("1. 경복궁 근정전", "경복궁 근정전", "numbering"),
    ("① 경복궁 근정전", "경복궁 근정전", "numbering"),
    (
        "▲ 지난 3일 제주도청에서 열린 행사 모습. /사진 제공=제주도",
        "지난 3일 제주도청에서 열린 행사 모습.",
        "credit",
    ),
    ("행사에서 인사하는 시장 (사진=연합뉴스)", "행사에서 인사하는 시장", "credit"),
    ("경복궁 근정전. [연합뉴스 자료사진]", "경복궁 근정전.", "credit"),
    ("경복궁 근정전 (제주도 제공)", "경복궁 근정전", "credit"),
    ("경복궁 근정전. 서울시 제공", "경복궁 근정전.", "credit"),
    ("경복궁 | 사진 제공=서울시", "경복궁", "credit"),
    ("첨성대 전경출처 : 경주시", "첨성대 전경", "credit"),
    ("첨성대 전경이다.출처 : https://example.kr/c", "첨성대 전경이다.", "credit"),
    ("경복궁 사진출처=픽사베이", "경복궁", "credit"),
    ("사진=연합뉴스", "", "credit"),
    ("[사진] 첨성대", "첨성대", "credit"),
    ("경복궁 야경 홍길동 기자 abc@example.kr", "경복궁 야경", "reporter"),
    ("첨성대 ⓒ 홍길동", "첨성대", "notice"),
    ("사진제공|제주도", "", "credit"),
    ("연합뉴스TV 제공", "", "credit"),
    ("글·사진 홍길동", "", "credit"),
    ("사진/홍길동 기자", "", "credit"),
    ("첨성대 전경. 본 저작물은 공공누리 제1유형에 따라 이용할 수 있습니다", "첨성대 전경.", "notice"),
    ("[당일발송/정품] 무쇠 가마솥", "무쇠 가마솥", "tag"),
    ("경복궁 전경 무단전재 및 재배포 금지", "경복궁 전경", "notice"),
    ("경복궁 전경 [재판매 및 DB 금지]", "경복궁 전경", "notice"),
    ("<저작권자 ⓒ 홍길동신문, 무단 전재 및 재배포 금지>", "", "notice"),
    ("경복궁 전경. 사진은 기사 내용과 무관합니다", "경복궁 전경.", "notice"),
    ("(서울=연합뉴스) 홍길동 기자 = 3일 오후 경복궁", "3일 오후 경복궁", "dateline"),
    ("홍길동(45) 대표가 인사하고 있다. 2024.5.3/뉴스1", "홍길동(45) 대표가 인사하고 있다.", "date"),
    ("경복궁 큰사진보기", "경복궁", "interface"),
    ("경복궁 (클릭하시면 큰 이미지를 볼 수 있습니다)", "경복궁", "interface"),
    ("첨성대<br>야경", "첨성대 야경", "tag"),
    ("&amp;lt;b&amp;gt;경복궁&amp;lt;/b&amp;gt; &amp;amp; 창덕궁", "경복궁 & 창덕궁", "entity"),
    ("\ufeff한\u200b복 입은 아이", "한복 입은 아이", "invisible"),
    ("\ue000 첨성대", "첨성대", "invisible"),
    ("\u1112\u1161\u11ab\u1107\u1169\u11a8", "한복", "nfc"),
    ("\uffbe\uffc2\uffa4\uffb2\uffcc\uffa1", "한복", "half_width_jamo"),
    ("［경주］ 첨성대　２０２４", "경주 첨성대 2024", "full_width"),
    ("경복궁 ㅋㅋㅋㅋ 야경ㅠㅠ", "경복궁 야경", "laughter"),
    ("경복궁 야경 ^^", "경복궁 야경", "laughter"),
    ("경복궁 😀😀 야경♥", "경복궁 야경", "emoji"),
    ("경복궁 야경 (1/5)", "경복궁 야경", "counter"),
    ("경복궁 야경 3/10", "경복궁 야경", "counter"),
    ("경복궁 야경 (2)", "경복궁 야경", "counter"),
    ("경복궁 (서울) 야경 (2)", "경복궁 (서울) 야경", "counter"),
    ("경복궁 야경 DSC_0012.jpg", "경복궁 야경", "file_name"),
    ("권한관리_클래스다이어그램", "권한관리 클래스다이어그램", "underscore"),
    ("#경복궁 #한복", "경복궁 한복", "hashtag"),
    ("경복궁 근정전[12]", "경복궁 근정전", "footnote"),
    ("사진: 경복궁 야경", "경복궁 야경", "label"),
    ("[속보] 경복궁 화재", "경복궁 화재", "tag"),
    ("[경주] 첨성대", "경주 첨성대", "bracket"),
    ("경복궁 야경!!!", "경복궁 야경!", "punctuation"),
    ("  경복궁\n\t야경 ", "경복궁 야경", "space"),
]


@pytest.mark.parametrize(("raw", "text", "step"), STRIPPED)
def test_strips(raw, text, step):
    cleaned = clean(raw)
    assert cleaned.text == text
    assert step in cleaned.steps
    assert cleaned.reason == NO_REASON


@pytest.mark.parametrize(
    "raw",
    [
        "6.25 전쟁 기념관",
        "3.1운동",
        "1호선",
        "8.15 광복절",
        "제2롯데월드",
        "2024년 서울",
        "1/2 스케일 모형",
        "-5도 한파",
        "사진 1장",
        "사진 찍는 관광객",
        "사진전 개막",
        "그림 같은 풍경",
        "그림책 표지",
        "그림 3은 알파 채널을 보여준다",
        "표지판",
        "도표로 본 경제",
        "조식 제공 호텔",
        "인터뷰하는 홍길동 기자",
        "홍길동 대표(사진 왼쪽)가 인사하고 있다",
        "(왼쪽부터) 홍길동, 김철수",
        "한복(韓服)을 입은 여인",
        "「훈민정음」 해례본",
        "AT&T 본사",
        "C# 예제",
        "ㄱ자 한옥",
        "전각 ㄷ자형 배치도",
        "알파 채널 예제 : 배경",
        "서울 25.5도",
        "색상표 상자 (1)와 팔레트 상자 (2)",
    ],
)
def test_leaves_content_alone(raw):
    assert clean(raw) == (raw, (), NO_REASON)


@pytest.mark.parametrize(
    ("written", "charset", "read_as"),
    [
        ("경복궁 근정전의 야경", "cp949", "latin-1"),
        ("제주도 돌하르방", "cp949", "cp1252"),
        ("제주도 성산일출봉", "utf-8", "latin-1"),
        ("각국", "utf-8", "cp949"),
    ],
)
def test_repairs_a_wrong_charset_where_the_round_trip_proves_it(written, charset, read_as):
    read = written.encode(charset).decode(read_as)
    assert clean(read).text == written
    assert clean(read).steps[0] == "mojibake"


@pytest.mark.parametrize(
    "raw",
    [
        "경복궁 근정전".encode().decode("cp949", "replace"),
        "경복궁".encode().decode("cp949", "ignore"),
        "제주도 성산일출봉".encode("cp949").decode("utf-8", "replace"),
        "경복궁 \ufffd",
    ],
)
def test_names_mojibake_that_lost_bytes(raw):
    assert clean(raw)[::2] == ("", Reason.CAPTION_MOJIBAKE)


@pytest.mark.parametrize(
    "raw", ["景福宮(경복궁)", "大한민국 萬歲", "café 서울", "뷁", "“따옴표”—경복궁", "北京大學 도서관"]
)
def test_real_mixed_script_is_no_mojibake(raw):
    assert clean(raw) == (raw, (), NO_REASON)


@pytest.mark.parametrize(
    "raw",
    ["한\x00복", "\ud800한복", "한복\udfff", "\u202e궁복경", "\ufdd0", "\U00040000", "\U0010ffff", "&#x202e;경복궁"],
)
def test_refuses_invalid_text(raw):
    assert clean(raw)[::2] == ("", Reason.CAPTION_INVALID_TEXT)


def test_the_longest_raw_text_that_is_read():
    assert clean("가" * MAX_RAW_CHARACTERS).text == "가" * MAX_RAW_CHARACTERS
    assert clean("가" * (MAX_RAW_CHARACTERS + 1)) == ("", (), Reason.CAPTION_TOO_LONG)


def test_empty():
    assert clean("") == ("", (), NO_REASON)


@pytest.mark.parametrize(
    "part", ["(", "[그림 1", "-", "&amp;", "<br", "ㅋ", "출처 ", "사진=", "가/", "홍길동 기자", "a@", "…"]
)
def test_hostile_runs_take_bounded_time(part):
    begin = time.process_time()
    clean("경복궁 " + part * ((MAX_RAW_CHARACTERS - 8) // len(part)) + " 끝")
    assert time.process_time() - begin < 1.0


def test_ten_megabytes_take_bounded_time():
    begin = time.process_time()
    assert clean("경복궁 " * 2_500_000).reason == Reason.CAPTION_TOO_LONG
    assert time.process_time() - begin < 1.0


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
PIECES = st.sampled_from(
    [raw for raw, _, _ in STRIPPED]
    + [
        "경복궁",
        "야경",
        "의",
        " ",
        ".",
        "다.",
        "(",
        ")",
        "[",
        "]",
        "<",
        ">",
        "/",
        "=",
        ":",
        "사진",
        "제공",
        "출처",
        "그림 3",
    ]
    + [
        "ⓒ",
        "▲",
        "&lt;",
        "&amp;",
        "ㅋㅋ",
        "1/5",
        "(1)",
        "#",
        "…",
        "\u200b",
        "ÇÑ",
        "寃",
        "기자",
        "a@b.kr",
        "http://a.kr",
        "_",
        "2024.5.3",
    ]
)


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT | st.lists(PIECES, max_size=8).map("".join) | st.lists(PIECES, max_size=8).map(" ".join))
def test_cleaning_twice_is_cleaning_once(raw):
    once = clean(raw)
    twice = clean(once.text)
    assert twice.text == once.text
    assert twice.steps == ()
    assert (once.text == "") or once.reason == NO_REASON

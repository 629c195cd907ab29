"""Parts of page titles and the site's name among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.clean import Cleaned, clean
from filters.page_title import title_parts, title_runs, without_names

NAMES = frozenset({"제주문화원", "문화재", "위키"})


def stripped(text):
    return without_names(clean(text), NAMES.__contains__)


@pytest.mark.parametrize(
    ("title", "parts"),
    [
        ("돌하르방의 유래 | 제주문화원", ["돌하르방의 유래", "제주문화원"]),
        ("제주일보 :: 한라산 첫눈", ["제주일보", "한라산 첫눈"]),
        ("첨성대 - 문화재 - 위키", ["첨성대", "문화재", "위키"]),
        ("첨성대ㅣ경주", ["첨성대", "경주"]),
        ("그림: 첨성대", ["그림: 첨성대"]),
        ("반-반 치킨", ["반-반 치킨"]),
        ("| 첨성대", ["첨성대"]),
        ("", []),
        (" - ".join("가나다라마바사아자차"), [*"가나다라마바사", "아 - 자 - 차"]),
    ],
)
def test_parts(title, parts):
    assert title_parts(title) == parts


def test_runs_begin_or_end_the_title():
    assert title_runs("첨성대 - 문화재 | 위키") == [
        "첨성대 - 문화재 | 위키",
        "첨성대",
        "첨성대 - 문화재",
        "문화재 | 위키",
        "위키",
    ]
    assert title_runs("") == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("돌하르방의 유래 | 제주문화원", "돌하르방의 유래"),
        ("제주문화원 :: 돌하르방의 유래", "돌하르방의 유래"),
        ("위키 | 첨성대 - 문화재 - 위키", "첨성대"),
        ("위키 | 제주문화원", "위키"),  # one part always stays
    ],
)
def test_names_are_stripped_from_both_ends(text, left):
    assert stripped(text) == Cleaned(left, ("site_name",), "")


@pytest.mark.parametrize("text", ["돌하르방의 유래 | 돌문화", "첨성대 - 위키 - 경주", "제주문화원", ""])
def test_other_texts_stay(text):
    assert stripped(text) == clean(text)


def test_what_the_name_hid_is_cleaned():
    assert stripped("첨성대 전경. 홍길동 기자 | 제주문화원") == Cleaned("첨성대 전경.", ("site_name", "reporter"), "")


@given(st.text(alphabet="가나 |-:1", max_size=20))
def test_stripping_twice_changes_nothing(text):
    once = without_names(clean(text), "가".__eq__)
    assert without_names(once, "가".__eq__).text == once.text

"""Interface words: what is furniture, what labels a control, what is neither."""

import pytest

from filters.caption import MAX_FURNITURE_CHARACTERS, caption_text, is_control, is_furniture


@pytest.mark.parametrize(
    "text",
    [
        "이미지",
        "1번 이미지",
        "Feature image",
        "image12",
        "썸네일",
        "썸네일이미지",
        "상품 상세 이미지",
        "크게 보기",
        "자료사진",
        "예제 이미지",
        "",
    ],
)
def test_picture_words(text):
    assert is_furniture(text)
    assert not is_control(text)


@pytest.mark.parametrize(
    "text",
    ["다음", "로고", "닫기 버튼", "main banner", "[주의]", "작은 정보", "맨위로 이동", "카카오톡 공유하기", "QR코드"],
)
def test_controls(text):
    assert is_furniture(text)
    assert is_control(text)


@pytest.mark.parametrize(
    "text", ["첨성대 이미지", "로그인 화면", "한복", "기본 설정 페이지 목록", "메뉴판", "사진관", "다음날 아침"]
)
def test_content(text):
    assert not is_furniture(text)
    assert not is_control(text)


def test_long_text_is_not_furniture():
    assert is_furniture("이미지" * 13)
    assert not is_furniture("이미지" * (MAX_FURNITURE_CHARACTERS // 3 + 1))


def test_counts_letters():
    record = caption_text("VS Code 명령 3", ("space",))
    assert (record.hangul, record.letters, record.steps) == (2, 8, ("space",))
    assert caption_text("").letters == 0


@pytest.mark.parametrize(
    "text",
    ["존재하지 않는 이미지입니다.", "이미지를 불러올 수 없습니다", "등록된 이미지가 없습니다", "이미지 준비중입니다"],
)
def test_texts_that_stand_where_no_image_is(text):
    assert is_furniture(text)


@pytest.mark.parametrize("text", ["사진을 찾는 관광객", "그림이 없는 벽", "사진을 등록하는 회원"])
def test_texts_about_pictures(text):
    assert not is_furniture(text)

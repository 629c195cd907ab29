"""The cheap filters: each reason, each threshold, and the texts beside them that stay."""

import pytest

from filters.caption import caption_text
from filters.caption_shape import (
    CaptionFileName,
    CaptionFurniture,
    CaptionLength,
    CaptionNumbers,
    CaptionRepetition,
    CaptionScript,
    CaptionUrl,
)
from schemas.reasons import Outcome, Reason

DROPPED = [
    (CaptionUrl(), Reason.CAPTION_URL, ["abc.co.kr", "naver.com/photo", "//cdn.example.com/a"]),
    (
        CaptionFileName(),
        Reason.CAPTION_FILE_NAME,
        ["DSC_1234.JPG", "경복궁 야경.jpg", "block-ai-video", "tutorial12", "ic_attr_variable"],
    ),
    (
        CaptionFileName(),
        Reason.CAPTION_FILE_NAME,
        [
            "20240503_121212",
            "KakaoTalk_20240503_1212",
            "스크린샷 2024-05-03 오후 3.12.45",
            "제목 없음-1",
            "캡처1",
            "Screenshot 2024",
        ],
    ),
    (
        CaptionNumbers(),
        Reason.CAPTION_NUMBERS,
        ["2024년 5월 3일", "12,000원", "010-1234-5678", "3명", "1,024 x 768 px 가"],
    ),
    (
        CaptionScript(),
        Reason.CAPTION_NOT_KOREAN,
        ["Example for layer mode", "北京大學", "123", "ㅋㅋㅋ", "", "Class Diagram Editor 툴바"],
    ),
    (CaptionLength(), Reason.CAPTION_TOO_SHORT, ["붓", "3D 룸", ""]),
    (CaptionLength(), Reason.CAPTION_TOO_LONG, ["가" * 301]),
    (CaptionFurniture(), Reason.CAPTION_BOILERPLATE, ["이미지", "1번 이미지", "Feature image", "다음", "이전 글"]),
    (CaptionFurniture(), Reason.CAPTION_TEMPLATED, ["사용법 1", "편집창2", "출석부_12", "전경(3)", "[경기 2]"]),
    (
        CaptionRepetition(),
        Reason.CAPTION_REPETITIVE,
        [
            "제주여행 제주맛집 제주카페 제주숙소",
            "헤헷 헤헷 헤헷 헤헷",
            "강남성형 강남쌍꺼풀 강남코 성형외과 강남병원 성형추천",
        ],
    ),
]


@pytest.mark.parametrize(
    ("judge", "reason", "text"), [(judge, reason, text) for judge, reason, texts in DROPPED for text in texts]
)
def test_drops(judge, reason, text):
    decision = judge.decide(caption_text(text))
    assert (decision.outcome, decision.reason) == (Outcome.DROP, reason)
    assert reason in judge.reasons
    assert decision.score is not None


@pytest.mark.parametrize("judge", [judge for judge, _, _ in DROPPED], ids=lambda judge: judge.name)
@pytest.mark.parametrize(
    "text",
    [
        "경복궁 근정전",
        "2024년 서울의 봄",
        "6.25 전쟁 기념관",
        "갤럭시 S24 케이스",
        "1호선 서울역",
        "아반떼 2024",
        "VS Code 명령 팔레트에서 Reload Window 실행",
        "제주도 돌하르방과 제주 바다",
        "한복",
        "사진관",
    ],
)
def test_keeps(judge, text):
    assert judge.decide(caption_text(text)).outcome is Outcome.KEEP


def outcome(judge, text):
    return judge.decide(caption_text(text)).outcome


def test_thresholds():
    assert outcome(CaptionScript(min_hangul_share=0.5), "한국ab") is Outcome.KEEP
    assert outcome(CaptionScript(min_hangul_share=0.5), "한국abc") is Outcome.DROP
    assert outcome(CaptionScript(min_hangul_share=0.0), "abc") is Outcome.KEEP
    assert outcome(CaptionLength(max_characters=4), "경복궁역") is Outcome.KEEP
    assert outcome(CaptionLength(max_characters=4), "경복궁역앞") is Outcome.DROP
    assert outcome(CaptionLength(min_hangul=0), "abc") is Outcome.KEEP
    assert outcome(CaptionNumbers(max_digit_share=0.5), "가나12") is Outcome.KEEP
    assert outcome(CaptionNumbers(max_digit_share=0.5), "가나123") is Outcome.DROP
    assert outcome(CaptionRepetition(max_repeated_share=0.5), "제주 제주 서울 부산") is Outcome.KEEP
    assert outcome(CaptionRepetition(max_repeated_share=0.5), "제주 제주 제주 부산") is Outcome.KEEP
    assert outcome(CaptionRepetition(max_repeated_share=0.5), "제주 제주 제주 제주") is Outcome.DROP
    assert outcome(CaptionFurniture(max_stem_words=2), "도로 전경 3") is Outcome.DROP
    assert outcome(CaptionFurniture(max_stem_words=1), "도로 전경 3") is Outcome.KEEP
    assert outcome(CaptionFurniture(), "남산 도로 전경 3") is Outcome.KEEP

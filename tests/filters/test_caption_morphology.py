"""The filters over morphemes: each reason, the thresholds, and captions that look like remarks and are none."""

import pytest

from filters.caption import caption_text
from filters.caption_morphology import CaptionContentNoun, CaptionRemark, CaptionUnknownWords
from filters.clean import clean
from filters.morphology import analyze
from schemas.reasons import NO_REASON, Outcome, Reason


def record_of(raw):
    cleaned = clean(raw)
    return caption_text(cleaned.text, cleaned.steps)._replace(morphemes=analyze([cleaned.text])[0])


@pytest.mark.parametrize(
    "raw",
    [
        "정말 재밌게 봤어요",
        "저것은 무엇인가",
        "아름답고 또 아름답다",
        "이미지 목록",
        "거기 그 수 있는 것",
        "PNG 파일 열기",
    ],
)
def test_names_nothing(raw):
    decision = CaptionContentNoun().decide(record_of(raw))
    assert decision == (Outcome.DROP, Reason.CAPTION_NO_CONTENT_NOUN, 0.0, 1.0)


@pytest.mark.parametrize(
    ("raw", "nouns"),
    [
        ("첨성대", 1),
        ("돌하르방을 만나다", 1),
        ("한복 이미지", 1),
        ("제주도에서 본 돌하르방", 2),
        ("Docker 이미지 목록", 1),
        ("기본 설정 페이지 목록", 1),
    ],
)
def test_counts_nouns(raw, nouns):
    assert CaptionContentNoun().decide(record_of(raw)) == (Outcome.KEEP, NO_REASON, nouns, 1.0)
    assert CaptionContentNoun(min_nouns=nouns).decide(record_of(raw)).outcome is Outcome.KEEP
    assert CaptionContentNoun(min_nouns=nouns + 1).decide(record_of(raw)).outcome is Outcome.DROP


@pytest.mark.parametrize("raw", ["뷁쀍 쓩뀷", "뤳쮋 쀍"])
def test_unreadable(raw):
    decision = CaptionUnknownWords().decide(record_of(raw))
    assert (decision.outcome, decision.reason) == (Outcome.DROP, Reason.CAPTION_UNKNOWN_WORDS)


@pytest.mark.parametrize("raw", ["펭수", "돌하르방", "카르토피아 공연장", "김뫄뫄 대표"])
def test_new_names_are_readable(raw):
    assert CaptionUnknownWords().decide(record_of(raw)).outcome is Outcome.KEEP


REMARKS = [
    "우리 아이 너무 귀엽죠 ㅋㅋ",
    "정말 맛있게 먹었어요!!",
    "다음에 또 가고 싶네요ㅠㅠ",
    "이 영화 평점이 왜 이래?",
    "날씨가 너무 좋았어요~",
    "제가 제일 좋아하는 카페예요 ^^",
    "와 대박 진짜 사람이 많네",
    "오늘 점심은 뭘 먹을까요?",
]
DESCRIPTIONS = [
    "그룹 퍼레이드",
    "한복을 입은 아이들이 경복궁 앞에서 뛰어놀고 있다.",
    "지난 3일 제주도청에서 열린 개막식에서 참석자들이 박수를 치고 있습니다.",
    "홍길동 대표가 “정말 너무 좋아요!”라고 말하고 있다.",
    "아이들이 좋아하는 물놀이장",
    "1950년에 찍은 우리나라 최초의 지하철 공사 현장",
    "나무를 분리해 내려면?",
    "경복궁 야경!",
    "참석자들은 축제를 즐겼다.",
]


@pytest.mark.parametrize("raw", REMARKS)
def test_remarks(raw):
    decision = CaptionRemark().decide(record_of(raw))
    assert (decision.outcome, decision.reason) == (Outcome.DROP, Reason.CAPTION_REMARK)


@pytest.mark.parametrize("raw", DESCRIPTIONS)
def test_descriptions(raw):
    assert CaptionRemark().decide(record_of(raw)).outcome is Outcome.KEEP


def test_the_remark_threshold():
    record = record_of("날씨가 너무 좋네요")
    score = CaptionRemark().decide(record).score
    assert CaptionRemark(max_score=score).decide(record).outcome is Outcome.KEEP
    assert CaptionRemark(max_score=score - 0.01).decide(record).outcome is Outcome.DROP


@pytest.mark.parametrize("judge", [CaptionContentNoun(), CaptionUnknownWords(), CaptionRemark()])
def test_unknown_without_morphemes(judge):
    assert judge.decide(caption_text("경복궁"))[:3] == (Outcome.UNKNOWN, NO_REASON, None)


def test_unknown_share_without_syllables():
    assert CaptionUnknownWords().decide(record_of("abc")).outcome is Outcome.UNKNOWN

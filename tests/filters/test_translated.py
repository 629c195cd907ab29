import hashlib
from importlib import resources

import msgspec
import pytest

from filters.base import Decision
from filters.caption import caption_text
from filters.morphology import Morpheme, Morphemes, analyze
from filters.translated import MODEL_FILE, CaptionTranslated, translated_score
from schemas.reasons import NO_REASON, Outcome, Reason

NOTHING = Morphemes((), (), (), 0, 0, 0)
# Written for these tests: how English reads in Korean, and how Korean does.
LIKE_ENGLISH = (
    "그들은 그가 그녀에게 그것에 대해 말했던 것을 믿지 않았으며, 그것은 당신이 그것을 사용할 수 있다는 것을 의미합니다."
)
LIKE_KOREAN = "비 온다더니 해만 쨍쨍하네 ㅋㅋ 우산 괜히 들고 나왔잖아 진짜 무거워 죽는 줄 알았어요"


def record(text):
    return caption_text(text)._replace(morphemes=analyze([text])[0])


def test_the_score_tells_the_plain_cases_apart():
    assert translated_score(record(LIKE_ENGLISH).morphemes) > 0.9
    assert translated_score(record(LIKE_KOREAN).morphemes) < 0.2


def test_a_text_like_english_is_dropped_with_its_score():
    judge = CaptionTranslated()
    found = judge.decide(record(LIKE_ENGLISH))
    assert found[:2] == (Outcome.DROP, Reason.CAPTION_TRANSLATED)
    assert found.score > found.threshold == judge.max_score


def test_a_text_like_korean_is_kept_with_its_score():
    found = CaptionTranslated().decide(record(LIKE_KOREAN))
    assert found[:2] == (Outcome.KEEP, NO_REASON)
    assert found.score == translated_score(record(LIKE_KOREAN).morphemes)


def test_a_score_on_the_threshold_is_kept():
    text = record(LIKE_ENGLISH)
    score = translated_score(text.morphemes)
    assert CaptionTranslated(max_score=score).decide(text).outcome is Outcome.KEEP
    assert CaptionTranslated(max_score=score - 1e-6).decide(text).outcome is Outcome.DROP


@pytest.mark.parametrize("caption", ["알파 채널 예제", "탭 메뉴의 하위 메뉴", "경복궁 근정전의 겨울 풍경"])
def test_a_short_noun_phrase_is_unknown(caption):
    judge = CaptionTranslated()
    assert judge.decide(record(caption)) == Decision(Outcome.UNKNOWN, NO_REASON, None, judge.max_score)


def test_the_length_counts_morphemes_and_the_least_is_enough():
    text = record(LIKE_ENGLISH)
    length = len(text.morphemes.tokens)
    assert CaptionTranslated(min_morphemes=length).decide(text).outcome is Outcome.DROP
    assert CaptionTranslated(min_morphemes=length + 1).decide(text).outcome is Outcome.UNKNOWN


def test_no_morphemes_is_unknown():
    judge = CaptionTranslated(min_morphemes=0)
    unknown = Decision(Outcome.UNKNOWN, NO_REASON, None, judge.max_score)
    assert judge.decide(caption_text(LIKE_ENGLISH)) == unknown
    assert judge.decide(caption_text("")._replace(morphemes=NOTHING)) == unknown


def test_a_text_without_a_known_feature_is_unknown():
    odd = NOTHING._replace(tokens=tuple(Morpheme("𓀀", "W_X", 2 * place, 1) for place in range(30)))
    assert translated_score(odd) is None
    assert CaptionTranslated().decide(caption_text("𓀀")._replace(morphemes=odd)).outcome is Outcome.UNKNOWN


def test_the_decision_gives_only_its_own_reasons():
    assert CaptionTranslated.reasons == {Reason.CAPTION_TRANSLATED}


def test_the_config_refuses_a_field_it_does_not_know():
    assert msgspec.convert({"type": "caption_translated", "max_score": 0.5}, CaptionTranslated).max_score == 0.5
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"type": "caption_translated", "most": 1}, CaptionTranslated)


def test_the_shipped_model_is_small_and_the_one_its_card_describes():
    folder = resources.files("filters") / "models"
    data = (folder / MODEL_FILE).read_bytes()
    assert 100_000 < len(data) <= 1 << 20
    assert hashlib.sha256(data).hexdigest() in (folder / "MODEL_CARD.md").read_text("utf-8")

import msgspec
import pytest

from filters.caption_engine import DEFAULT_FILTERS
from filters.clean import CHARACTER_STEPS
from filters.clean_rules import RULES
from filters.translated import CaptionTranslated
from pipelines.caption_lines import CaptionAnswer, explain, explain_lines, tell
from pipelines.caption_texts import REASONS, STEPS
from schemas.reasons import Reason

GOOD = "제주 목관아 앞 돌하르방 두 기"


def test_a_good_caption_is_kept_with_the_score_of_every_filter():
    answer = explain(GOOD).answer
    assert (answer.raw, answer.caption, answer.outcome, answer.reason) == (GOOD, GOOD, "keep", "")
    assert answer.scores["caption_length"] >= 4
    assert all(score is None or isinstance(score, float) for score in answer.scores.values())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", Reason.CAPTION_MISSING),
        ("   ", Reason.CAPTION_MISSING),
        ("A stone grandfather in the park", Reason.CAPTION_NOT_KOREAN),
        ("로고", Reason.CAPTION_BOILERPLATE),
    ],
)
def test_a_line_that_is_no_caption_says_why(line, reason):
    answer = explain(line).answer
    assert (answer.outcome, answer.reason) == ("drop", reason)
    assert answer.raw == line


def test_concepts_are_named_where_the_caption_is_kept():
    assert "돌하르방" in explain(GOOD).answer.concepts
    assert explain("로고").answer.concepts == []


def test_identifiers_are_hidden_and_their_place_in_the_raw_line_is_told():
    raw = f"{GOOD} 문의 010-1234-5678"
    answer = explain(raw).answer
    assert answer.outcome == "keep"
    assert answer.raw == answer.caption == f"{GOOD} 문의 [휴대전화번호]"
    (hidden,) = answer.redactions
    assert raw[hidden.span[0] : hidden.span[1]] == "010-1234-5678"


def test_a_resident_number_drops_the_line_and_is_not_said_again():
    answer = explain(f"{GOOD} 900101-1234567").answer  # made up: the check digit does not fit
    assert (answer.outcome, answer.reason) == ("drop", Reason.CAPTION_IDENTIFIER)
    assert "900101" not in repr(answer)
    assert [hidden.kind for hidden in answer.redactions] == ["resident_number"]
    assert answer.concepts == []


def test_one_answer_a_line_in_order():
    stream = [f"{GOOD}\n".encode(), b"\r\n", b"<b>" + GOOD.encode() + b"</b>\r\n", b"\xff\xfe\n", GOOD.encode()]
    answers = [explained.answer for explained in explain_lines(stream)]
    assert [answer.raw for answer in answers] == [GOOD, "", f"<b>{GOOD}</b>", "\ufffd\ufffd", GOOD]
    assert [answer.outcome for answer in answers][:2] == ["keep", "drop"]
    assert answers[3].outcome == "drop"
    assert answers[0] == answers[4]


def test_no_lines_no_answers():
    assert list(explain_lines([])) == []


def test_an_answer_is_told_before_the_next_line_is_read():
    def endless():
        while True:
            yield GOOD.encode() + b"\n"

    lines = explain_lines(endless())
    assert next(lines).answer.caption == next(lines).answer.caption == GOOD


def test_the_keys_are_the_contract():
    found = msgspec.json.decode(msgspec.json.encode(explain(GOOD).answer))
    assert list(found) == ["raw", "caption", "outcome", "reason", "scores", "concepts", "redactions"]
    assert msgspec.convert(found, CaptionAnswer) == explain(GOOD).answer


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "그림 3. 제주 돌하르방 전경 (사진=연합뉴스)",
            "keep\t제주 돌하르방 전경\t유지; 다듬은 것: 출처, 그림 번호; 개념: 제주도, 돌하르방",
        ),
        ("IMG_001.jpg", "drop caption_file_name\tIMG_001.jpg\t제외: 파일 이름입니다"),
        ("", "drop caption_missing\t\t제외: 글이 없습니다"),
    ],
)
def test_a_line_is_told_in_korean(line, told):
    assert tell(explain(line)) == told


def test_what_is_hidden_is_named_in_korean_and_not_said():
    told = tell(explain(f"{GOOD} 문의 010-1234-5678"))
    assert "가린 것: 휴대전화번호" in told
    assert "1234" not in told


def test_every_reason_of_a_text_and_every_step_has_its_korean():
    filters = [*DEFAULT_FILTERS, CaptionTranslated()]
    ends = {Reason.UNKNOWN, *(reason for reason in Reason if reason.startswith("caption_"))}
    ends -= {Reason.CAPTION_REPEATED, Reason.CAPTION_NEAR_REPEATED}  # told of samples, not of lines
    assert ends == REASONS.keys()
    assert {reason for judge in filters for reason in judge.reasons} <= REASONS.keys()
    steps = {step for step, _ in CHARACTER_STEPS} | {rule.step for rule in RULES} | {"space", "site_name"}
    assert steps == STEPS.keys()

import pytest

from filters.caption_safety import (
    LONGEST,
    LONGEST_REPORT,
    CaptionSafety,
    holds_forbidden,
    is_forbidden_url,
    make_safe,
    redacted,
    safe_report,
    withheld,
)
from filters.identifiers import IdentifierPolicy
from schemas.reasons import Reason

RULES = CaptionSafety()
RESIDENT = "900101-1234567"  # made up: the check digit does not fit


@pytest.mark.parametrize(
    ("caption", "reason", "text"),
    [
        ("제주 돌하르방", "", "제주 돌하르방"),
        (f"홍길순 {RESIDENT}", Reason.CAPTION_IDENTIFIER, "홍길순 [주민등록번호]"),
        ("예약 010-1234-5678 한옥 마당", "", "예약 [휴대전화번호] 한옥 마당"),
        ("카지노 토토 대출 상담", Reason.CAPTION_SPAM, "카지노 토토 대출 상담"),
        ("시발놈아 꺼져라", Reason.CAPTION_ABUSE, "시발놈아 꺼져라"),
        ("", "", ""),
    ],
)
def test_each_reason_and_what_may_be_written(caption, reason, text):
    safe = make_safe(caption, RULES)
    assert (safe.reason, safe.text) == (reason, text)
    assert [verdict.filter_id for verdict in safe.verdicts] == ["identifiers@2", "spam_text@1", "abuse_text@1"]


def test_a_number_withheld_before_still_drops_the_caption():
    assert make_safe(withheld(f"홍길순 {RESIDENT}"), RULES).reason == Reason.CAPTION_IDENTIFIER


def test_a_policy_may_redact_instead():
    rules = CaptionSafety(identifiers=IdentifierPolicy(resident_number="redact"))
    safe = make_safe(withheld(f"홍길순 {RESIDENT}"), rules)
    assert (safe.reason, safe.text) == ("", "홍길순 [주민등록번호]")


def test_what_is_withheld_is_only_what_may_never_be_written():
    assert withheld(f"{RESIDENT} 010-1234-5678") == "[주민등록번호] 010-1234-5678"
    assert redacted(f"{RESIDENT} 010-1234-5678", RULES) == "[주민등록번호] [휴대전화번호]"


def test_a_long_text_is_cut():
    assert len(withheld("가" * (LONGEST + 5))) == LONGEST


def test_urls_and_pages():
    assert is_forbidden_url(f"http://a.test/{RESIDENT}.jpg")
    assert not is_forbidden_url("http://a.test/20260101.jpg")
    assert holds_forbidden(f"<p>{RESIDENT}</p>")
    assert not holds_forbidden("<p>2026-01-01</p>")


def test_nothing_that_comes_back_shows_the_number():
    digits = RESIDENT.split("-")[1]
    assert digits not in repr(make_safe(f"홍길순 {RESIDENT}", RULES))


def test_what_is_told_of_an_error_quotes_no_identifier():
    told = safe_report(f"File 'a.py', line 12, in read\nValueError: '<p>{RESIDENT}, 010-1234-5678, a@b.kr'")
    assert told == "File 'a.py', line 12, in read\nValueError: '<p>[주민등록번호], [휴대전화번호], [이메일]'"
    long = safe_report("\n".join([RESIDENT, "x" * LONGEST_REPORT, "the end"]))
    assert long == "the end"

import hashlib
import re
import subprocess
import sys
from importlib import resources

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.base import filter_id
from filters.unwanted import AbuseText, Match, SpamText, find_terms, load_lexicon, parse_lexicon, score
from schemas.reasons import Outcome, Reason

SPAM = [
    "ㄷㅐㅊㅜㄹ",
    "대.출 문의",
    "대*출",
    "대 출 상담",
    "토_토",
    "카.지.노",
    "바0카라",
    "ㅋㅏㅈㅣㄴㅗ",
    "ｋａｋａｏ 카톡 무직자 대출 당일 입금",
    "카*지*노 먹튀없는",
    "온라인카지노 추천",
    "출장안마 24시 후불",
    "출.장.안.마",
    "출-장 마-사-지",
    "조·건·만·남",
    "ㅌㅗㅌㅗ 사이트",
    "대ㅊㅜㄹ",
    "카ㅈㅣ노",
    "ㄷㅐ출",
    "먹튀 없는 토토 사이트",
    "바카라 사이트 가입코드",
    "카★지★노",
    "바♥카♥라",
    "대출 당일 즉시 무방문 상담",
    "급전 필요하신 분 무직자 연체자 당일",
    "성.인.방.송",
    "야동 보기",
    "카지노 바카라 토토 먹튀검증",
    "\uce74\u200b\uc9c0\u200b\ub178 \ubc14\u200b\uce74\u200b\ub77c \ucd94\ucc9c\uc778",
    "파.워.볼",
]
ABUSE = [
    "시발 새끼",
    "씨.발",
    "ㅅㅂ 진짜",
    "시1발",
    "ㅅㅣㅂㅏㄹ",
    "병@신",
    "개 새 끼",
    "개새끼",
    "씨ㅂㅏㄹ",
    "시ㅂㅏㄹ",
    "ㅂㅅ아",
    "존나 지랄",
    "시~발",
    "미친놈",
    "짱깨",
]
INNOCENT = [
    "도서 대출",
    "도서관에서 책을 대출하는 시민",
    "대출 반납기",
    "대출",
    "서울대·출판부",
    "연세대, 출신 작가",
    "고려대-출판문화원",
    "주택 담보대출 금리 그래프",
    "성인 병",
    "성인병 예방 식단",
    "성인식을 올리는 청년",
    "성인 남성 상담 모습",
    "시발점",
    "시발택시",
    "1955년 시발 자동차",
    "해외 출장",
    "해외 출장 중 찍은 사진",
    "출장 마친 대통령",
    "토토로",
    "이웃집 토토로",
    "토토 사이트맵",
    "마카오 카지노 호텔",
    "라스베이거스의 카지노 거리",
    "마카오 카지노 호텔에서 바카라 게임을 하는 사람들",
    "강원랜드 카지노 전경",
    "바카라 크리스탈 잔",
    "도박 예방 캠페인",
    "도박사이트 단속하는 경찰",
    "토 토 토 리듬",
    "대 출발",
    "그 대 출근길",
    "은행 대출 상담 창구",
    "병신년 새해",
    "새끼 고양이",
    "호랑이 새끼",
    "다시 발견된 유물",
    "즉시발송",
    "도시 발전",
    "역시 발전소",
    "촛불이 꺼져 있다",
    "졸라의 소설 표지",
    "에밀 졸라 초상",
    "이 새끼 고양이는",
    "ㄷㅐ한민국",
    "ㅋㅋㅋ 귀엽다",
    "건마늘 사진",
    "바다이야기 축제",
    "안전놀이터에서 노는 어린이",
    "시 발행 문서",
    "시.발행 연도",
    "경주마 경마 사이트 전경",
    "감염병 관리",
    "시발역에서 출발하는 열차",
    "전자오락 게임 무료 쿠폰 이벤트",
    "유흥업소 밀집 거리",
    "고(故) 김대중 대통령",
    "A.대.한.민.국",
    "대구 출신, 대전 출신",
]


@pytest.mark.parametrize("text", SPAM)
def test_spam(text):
    decision = SpamText().decide(text)
    assert (decision.outcome, decision.reason) == (Outcome.DROP, Reason.CAPTION_SPAM)
    assert decision.score is not None and decision.score >= 3.0 == decision.threshold


@pytest.mark.parametrize("text", ABUSE)
def test_abuse(text):
    decision = AbuseText().decide(text)
    assert (decision.outcome, decision.reason) == (Outcome.DROP, Reason.CAPTION_ABUSE)
    assert decision.score is not None and decision.score >= 2.0 == decision.threshold


@pytest.mark.parametrize("text", ["", *INNOCENT])
def test_innocent(text):
    for judge in (SpamText(), AbuseText()):
        decision = judge.decide(text)
        assert (decision.outcome, decision.reason) == (Outcome.KEEP, "")
        assert decision.score is not None and decision.score < decision.threshold


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0.0),
        ("제주도 유채꽃", 0.0),
        ("상담 문의 카톡 당일 즉시", 0.0),  # hints alone say nothing
        ("대출", 1.0),
        ("대출 대출 대출", 1.0),  # a term counts once
        ("대출 상담", 1.5),
        ("대출 상담 문의 카톡 당일 즉시 무방문", 3.0),  # hints add at most 2
        ("대.출", 3.0),
        ("도서관 대출", 0.0),
        ("도서관 대.출", 3.0),  # whoever hides it means it
        ("경찰, 도박사이트 단속", 0.0),
    ],
)
def test_score(text, value):
    assert score(text, load_lexicon("spam")) == value


def test_threshold_is_the_least_score_that_drops():
    assert SpamText(threshold=1.0).decide("대출").outcome == Outcome.DROP
    assert SpamText(threshold=1.01).decide("대출").outcome == Outcome.KEEP
    assert SpamText(threshold=0.0).decide("").outcome == Outcome.DROP


def test_matches_name_term_place_and_disguise():
    assert find_terms("오늘 ㄷㅐㅊㅜㄹ", load_lexicon("spam")) == [Match("대출", 3, 8, hidden=True)]
    assert find_terms("오늘 대출", load_lexicon("spam")) == [Match("대출", 3, 5, hidden=False)]
    assert find_terms("오늘 대출은 카.지.노", load_lexicon("spam")) == [
        Match("대출", 3, 5, hidden=False),
        Match("카지노", 7, 12, hidden=True),
    ]


def test_a_workflow_may_add_and_reweigh_terms():
    judge = msgspec.convert({"extra": {"행운번호": 3.0, "카지노": 0.0}}, SpamText)
    assert judge.decide("행.운.번.호").outcome == Outcome.DROP
    assert judge.decide("행운번호 공개").score == 3.0
    assert judge.decide("카지노 전경").score == 0.0
    assert SpamText().decide("행운번호 공개").score == 0.0
    with pytest.raises(ValueError, match="blank"):
        SpamText(extra={" ": 1.0}).decide("가")
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"terms": {}}, SpamText)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("core\t가\t1\tany\n", "names no version"),
        ("# version: 1\nbad\t가\t1\tany\n", "line 2"),
        ("# version: 1\n\ncore\t가\t1\tend\n", "line 3"),
        ("# version: 1\ncore\t가\t1\tany\ncore\t가\t2\tany\n", "line 3"),
        ("# version: 1\ncore\t가\n", "line 2"),
        ("# version: 1\ncore\t가\tx\tany\n", "line 2"),
    ],
)
def test_a_lexicon_that_is_not_well_formed_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_lexicon("test", text)


def test_an_empty_lexicon_finds_nothing():
    assert find_terms("대출", parse_lexicon("test", "# version: 7")) == []


def test_a_changed_lexicon_gets_a_new_version():
    """Stored verdicts name the filter's version, so it grows with the list; then pin the list's digest anew."""
    for name, judge, digest in (
        ("spam", SpamText(), "5d58e7465f680b1e"),
        ("abuse", AbuseText(), "e665c5a251532c0b"),
    ):
        data = resources.files("filters.lexicons").joinpath(f"{name}.tsv").read_bytes()
        assert hashlib.sha256(data).hexdigest()[:16] == digest
        assert load_lexicon(name).version == judge.version
    assert (filter_id(SpamText()), filter_id(AbuseText())) == ("spam_text@1", "abuse_text@1")
    assert SpamText.reasons == {Reason.CAPTION_SPAM}
    assert AbuseText.reasons == {Reason.CAPTION_ABUSE}


def test_every_core_term_is_found_plain_and_split():
    for name in ("spam", "abuse"):
        lexicon = load_lexicon(name)
        for term in lexicon.terms.values():
            if term.role == "core":
                assert term.text in [match.term for match in find_terms(term.text, lexicon)]
                if len(term.text) > 1 and not re.search("[ 0-9]", term.text):
                    hidden = [match.term for match in find_terms(".".join(term.text), lexicon) if match.hidden]
                    assert term.text in hidden, term.text


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([*"대출카지노ㄷㅐㅊㅜㄹㅋㅅㅂ가각.*♥ 0aㅏ", "\u200b", "\ud800", "시발"]),
            st.text(max_size=2),
        ),
        max_size=20,
    ).map("".join)
)
def test_any_text_is_scored_and_adding_a_sale_never_lowers_the_score(text):
    spam, abuse = load_lexicon("spam"), load_lexicon("abuse")
    before = score(text, spam)
    assert before >= 0.0
    assert score(text, abuse) >= 0.0
    assert score(text + "\n\n온.라.인.카.지.노", spam) >= 3.0


SCRIPT = """
from filters.unwanted import AbuseText, SpamText
for seed in ("ㄷㅐ", "가.", "대 ", "카지노", "a", "시발", "ㅋ", "가"):
    SpamText().decide((seed * 100000)[:100000])
    AbuseText().decide((seed * 100000)[:100000])
SpamText().decide("가나다 " * 2500000)
print("done")
"""


def test_hostile_inputs_end():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=150)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr

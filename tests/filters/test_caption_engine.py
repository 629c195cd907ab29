"""The engine end to end: chosen, cleaned, judged, and every way out of it."""

import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.caption_corpus import CountedCorpus
from filters.caption_engine import DEFAULT_FILTERS, CaptionInput, CaptionRules, Judged, explain_line, judge
from filters.caption_shape import CaptionLength, CaptionScript
from schemas.reasons import NO_REASON, Outcome, Reason
from schemas.records import CaptionCandidate

LINES = [
    ("그림 8.6. 알파 채널 예제", NO_REASON),
    ("돌하르방을 만나다", NO_REASON),
    ("한복", NO_REASON),
    ("", Reason.CAPTION_MISSING),
    ("  \u200b ", Reason.CAPTION_BOILERPLATE),
    ("ⓒ 홍길동", Reason.CAPTION_BOILERPLATE),
    ("사진=연합뉴스", Reason.CAPTION_BOILERPLATE),
    ("이미지", Reason.CAPTION_BOILERPLATE),
    ("https://example.kr/a.jpg", Reason.CAPTION_URL),
    ("example.co.kr", Reason.CAPTION_URL),
    ("DSC_0012.jpg", Reason.CAPTION_FILE_NAME),
    ("12,000원", Reason.CAPTION_NUMBERS),
    ("Example for layer mode", Reason.CAPTION_NOT_KOREAN),
    ("붓", Reason.CAPTION_TOO_SHORT),
    ("경복궁 " * 80, Reason.CAPTION_TOO_LONG),
    ("경복궁 " * 800, Reason.CAPTION_TOO_LONG),
    ("사용법 1", Reason.CAPTION_TEMPLATED),
    ("제주여행 제주맛집 제주카페 제주숙소", Reason.CAPTION_REPETITIVE),
    ("정말 재밌게 봤어요", Reason.CAPTION_NO_CONTENT_NOUN),
    ("뷁쀍 쓩뀷", Reason.CAPTION_UNKNOWN_WORDS),
    ("우리 아이 너무 귀엽죠 ㅋㅋ", Reason.CAPTION_REMARK),
    ("한\x00복", Reason.CAPTION_INVALID_TEXT),
    ("\ud800한복", Reason.CAPTION_INVALID_TEXT),
    ("\u202e궁복경", Reason.CAPTION_INVALID_TEXT),
    ("경복\ufffd", Reason.CAPTION_MOJIBAKE),
]


@pytest.mark.parametrize(("raw", "reason"), LINES)
def test_lines(raw, reason):
    judged = explain_line(raw)
    assert judged.reason == reason
    assert judged.outcome == (Outcome.DROP if reason else Outcome.KEEP)
    assert judged.raw == raw or reason == Reason.CAPTION_MISSING


def test_a_kept_line_carries_every_score():
    judged = explain_line("그림 8.6. 알파 채널 예제")
    assert judged.caption == "알파 채널 예제"
    assert judged.steps == ("figure_number",)
    assert judged.morphemes == len(judged.analysis.tokens) == 3
    counted = {"caption_site_frequency", "caption_corpus_frequency", "caption_template"}
    assert [v.filter_id.split("@")[0] for v in judged.verdicts] == [
        rule.name for rule in DEFAULT_FILTERS if rule.name not in counted
    ]
    assert all(verdict.outcome == Outcome.KEEP for verdict in judged.verdicts)


def images(*texts, kind="alt", page="http://a.kr/", start=0):
    return [
        CaptionInput((CaptionCandidate(kind, text, "/"),), "", page, f"http://a.kr/{start + i}.jpg")
        for i, text in enumerate(texts)
    ]


def test_repeated_texts_drop_with_evidence():
    batch = images("어서 오세요 첨성대입니다", "어서 오세요 첨성대입니다", "첨성대 야경", start=10) + images(
        *["우리 시의 소식"] * 4
    )
    found = judge(batch, evidence=CountedCorpus(batch))
    assert [j.reason for j in found][2:] == [NO_REASON] + [Reason.CAPTION_TOO_FREQUENT] * 4
    assert found[3].verdicts[-1][2:] == (Reason.CAPTION_TOO_FREQUENT, 4.0, 3.0)


def titled(page, title, text, image, *, linked="", name=""):
    return CaptionInput((CaptionCandidate("alt", text, "/"),), title, page, image, linked, name)


def test_a_headline_on_a_listing_page_is_no_caption():
    listing = titled("http://a.kr/", "제주일보", "제주 돌하르방 공원 개장", "http://a.kr/t.jpg", linked="http://a.kr/1")
    article = titled("http://a.kr/1", "제주 돌하르방 공원 개장 | 제주일보", "돌하르방 두 기", "http://a.kr/1.jpg")
    batch = [listing, article]
    found = judge(batch, evidence=CountedCorpus(batch))
    assert [j.reason for j in found] == [Reason.CAPTION_WEAK_SOURCE, NO_REASON]
    assert found[0].why == "title of the linked page 0.20"


def test_an_image_whose_article_was_not_read_keeps_its_text():
    batch = [titled("http://a.kr/", "", "제주 돌하르방 공원 개장", "http://a.kr/t.jpg", linked="http://a.kr/1")]
    (found,) = judge(batch, evidence=CountedCorpus(batch))
    assert (found.outcome, found.why) == (Outcome.KEEP, "alt 0.26")


@pytest.mark.parametrize(("pages", "caption"), [(5, "첨성대 야경"), (4, "첨성대 야경 | 경주 나들이")])
def test_a_site_s_name_is_proven_by_the_titles_of_five_pages(pages, caption):
    batch = [
        titled(f"http://a.kr/{n}", f"글 {n} | 경주 나들이", "첨성대 야경 | 경주 나들이", "http://a.kr/1.jpg")
        for n in range(pages)
    ]
    found = judge(batch, evidence=CountedCorpus(batch))[0]
    assert found.caption == caption
    assert ("site_name" in found.steps) == (pages == 5)
    assert found.raw == "첨성대 야경 | 경주 나들이"


def test_a_site_s_name_is_proven_by_what_the_page_says():
    (found,) = judge([titled("http://a.kr/", "", "첨성대 야경 - 경주나들이", "http://a.kr/1.jpg", name="경주 나들이")])
    assert (found.caption, found.steps) == ("첨성대 야경", ("site_name",))


def test_a_text_is_counted_with_the_site_s_name():
    batch = [
        titled("http://a.kr/", "", "우리 시의 소식 | 제주시", f"http://a.kr/{n}.jpg", name="제주시") for n in range(4)
    ]
    found = judge(batch, evidence=CountedCorpus(batch))[0]
    assert (found.caption, found.reason) == ("우리 시의 소식", Reason.CAPTION_TOO_FREQUENT)


def test_texts_repeated_over_many_sites_drop():
    batch = [
        CaptionInput((CaptionCandidate("alt", "문화가 있는 날", "/"),), "", f"http://{i}.kr/", f"http://{i}.kr/a.jpg")
        for i in range(11)
    ]
    assert {j.reason for j in judge(batch, evidence=CountedCorpus(batch))} == {Reason.CAPTION_TOO_FREQUENT}
    assert {j.reason for j in judge(batch[1:], evidence=CountedCorpus(batch[1:]))} == {NO_REASON}


def test_templates_drop_with_evidence():
    batch = images(*(f"제주시 {i}번 버스 시간표" for i in range(10)))
    assert {j.reason for j in judge(batch, evidence=CountedCorpus(batch))} == {Reason.CAPTION_TEMPLATED}
    assert {j.reason for j in judge(batch[1:], evidence=CountedCorpus(batch[1:]))} == {NO_REASON}


def test_counts_that_are_missing_are_unknown_and_the_rules_say_what_then():
    batch = images("첨성대 야경")
    empty = CountedCorpus([])
    assert judge(batch, evidence=empty)[0].reason == Reason.UNKNOWN
    assert judge(batch, CaptionRules(on_unknown="keep"), empty)[0].outcome == Outcome.KEEP


def test_the_next_text_is_tried_where_the_likeliest_fails():
    texts = (
        CaptionCandidate("figcaption", "우리 아이 너무 귀엽죠 ㅋㅋ", "/f"),
        CaptionCandidate("title", "정말 재밌게 봤어요", "/t"),
        CaptionCandidate("alt", "한복을 입은 아이", "/a"),
        CaptionCandidate("file_name", "DSC_1.jpg", ""),
    )
    found = judge([CaptionInput(texts)])[0]
    assert (found.caption, found.kind, found.dom_path) == ("한복을 입은 아이", "alt", "/a")
    assert found.detail == "figcaption: caption_remark"
    assert found.why == "alt 0.52"


def test_the_likeliest_failure_speaks_for_an_image_without_a_caption():
    texts = (CaptionCandidate("alt", "이미지", "/a"), CaptionCandidate("figcaption", "너무 귀엽죠 우리 아이", "/f"))
    found = judge([CaptionInput(texts)])[0]
    assert (found.kind, found.reason) == ("figcaption", Reason.CAPTION_REMARK)
    assert found.detail == "alt: caption_boilerplate"


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ((), Reason.CAPTION_MISSING),
        ((("file_name", "돌하르방.jpg"),), Reason.CAPTION_FILE_NAME),
        ((("file_name", "돌하르방.jpg"), ("alt", "ⓒ 홍길동")), Reason.CAPTION_BOILERPLATE),
        ((("og_title", "제주 여행 이야기"),), Reason.CAPTION_WEAK_SOURCE),
        ((("heading", "제주 여행 이야기"),), Reason.CAPTION_WEAK_SOURCE),
    ],
)
def test_images_with_nothing_usable(texts, reason):
    found = judge([CaptionInput(tuple(CaptionCandidate(kind, text, "/") for kind, text in texts))])[0]
    assert (found.outcome, found.reason) == (Outcome.DROP, reason)


def test_a_control_has_no_caption():
    texts = (CaptionCandidate("alt", "다음", "/a"), CaptionCandidate("caption_paragraph", "경로와 SVG 파일", "/p"))
    found = judge([CaptionInput(texts)])[0]
    assert (found.reason, found.kind, found.caption) == (Reason.CAPTION_BOILERPLATE, "alt", "다음")
    texts = (CaptionCandidate("alt", "이미지", "/a"), texts[1])
    assert judge([CaptionInput(texts)])[0].caption == "경로와 SVG 파일"


def test_the_answer_does_not_depend_on_the_batch():
    batch = [CaptionInput((CaptionCandidate("alt", raw, "/"),)) for raw, _ in LINES]
    whole = judge(batch)
    assert [judge([item])[0] for item in batch] == whole
    assert judge(batch[::-1])[::-1] == whole
    assert judge([]) == []


def test_rules_are_read_from_a_workflow():
    rules = msgspec.convert(
        {"filters": [{"type": "caption_script", "min_hangul_share": 0.9}, {"type": "caption_length"}]}, CaptionRules
    )
    assert rules.filters == (CaptionScript(min_hangul_share=0.9), CaptionLength())
    assert explain_line("KBS 사옥", rules).reason == Reason.CAPTION_NOT_KOREAN
    with pytest.raises(msgspec.ValidationError, match="min_hangul"):
        msgspec.convert({"filters": [{"type": "caption_script", "min_hangul": 1}]}, CaptionRules)


def test_every_filter_has_its_own_name_and_known_reasons():
    names = [rule.name for rule in DEFAULT_FILTERS]
    assert len(set(names)) == len(names)
    for rule in DEFAULT_FILTERS:
        assert rule.__struct_config__.tag == rule.name
        assert rule.reasons <= frozenset(Reason)


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_gets_an_outcome_and_a_reason(raw):
    judged = explain_line(raw)
    assert isinstance(judged, Judged)
    assert (judged.outcome == Outcome.KEEP) == (judged.reason == NO_REASON)
    if judged.reason:
        assert judged.reason in set(Reason)


@pytest.mark.parametrize("plane", range(17))
def test_every_plane(plane):
    for low in range(0, 0x10000, 0x400):
        block = "".join(chr(plane * 0x10000 + low + i) for i in range(0x400))
        assert explain_line(block).reason != NO_REASON or plane == 0


@pytest.mark.parametrize("line", ["가" * 10_000_000, "\ud800" * 10_000_000, "\x00" * 10_000_000, "(" * 10_000_000])
def test_ten_megabytes_take_bounded_time(line):
    begin = time.process_time()
    assert explain_line(line).reason == Reason.CAPTION_TOO_LONG
    assert time.process_time() - begin < 1.0

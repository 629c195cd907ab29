"""What the rule table promises to the loop that applies it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.clean_rules import RULES, TRIGGER


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.step}: {rule.pattern.pattern[:30]}")
def test_a_rule_has_a_name_and_characters_it_needs(rule):
    assert rule.step.replace("_", "").isalpha()
    assert rule.needs
    assert rule.pattern.search("") is None


@pytest.mark.parametrize(
    "text",
    [
        "경복궁 Photo by 홍길동",
        "경복궁 COPYRIGHT 홍길동",
        "경복궁 WWW.EXAMPLE.KR",
        "경복궁 All Rights Reserved.",
        "경복궁 특파원",
        "FIGURE 3. 경복궁",
    ],
)
def test_no_rule_matches_a_text_without_its_characters(text):
    for rule in RULES:
        if rule.needs.isdisjoint(text):
            assert rule.pattern.sub(rule.replacement, text) == text, rule.step


WORDS = st.sampled_from(
    """경복궁 의 야경 사진 그림 자료사진 제공 서울시 홍길동 기자 연합뉴스 출처 무단 전재 금지 이미지 확대 보기 클릭하면
    하나 저작권자 Photo by 다. A 캡처 재배포 뉴스1 . 1 B 사진은 무관""".split()
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=7).map("".join) | st.lists(WORDS, max_size=7).map(" ".join))
def test_no_rule_matches_a_text_without_a_trigger(text):
    if TRIGGER.search(text) is None:
        for rule in RULES:
            assert rule.pattern.sub(rule.replacement, text) == text, rule.step

"""What the rule table promises to the loop that applies it."""

import pytest

from filters.clean_rules import RULES


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

from hypothesis import given, settings
from hypothesis import strategies as st

from filters.morphology import Morpheme, analyze
from filters.style_tokens import NGRAM, style_ngrams, style_tokens


def of(text):
    return style_tokens(analyze([text])[0].tokens)


def test_words_of_content_become_their_kind_and_particles_stay():
    assert of("제주도에서 돌하르방을 만났다.") == ["▁N", "에서/JKB", "▁N", "을/JKO", "▁V", "었/EP", "다/EF", "./SF"]


def test_the_topic_does_not_show():
    assert of("서울에서 고양이를 만났다.") == of("부산에서 강아지를 만났다.")


def test_compounds_in_one_piece_differ_from_compounds_apart():
    glued = [Morpheme("여행", "NNG", 0, 2), Morpheme("심리", "NNG", 2, 2)]
    apart = [Morpheme("여행", "NNG", 0, 2), Morpheme("심리", "NNG", 3, 2)]
    assert style_tokens(glued) == ["▁N", "N"]
    assert style_tokens(apart) == ["▁N", "▁N"]


def test_pronouns_and_general_words_stay():
    tokens = of("그들은 이것에 대한 생각을 알고 있다")
    assert {"▁그/NP", "▁이것/NP", "▁대하/VV", "▁생각/NNG", "▁알/VV"} <= set(tokens)


def test_a_tag_with_a_suffix_counts_as_the_tag():
    assert style_tokens([Morpheme("돕", "VV-I", 0, 1), Morpheme("어", "EC", 1, 1)]) == ["▁V", "어/EC"]


def test_numbers_and_foreign_letters_have_no_form():
    assert style_tokens([Morpheme("2026", "SN", 0, 4), Morpheme("GDP", "SL", 5, 3)]) == ["▁SN", "▁N"]


def test_ngrams_run_from_one_to_three_tokens():
    assert list(style_ngrams(["a", "b", "c", "d"])) == ["a", "b", "c", "d", "a_b", "b_c", "c_d", "a_b_c", "b_c_d"]


def test_nothing_has_no_features():
    assert style_tokens([]) == []
    assert list(style_ngrams([])) == []


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_one_token_a_morpheme_and_never_white_space(text):
    morphemes = analyze([text])[0].tokens
    tokens = style_tokens(morphemes)
    assert len(tokens) == len(morphemes)
    features = list(style_ngrams(tokens))
    assert " ".join(features).split() == features
    assert len(features) == sum(max(0, len(tokens) - n + 1) for n in range(1, NGRAM + 1))

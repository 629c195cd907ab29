from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kiwipiepy import Kiwi

from filters.concepts import (
    LEXICON_VERSION,
    Concept,
    ConceptMatcher,
    concept_matcher,
    lexicon,
    parse_lexicon,
    well_known,
)

_SPEC = importlib.util.spec_from_file_location(
    "concept_recall", Path(__file__).parents[1] / "bench" / "concept_recall.py"
)
assert _SPEC is not None and _SPEC.loader is not None
bench = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(bench)

CATEGORIES = {
    *("건축", "공예·미술", "근현대·탈것", "동물", "명소", "문화유산", "민속·의례·놀이", "사람·직업"),
    *("살림·물건", "식물", "음식", "음악·춤·무예", "의복", "자연·경관", "지명"),
}
HEAD = f"# concepts\tversion {LEXICON_VERSION}\tcategory 음식\nname\taliases\thomographs\tcontext\tunrelated\n"


@cache
def kiwi() -> Kiwi:
    return Kiwi(num_workers=1)


@cache
def matcher() -> ConceptMatcher:
    return ConceptMatcher()


@cache
def again() -> ConceptMatcher:
    return ConceptMatcher()


def found(text: str) -> list[str]:
    return matcher().match(text, [(t.form, t.tag, t.start, t.len) for t in kiwi().tokenize(text)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("   ", []),
        ("개체를 선택하는 방법", []),
        # particles and the copula
        ("돌하르방을", ["돌하르방"]),
        ("돌하르방처럼", ["돌하르방"]),  # Kiwi: 돌하르/방
        ("제주도에서", ["제주도"]),
        ("경복궁에서의 하루", ["경복궁"]),
        ("한라산이다", ["한라산"]),
        ("첨성대였다", ["첨성대"]),
        # spacing and glue
        ("돌 하르방을 보았다", ["돌하르방"]),
        ("김치 찌개", ["김치찌개", "찌개"]),
        ("한복입은 아이", ["한복"]),
        ("제주돌하르방", ["돌하르방"]),  # one unknown noun to Kiwi
        ("「첨성대」(경주)", ["첨성대", "경주시"]),
        # aliases give the canonical name, once
        ("성산 일출봉, 일출봉", ["성산일출봉"]),
        ("하르방과 돌하루방", ["돌하르방"]),
        # order of first appearance
        ("한복을 입고 경복궁에서 찍은 근정전", ["한복", "경복궁", "근정전"]),
        # no match over unrelated words
        ("그 네 명이 왔다", []),
        ("나도 자기를 좋아해", []),
        ("소나 무를 기른다", []),
        ("초가을 바람", []),
        ("한복판에 서 있다", []),
        # another root
        ("낙관적인 전망", []),
        ("부산스럽게 움직인다", []),
        # a noun of one syllable behind makes another word, unless it is one of place, part or dish
        ("전주곡 연주", []),
        ("독도법 교육", []),
        ("곰탕집 앞", ["곰탕"]),
    ],
)
def test_a_concept_is_found_whatever_stands_around_it(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("배추김치를 담근다", ["배추김치", "김치"]),
        ("김치찌개와 밥", ["김치찌개", "찌개"]),  # the modifier does not count
        ("인삼막걸리 한 병", ["인삼", "막걸리"]),  # not listed: each part stands for itself
        ("과수원 길", ["과수원"]),  # no 수원
        ("남대문 근처", ["숭례문"]),  # no 대문
        ("평택시에서", ["평택"]),  # no 택시
    ],
)
def test_a_listed_compound_counts_with_its_head(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "name", "means_it"),
    [
        ("과수원에서 딴 배를 깎는다", "배", True),
        ("배를 타고 건너갔다", "배", False),
        ("눈을 감은 아이", "감", False),
        ("배터리가 닳았다", "배", False),
        ("경주 여행", "경주시", True),
        ("자동차 경주 대회", "경주시", False),  # excluded by a word
        ("해녀가 딴 전복", "전복", True),
        ("배가 전복되었다", "전복", False),  # a verb
        ("사과를 사과했다", "사과", False),  # the form is no evidence for itself
        ("설날에 차례를 지낸다", "차례", True),
        ("차례대로 서세요", "차례", False),
        ("술독에서 빚은 청주", "약주", True),
        ("상당산성과 청주", "청주시", True),
        ("오이도 맛있다", "오이", False),  # a homograph keeps its place
    ],
)
def test_a_homograph_counts_only_beside_its_words(text: str, name: str, means_it: bool) -> None:
    assert (name in found(text)) is means_it


def test_extra_entries_of_a_workflow_are_found() -> None:
    own = ConceptMatcher([Concept("펭수", "캐릭터", ("자이언트펭",), ("펭",), ("남극",))])
    for text, expected in (("펭수가", ["펭수"]), ("자이언트 펭", ["펭수"]), ("펭이다", []), ("남극의 펭", ["펭수"])):
        tokens = [(t.form, t.tag, t.start, t.len) for t in kiwi().tokenize(text)]
        assert own.match(text, tokens) == expected, tokens


@pytest.mark.parametrize("extra", [Concept("한복", "의복"), Concept("새것", "의복", (" ",))])
def test_an_extra_entry_must_be_new_and_have_forms(extra: Concept) -> None:
    with pytest.raises(ValueError, match="already in the lexicon or has an empty form"):
        ConceptMatcher([extra])


@pytest.mark.parametrize("text", ["\ud800\udfff\ud8ff", "\x00\u202e한", "𠀀" * 50, "가" * 100_000])
def test_hostile_text_without_tokens_gives_nothing(text: str) -> None:
    assert matcher().match(text, []) == []


def test_parse_reads_every_column() -> None:
    text = f"{HEAD}오이소박이\t오이김치\t소박이\t김치|!사람\t박이\n파전\t\t\t\t\n"
    assert parse_lexicon("food.tsv", text) == (
        Concept("오이소박이", "음식", ("오이김치",), ("소박이",), ("김치",), ("사람",), ("박이",)),
        Concept("파전", "음식"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: the line must say"),
        (HEAD.replace(f"version {LEXICON_VERSION}", "version 0"), ":1: the line must say"),
        (HEAD.splitlines()[0], "columns must be"),
        (HEAD.replace("aliases", "alias"), "columns must be"),
        (HEAD + "파전\t\t\t\n", ":3: there are 4 columns and not 5"),
        (HEAD + "\t\t\t\t\n", ":3: the name '' is empty"),
        (HEAD + "파전\t\t\t\t\n파전\t\t\t\t\n", ":4: the name '파전' .* stands twice"),
        (HEAD + "배\t\t배\t\t\n", ":3: homographs and context"),
        (HEAD + "배\t\t\t과일\t\n", ":3: homographs and context"),
    ],
)
def test_parse_refuses_a_malformed_file(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_lexicon("food.tsv", text)


def test_the_lexicon_is_sound() -> None:
    concepts = lexicon()
    assert len(concepts) >= 1500
    assert [c.name for c in concepts] == sorted({c.name for c in concepts})
    assert {c.category for c in concepts} == CATEGORIES
    owners: dict[str, Concept] = {}
    for concept in concepts:
        assert len(concept.forms()) == 1 + len({*concept.aliases, *concept.homographs} - {concept.name}), concept
        assert not set(concept.aliases) & {concept.name, *concept.homographs}, concept
        for form in concept.forms():
            other = owners.setdefault(form, concept)
            # Only homographs may share a spelling, and their words tell them apart.
            assert other is concept or (form in concept.homographs and form in other.homographs), form
            assert len(form) > 1 or form in concept.homographs or form in "쌀귤꿩칡윷숯늪쉬", form
    for concept in concepts:
        for ending in concept.unrelated:
            assert ending in owners and any(form.endswith(ending) for form in concept.forms()), (concept.name, ending)


def test_recall_over_a_tenth_of_the_lexicon_in_ten_contexts() -> None:
    concepts = lexicon()[::10]
    for label, template in bench.CONTEXTS:
        texts = [bench.explained(c, c.name, bench.sentence(template, c.name)) for c in concepts]
        tokens = bench.kiwi_tokens(kiwi(), texts)
        hits = sum(c.name in matcher().match(t, k) for c, t, k in zip(concepts, texts, tokens, strict=True))
        assert hits / len(concepts) >= 0.98, label


def test_traps_do_not_spring() -> None:
    traps = bench.traps()
    assert len({text for text, _, _ in traps}) == len(traps) >= 500
    wrong = []
    for text, string, expected in traps:
        judged = {c.name for c in lexicon() if string in c.forms()}
        assert judged, string
        if tuple(sorted(set(found(text)) & judged)) != expected:
            wrong.append(text)
    assert len(wrong) / len(traps) <= 0.02, wrong


LONG_NAMES = [c.name for c in lexicon() if len(c.name) >= 3 and c.name not in c.homographs]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(LONG_NAMES), st.sampled_from(["을", "는", "이", "의", "에서", "처럼", "까지", "에는", "과", "와"])
)
def test_a_particle_never_hides_a_name_of_three_syllables(name: str, particle: str) -> None:
    assert name in found(name)
    assert name in found(name + particle)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(lexicon()), st.sampled_from(bench.CONTEXTS), st.text(" \t\n\u3000", max_size=4))
def test_white_space_around_changes_nothing(concept: Concept, context: tuple[str, str], space: str) -> None:
    text = bench.explained(concept, concept.name, bench.sentence(context[1], concept.name))
    tokens = bench.kiwi_tokens(kiwi(), [text])[0]
    moved = [(form, tag, start + len(space), length) for form, tag, start, length in tokens]
    expected = matcher().match(text, tokens)
    assert matcher().match(space + text + space, moved) == expected == again().match(text, tokens)


def test_the_well_known_are_entries_of_every_category() -> None:
    categories = {concept.name: concept.category for concept in lexicon()}
    assert {categories[name] for name in well_known()} == CATEGORIES
    assert len(set(well_known())) == len(well_known()) >= 200
    assert not any("," in name for name in categories)


def test_a_matcher_is_built_once_for_the_same_entries() -> None:
    added = (Concept("하르방빵", "음식"),)
    assert concept_matcher(added) is concept_matcher(added[:])
    text = "하르방빵을 먹는 아이"
    tokens = bench.kiwi_tokens(kiwi(), [text])[0]
    assert "하르방빵" in concept_matcher(added).match(text, tokens)
    assert "하르방빵" not in concept_matcher(()).match(text, tokens)

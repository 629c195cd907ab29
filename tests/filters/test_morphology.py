"""Kiwi in batches: the same answer however the texts are cut up."""

from concurrent.futures import ThreadPoolExecutor

from filters.morphology import Morpheme, analyze

TEXTS = [
    "제주도에서 돌하르방을 만나다",
    "한복",
    "",
    "전국 각지의 향토 음식을 한자리에서 맛볼 수 있는 축제가 열린 광장의 모습",
    "ICC-프로필 적용하기",
    "뷁쀍 낪댏",
    "펭수",
]


def test_counts():
    found = analyze(TEXTS)
    first = found[0]
    assert first.tokens[0] == Morpheme("제주도", "NNP", 0, 3)
    assert first.content_nouns == ("제주도", "돌하르방")
    assert first.proper_nouns == ("제주도", "돌하르방")
    assert first.functional == 3  # 에서, 을, 다
    assert (first.unknown, first.unreadable) == (0, 0)
    assert found[2].tokens == ()
    assert found[5].unreadable >= 2
    assert (found[6].unknown, found[6].unreadable) == (2, 0)


def test_any_split_gives_the_same():
    texts = TEXTS * 5
    whole = analyze(texts)
    assert [analyze([text])[0] for text in texts] == whole
    assert analyze(texts[:3]) + analyze(texts[3:]) == whole
    assert analyze(texts[::-1])[::-1] == whole


def test_threads_share_one_analyser():
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(analyze, [TEXTS] * 8))
    assert answers == [analyze(TEXTS)] * 8


def test_empty():
    assert analyze([]) == []

"""What a Korean text is written like, without what it is about.

Particles, endings, pronouns, adverbs, conjunctions and signs stay as they are, and so do a few words too general to
name a topic; every other word is replaced by its kind. Where a word begins is kept, because writing compounds in one
piece (여행심리 against 여행 심리) and leaving particles out is what people do more than translators.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from filters.morphology import Morpheme

NGRAM: Final = 3
"""Longest run of tokens that is a feature."""

WORD_START: Final = "▁"

# Kiwi's tags (the Sejong tag set) of closed classes and of signs.
_FUNCTION_TAGS: Final = frozenset(
    """
    NNB NP NR MM MAG MAJ VX VCP VCN IC XPN XSN XSV XSA XSM JKS JKC JKG JKO JKB JKV JKQ JX JC EP EF EC ETN ETM
    SF SP SS SSO SSC SE SO SW
    """.split()  # noqa: SIM905 - a list literal would run over a page
)
_KINDS: Final = {"NNG": "N", "NNP": "N", "XR": "N", "SL": "N", "SH": "N", "VV": "V", "VA": "A"}
_GENERAL_VERBS: Final = frozenset(
    """
    가 가지 갖 나오 나가 나타나 남 넣 놓 느끼 늘 대하 되 두 드러나 들 들어가 따르 떨어지 돌아가 마치 만들 말하 맞
    맡 모르 못하 미치 밝히 바라 바꾸 받 보 보내 보이 살 생기 생각하 시작하 쓰 알 알리 않 얻 없애 열 오 원하 위하
    의하 이루 이르 일어나 잃 잡 정하 주 지나 지내 차지하 찾 통하 관하 향하 펼치 하
    """.split()  # noqa: SIM905 - a list literal would run over a page
)
_GENERAL_ADJECTIVES: Final = frozenset(
    """
    같 그렇 길 낫 낮 높 늦 다르 많 빠르 쉽 어렵 어떻 없 있 이렇 작 적 좋 짧 크
    """.split()  # noqa: SIM905 - as its neighbours
)
_GENERAL_NOUNS: Final = frozenset(
    """
    가운데 가지 결과 경우 곳 관련 다음 대부분 대상 동안 뒤 때 말 문제 부분 사람 사실 사이 상태 상황 생각 시간 아래
    안 앞 위 이상 이유 이후 이전 일 일부 전 점 정도 중심 지금 처음 필요 가능 함께 후 자신 하나 모두 서로
    """.split()  # noqa: SIM905 - a list literal would run over a page
)
_GENERAL: Final = {"VV": _GENERAL_VERBS, "VA": _GENERAL_ADJECTIVES, "NNG": _GENERAL_NOUNS}


def style_tokens(morphemes: Sequence[Morpheme]) -> list[str]:
    """Return one token a morpheme, in order: form and tag where it carries style, its kind alone where it does not.

    여행심리의 위축 gives ``▁N N 의/JKG ▁N``. No token contains white space.
    """
    tokens: list[str] = []
    end = -1
    for form, tag, start, length in morphemes:
        kind = tag.split("-", 1)[0]
        if kind in _FUNCTION_TAGS or form in _GENERAL.get(kind, ()):
            token = f"{''.join(form.split())}/{kind}"
        else:
            token = _KINDS.get(kind, kind)
        tokens.append(WORD_START + token if end < 0 or start > end else token)
        end = max(end, start + length)
    return tokens


def style_ngrams(tokens: Sequence[str]) -> Iterator[str]:
    """Yield every run of one to `NGRAM` tokens, the short ones first."""
    for length in range(1, NGRAM + 1):
        for first in range(len(tokens) - length + 1):
            yield "_".join(tokens[first : first + length])

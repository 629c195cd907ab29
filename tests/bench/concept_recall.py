"""Measures the concept matcher with real Kiwi tokens and prints tables.

Run ``python -m tests.bench.concept_recall`` or ``python tests/bench/concept_recall.py`` from the repository's root.
"""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TypeAlias

from kiwipiepy import Kiwi

from filters.concepts import Concept, ConceptMatcher, Token, lexicon

TRAPS = Path(__file__).parents[1] / "filters" / "concept_traps.tsv"

# (name, sentence); {x} is the entry, a slot such as {을를} the particle in the form its final sound asks for.
CONTEXTS = (
    ("에서", "지난 주말 {x}에서 찍은 사진"),
    ("을/를", "아이들이 {x}{을를} 보고 있다"),
    ("은/는", "{x}{은는} 오래전부터 널리 알려져 있다"),
    ("이/가", "사진 속에 {x}{이가} 보인다"),
    ("의", "가까이에서 본 {x}의 모습"),
    ("처럼", "마치 {x}처럼 보이는 그림"),
    ("에는", "이 {x}에는 오랜 이야기가 있다"),
    ("이다/였다", "우리가 처음 본 것은 {x}{이었다였다}"),
    ("과/와 함께", "{x}{과와} 함께 보낸 하루"),
    ("까지", "걸어서 {x}까지 둘러보았다"),
)
_PAIRS = {
    "{을를}": ("을", "를"),
    "{은는}": ("은", "는"),
    "{이가}": ("이", "가"),
    "{과와}": ("과", "와"),
    "{이었다였다}": ("이었다", "였다"),
}
# What is read aloud with a final consonant though not written in Hangul.
_CLOSED = set("0136780LMNRlmnr")


def closed(word: str) -> bool:
    """Whether ``word`` ends in a consonant when read aloud, which picks the particle's form."""
    last = word[-1]
    return (ord(last) - 0xAC00) % 28 != 0 if "가" <= last <= "힣" else last in _CLOSED


def sentence(template: str, form: str) -> str:
    """Put ``form`` into ``template`` with the particle's right form."""
    for slot, (after_consonant, after_vowel) in _PAIRS.items():
        template = template.replace(slot, after_consonant if closed(form) else after_vowel)
    return template.replace("{x}", form)


def explained(concept: Concept, form: str, text: str) -> str:
    """Add the first context word where ``form`` is a homograph that asks for one."""
    if form in concept.homographs and concept.context:
        return f"{text}, {concept.context[0]}"
    return text


def kiwi_tokens(kiwi: Kiwi, texts: list[str]) -> list[list[Token]]:
    """Return Kiwi's morphemes of each text."""
    return [[(t.form, t.tag, t.start, t.len) for t in found] for found in kiwi.tokenize(texts)]


Rows: TypeAlias = list[tuple[str, int, int]]
Misses: TypeAlias = list[tuple[str, str, list[str]]]


def recall(kiwi: Kiwi, matcher: ConceptMatcher, *, aliases: bool) -> tuple[Rows, Misses]:
    """Return (context, found, asked) rows and the misses, for every name (or every alias and homograph)."""
    forms = [(c, f) for c in lexicon() for f in c.forms() if (f != c.name) == aliases]
    rows, misses = [], []
    for label, template in CONTEXTS:
        texts = [explained(concept, form, sentence(template, form)) for concept, form in forms]
        found = 0
        for (concept, _form), text, tokens in zip(forms, texts, kiwi_tokens(kiwi, texts), strict=True):
            if concept.name in matcher.match(text, tokens):
                found += 1
            else:
                misses.append((concept.name, text, [f"{t[0]}/{t[1]}" for t in tokens]))
        rows.append((label, found, len(texts)))
    return rows, misses


def traps() -> list[tuple[str, str, tuple[str, ...]]]:
    """Return (text, string, expected concepts) of the hand-written traps."""
    with TRAPS.open(encoding="utf-8", newline="") as file:
        return [
            (row["text"], row["string"], () if row["expected"] == "none" else tuple(row["expected"].split("|")))
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]


def main() -> int:
    """Print recall a context, precision on the traps and the cost a caption."""
    kiwi, matcher = Kiwi(num_workers=2), ConceptMatcher()
    print("concepts a category:", dict(sorted(Counter(c.category for c in lexicon()).items())), "sum", len(lexicon()))
    for title, aliases in (("names", False), ("aliases and homographs", True)):
        rows, misses = recall(kiwi, matcher, aliases=aliases)
        print(f"\nrecall of {title}\ncontext\tfound\tof\tshare")
        for label, found, asked in [*rows, ("all", sum(r[1] for r in rows), sum(r[2] for r in rows))]:
            print(f"{label}\t{found}\t{asked}\t{found / asked:.4f}")
        for miss in misses[: 40 if "-v" not in sys.argv else None]:
            print("  missed", *miss)
    if TRAPS.exists():
        trapped = traps()
        wrong = []
        for (text, string, expected), tokens in zip(trapped, kiwi_tokens(kiwi, [t[0] for t in trapped]), strict=True):
            got = tuple(sorted(set(matcher.match(text, tokens)) & {c.name for c in lexicon() if string in c.forms()}))
            if got != expected:
                wrong.append((text, string, expected, got))
        print(f"\ntraps {len(trapped)}, right {len(trapped) - len(wrong)}, share {1 - len(wrong) / len(trapped):.4f}")
        for row in wrong:
            print("  wrong", *row)
    timing(kiwi, matcher)
    return 0


def timing(kiwi: Kiwi, matcher: ConceptMatcher) -> None:
    """Print microseconds a caption, Kiwi left out: a caption that names a concept, and one that names none."""
    named = [sentence(CONTEXTS[i % len(CONTEXTS)][1], c.name) + ", 지난해 여름" for i, c in enumerate(lexicon()[::5])]
    blank = ["개체를 선택하는 방법을 설명하는 대화 상자 화면의 예"] * 500
    for title, texts in (("with a concept", named), ("without", blank)):
        pairs = list(zip(texts, kiwi_tokens(kiwi, texts), strict=True))
        costs = []
        for _ in range(20):
            begin = time.process_time()
            for text, tokens in pairs:
                matcher.match(text, tokens)
            costs.append((time.process_time() - begin) / len(pairs))
        length = sum(map(len, texts)) / len(texts)
        # The least disturbed of the rounds.
        print(f"{min(costs) * 1e6:.1f} µs a caption {title}, {length:.0f} characters, Kiwi left out")


if __name__ == "__main__":
    sys.exit(main())

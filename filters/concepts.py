"""Which Korean concepts a caption names: a lexicon, and a matcher that works on morphemes.

Particles, endings, compounds and spacing do not hide a concept (돌하르방을, 첨성대였다, 한복입은, 돌 하르방), and a
homograph counts only where the caption says which word it is (배 beside 과수원). The lexicon is data:
``filters/lexicons/concepts/*.tsv``, one file a category, written for this project.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from importlib import resources
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple, TypeAlias

LEXICON_VERSION = 1
"""Grows with every change of an entry or of the matching rules, so that old counts are not read as the new one's."""

Token: TypeAlias = tuple[str, str, int, int]
"""A Kiwi morpheme: form, tag, start and length in characters of the caption; `filters.morphology.Morpheme` is one."""

_COLUMNS = ("name", "aliases", "homographs", "context", "unrelated")

# Particles and forms of the copula that may follow a noun in its eojeol. Consulted only where Kiwi did not split
# them off, as happens behind a noun it does not know (몸국이 as one noun).
_PARTICLES = frozenset(
    """
    은 는 이 가 을 를 의 에 도 만 과 와 로 랑 나 야 여 께 께서 으로 이랑 하고 처럼 같은 같이 보다
    까지 부터 마다 조차 마저 밖에 에서 에게 에는 에도 에만 에의 에서는 에서도 에서의 에서만 까지의 까지는
    까지도 부터는 으로는 로는 으로도 로도 으로서 로서 으로써 로써 과는 와는 과도 와도 과의 와의 처럼은 만의
    만은 만이 들 들이 들은 들을 들의 들과 들도 이나 이며 이자 이고 인 인데 이다 다 입니다 이었다 였다
    이란 이라 라 이라는 라는 이라고 라고 이지만 이에요 예요 이야 이든 든 이라도 라도 이네 이죠 이었던 였던
    이던 던 에게서 으로부터 로부터 에선 에다 에다가 마저도
    """.split()  # noqa: SIM905 - a list literal of 110 words would run over a page
)
# Nouns and suffixes of one syllable that leave the sense of the noun before them as it is: places, parts, dishes.
_TRANSPARENT = frozenset(
    "들님씨네집앞옆위뒤안밖속곁길밭꽃잎숲터탑문산강섬만역항시군구도읍면동점맛향빛춤옷천밥국죽탕찜전떡빵술차즙쌈회묵면상판"
    "때철날중등간쪽측편산식풍용관실방장촌민인행발표용배변업물불돌흙탈굿귀뿔알새떼곰"
)
# A modifier before a noun: 그 네 명 is not 그네. A three-syllable entry written apart must not begin with one.
_DETERMINERS = ("MM", "NP", "MA", "NR", "V", "J", "E")
_NOMINAL = ("NNG", "NNP", "XR", "XSN", "XP", "S", "UN", "W", "Z")
_NOUNS = ("NNG", "NNP")
_LONGEST_FIRST = itemgetter(0, 1)


class Concept(NamedTuple):
    """One entry of the lexicon.

    ``name`` is canonical and is the id. A form in ``homographs`` (the name may be one) counts only if no word of
    ``excluding`` occurs in the caption and, where ``context`` is not empty, one of its words does. ``unrelated`` are
    forms a spelling ends in by chance: 과수원 is no 수원.
    """

    name: str
    category: str
    aliases: tuple[str, ...] = ()
    homographs: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    excluding: tuple[str, ...] = ()
    unrelated: tuple[str, ...] = ()

    def forms(self) -> tuple[str, ...]:
        """Return every spelling, the name first, each once and without white space."""
        return tuple(dict.fromkeys("".join(form.split()) for form in (self.name, *self.aliases, *self.homographs)))


class _Form(NamedTuple):
    text: str
    concepts: tuple[Concept, ...]  # more than one for a homograph such as 청주, a city and a drink
    heads: tuple[tuple[int, str], ...]  # (offset, name) of the concepts this form is a kind of


class _Layout(NamedTuple):
    """The caption without white space, and the boundaries in it; offsets are into ``compact``."""

    compact: str
    gaps: set[int]  # white space stood here
    starts: dict[int, str]  # tag of the first token that starts here
    ends: dict[int, tuple[int, str]]  # start and tag of the longest token that ends here


def parse_lexicon(name: str, text: str) -> tuple[Concept, ...]:
    """Read one category file.

    The first line is ``# concepts``, ``version N``, ``category C`` with tabs between, the second the column names.
    Columns: name; aliases; homographs; context words, ``!`` before those that exclude; unrelated endings. ``|`` stands
    between the words of a cell. A name holds no comma: samples list their concepts with commas between.

    Raises:
        ValueError: a wrong header or version, a wrong number of columns, an empty or repeated name or one with a
            comma, an empty spelling, or a context without a homograph; the message names the file and line.
    """
    lines = unicodedata.normalize("NFC", text).splitlines()  # captions are NFC
    header = lines[0].split("\t") if lines else []
    category = header[2].removeprefix("category ").strip() if len(header) == 3 else ""
    if header[:2] != ["# concepts", f"version {LEXICON_VERSION}"] or not category:
        raise ValueError(
            f"{name}:1: the line must say '# concepts', 'version {LEXICON_VERSION}', 'category …', with tabs between"
        )
    if [line.split("\t") for line in lines[1:2]] != [list(_COLUMNS)]:
        raise ValueError(f"{name}:2: the columns must be {', '.join(_COLUMNS)}, with tabs between")
    concepts: dict[str, Concept] = {}
    for number, line in enumerate(lines[2:], start=3):
        cells = line.split("\t")
        if len(cells) != len(_COLUMNS):
            raise ValueError(f"{name}:{number}: there are {len(cells)} columns and not {len(_COLUMNS)}")
        if not cells[0].strip() or "," in cells[0] or cells[0] in concepts:
            raise ValueError(f"{name}:{number}: the name {cells[0]!r} is empty, holds a comma or stands twice")
        aliases, homographs, words, unrelated = (tuple(filter(None, cell.split("|"))) for cell in cells[1:])
        if bool(homographs) != bool(words):
            raise ValueError(f"{name}:{number}: homographs and context words come together")
        if not all(word.strip("! ") for word in (*aliases, *homographs, *words, *unrelated)):
            raise ValueError(f"{name}:{number}: a word of {cells[0]} is empty")
        context = tuple(word for word in words if not word.startswith("!"))
        excluding = tuple(word[1:] for word in words if word.startswith("!"))
        concepts[cells[0]] = Concept(cells[0], category, aliases, homographs, context, excluding, unrelated)
    return tuple(concepts.values())


@cache
def lexicon() -> tuple[Concept, ...]:
    """Return the whole lexicon, sorted by name.

    Raises:
        ValueError: a file is malformed, or two entries have one name.
    """
    concepts: dict[str, Concept] = {}
    folder = resources.files("filters") / "lexicons" / "concepts"
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.endswith(".tsv"):
            for concept in parse_lexicon(path.name, path.read_text(encoding="utf-8")):
                if concept.name in concepts:
                    raise ValueError(f"{path.name}: {concept.name} is in two categories")
                concepts[concept.name] = concept
    return tuple(concepts[name] for name in sorted(concepts))


@cache
def well_known() -> tuple[str, ...]:
    """Return the names of entries that everyone in Korea knows, sorted: a report names those that no sample shows."""
    path = resources.files("filters") / "lexicons" / "concepts" / "well_known.txt"
    return tuple(sorted(path.read_text(encoding="utf-8").split()))


@lru_cache(maxsize=2)
def concept_matcher(extra: tuple[Concept, ...]) -> ConceptMatcher:
    """Return the matcher of the shipped lexicon and ``extra``, built once a process (0.3 s)."""
    return ConceptMatcher(extra)


class ConceptMatcher:
    """Finds the concepts of a caption; build once, then share (it never changes).

    An entry matches a span, white space ignored, that starts where an eojeol or a nominal token starts and ends
    where a token ends, or where only a particle follows in the eojeol. What Kiwi does inside the span is of no
    account, so a word it splits wrongly (돌하르/방) still matches. A span of two syllables must lie on nominal
    tokens; one of a single syllable must be one noun token.

    The longest match wins. A listed compound counts as itself and as each listed concept it ends in, since a
    Korean compound ends in its head: 배추김치 is a 김치. Its modifier does not count: 김치찌개 is no 김치. In a
    compound that neither the lexicon nor Kiwi knows (인삼막걸리) every part stands for itself.
    """

    def __init__(self, extra: Iterable[Concept] = ()) -> None:
        """Index the lexicon and ``extra``, a workflow's own entries.

        Raises:
            ValueError: an entry of ``extra`` has a name of the lexicon or an empty form.
        """
        concepts = {concept.name: concept for concept in lexicon()}
        for concept in extra:
            if concept.name in concepts or not all(concept.forms()):
                raise ValueError(f"concept {concept.name!r} is already in the lexicon or has an empty form")
            concepts[concept.name] = concept
        by_text: dict[str, list[Concept]] = {}
        for concept in concepts.values():
            for text in concept.forms():
                by_text.setdefault(text, []).append(concept)
        # A form's first two characters, or its one, lead to the forms that begin so, longest first.
        self._index: dict[str, list[_Form]] = {}
        for text in sorted(by_text, key=lambda text: (-len(text), text)):
            form = _Form(text, tuple(by_text[text]), _heads(text, by_text))
            self._index.setdefault(text[:2], []).append(form)

    def match(self, text: str, tokens: Sequence[Token]) -> list[str]:
        """Return the canonical names of the concepts in ``text``, each once, in order of first appearance.

        ``tokens`` are Kiwi's for exactly this ``text``.
        """
        compact = "".join(text.split())
        index = self._index
        pairs = [start for start in range(len(compact) - 1) if compact[start : start + 2] in index]
        singles = [token for token in tokens if token[3] == 1 and token[1] in _NOUNS and token[0] in index]
        if not pairs and not singles:
            return []
        layout, offsets = _layout(text, compact, tokens)
        candidates = [
            (-len(form.text), start, form)
            for start in pairs
            for form in index[compact[start : start + 2]]
            if compact.startswith(form.text, start)
        ]
        candidates += [(-1, offsets[token[2]], form) for token in singles for form in index[token[0]]]
        taken = bytearray(len(compact))
        found: list[tuple[int, str]] = []
        candidates.sort(key=_LONGEST_FIRST)
        for _, start, form in candidates:
            end = start + len(form.text)
            if taken.find(1, start, end) >= 0 or not (_starts(layout, start, end) and _ends(layout, start, end)):
                continue
            # A homograph that does not count keeps its place all the same: 오이도 unexplained is no 오이.
            taken[start:end] = b"\x01" * len(form.text)
            names = [concept.name for concept in form.concepts if _counts(concept, form.text, layout, start)]
            if names:
                found += [(start, name) for name in names]
                found += [(start + offset, name) for offset, name in form.heads]
        return list(dict.fromkeys(name for _, name in sorted(found)))


def _heads(text: str, by_text: dict[str, list[Concept]]) -> tuple[tuple[int, str], ...]:
    """Return the concepts ``text`` ends in: forms of two syllables or more that are nobody's homograph."""
    unrelated = {ending for concept in by_text[text] for ending in concept.unrelated}
    return tuple(
        (offset, concept.name)
        for offset in range(1, len(text) - 1)
        if text[offset:] not in unrelated
        for concept in by_text.get(text[offset:], ())
        if text[offset:] not in concept.homographs
    )


def _layout(text: str, compact: str, tokens: Sequence[Token]) -> tuple[_Layout, Sequence[int]]:
    """Return the layout, and the offset in ``compact`` of every offset in ``text``."""
    offsets: Sequence[int] = range(len(text) + 1)
    gaps: set[int] = set()
    if len(compact) < len(text):
        blanks = accumulate(map(str.isspace, text), initial=0)
        offsets = [at - before for at, before in enumerate(blanks)]
        gaps.update(accumulate(map(len, text.split())))
    # Several morphemes may begin or end in one syllable (였 is 이, 었): the first is the stem, so it is written last.
    backwards = [token for token in reversed(tokens) if token[3]]
    starts = {offsets[start]: tag for _, tag, start, _ in backwards}
    ends = {offsets[start + length]: (offsets[start], tag) for _, tag, start, length in backwards}
    return _Layout(compact, gaps, starts, ends), offsets


def _kind(char: str) -> str:
    if "가" <= char <= "힣":
        return "Hangul"
    return "digit" if char.isdigit() else "letter" if char.isalpha() else "other"


def _edge(layout: _Layout, at: int) -> bool:
    """Whether a word begins or ends at ``at``: white space, punctuation, or another script beside it."""
    if at in layout.gaps or at in (0, len(layout.compact)):
        return True
    before, after = _kind(layout.compact[at - 1]), _kind(layout.compact[at])
    return before != after or before == "other"


def _starts(layout: _Layout, start: int, end: int) -> bool:
    gaps = [gap for gap in range(start + 1, end) if gap in layout.gaps]
    if gaps and not _written_apart(layout, start, end, gaps):
        return False
    if _edge(layout, start):
        return True
    if gaps:
        return False
    tag = layout.starts.get(start)
    if tag is not None:
        return tag.startswith(_NOMINAL) and tag != "XSN"
    # Inside an unknown compound (제주돌하르방 is one noun to Kiwi) only a long form is safe.
    return end - start >= 4


def _written_apart(layout: _Layout, start: int, end: int, gaps: list[int]) -> bool:
    """Whether a form with white space inside is one word: 김치 찌개 is, 그 네 and 나무 가지는 are not."""
    if end - start < 3:
        return False
    if end - start == 3 and layout.starts.get(start, "").startswith(_DETERMINERS):
        return False
    for begin, gap in zip([start, *gaps], gaps, strict=False):
        left, tag = layout.ends.get(gap, (begin, ""))
        if left > begin and tag.startswith(("J", "E")):
            return False
    return True


def _ends(layout: _Layout, start: int, end: int) -> bool:
    if end - start <= 2 and not _nominal(layout, start, end):
        return False
    if _edge(layout, end):
        return True
    following = layout.starts.get(end, "")
    if following.startswith("XSA") or (following == "XSN" and layout.compact[end] == "적"):
        return False  # 부산스럽다, 낙관적: an adjective on another root
    if end in layout.ends:
        return end - start > 2 or not following.startswith(("NN", "XSN")) or _extends(layout, end)
    # Kiwi has cut elsewhere, or swallowed the particle of a word it does not know. 초가을 is no 초가 and 을.
    if end - start == 2:
        return False
    return _edge(layout, start) and _rest(layout, end) in _PARTICLES


def _extends(layout: _Layout, end: int) -> bool:
    """Whether the noun behind a two-syllable form leaves its meaning: 곰탕집 does; 전주곡, 독도법, 무당층 do not."""
    one_syllable = layout.ends.get(end + 1, (-1, ""))[0] == end
    return not one_syllable or layout.compact[end] in _TRANSPARENT


def _nominal(layout: _Layout, start: int, end: int) -> bool:
    """Whether the short span ``start:end`` is a noun: one noun token for one syllable, nominal tokens for two.

    Kiwi reads rare nouns as a modifier and a noun (참/MAG 빗/NNG, 석/MM 불/NNG): at the start of an eojeol that counts.
    """
    left, tag = layout.ends.get(end, (-1, ""))
    if end - start == 1:
        return left == start and tag in _NOUNS
    if left == end - 1 and tag in _NOUNS and _edge(layout, start):
        return True
    first, second = (layout.starts.get(at, "NNG") for at in (start, start + 1))
    return first.startswith(_NOMINAL) and second.startswith((*_NOMINAL, "NNB"))


def _rest(layout: _Layout, start: int) -> str:
    end = start
    while (
        end < len(layout.compact)
        and (end == start or end not in layout.gaps)
        and _kind(layout.compact[end]) == "Hangul"
    ):
        end += 1
    return layout.compact[start:end]


def _counts(concept: Concept, form: str, layout: _Layout, start: int) -> bool:
    """Whether ``form`` means ``concept`` in this caption; always so unless it is a homograph."""
    if form not in concept.homographs:
        return True
    end = start + len(form)
    if layout.starts.get(end, "").startswith("XSV") and end not in layout.gaps:
        return False  # 사과하다, 전복되다
    if any(word in layout.compact for word in concept.excluding):
        return False
    # The form itself is no evidence for its own reading.
    rest = f"{layout.compact[:start]} {layout.compact[end:]}"
    return not concept.context or any(word in rest for word in concept.context)

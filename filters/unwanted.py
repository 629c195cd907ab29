"""Spam and abuse in Korean texts, scored by lexicons of weighted terms that see through split and decorated spellings.

A term counts once. Written with jamo (ㄷㅐㅊㅜㄹ), symbols (대.출, 카*지*노, 바0카라) or spaces (대 출) inside, it also
proves the will to hide, and weighs more; written plainly it counts for nothing where the text gives it an innocent
sense (도서관의 책 대출). The lexicons stand in `filters/lexicons`, with their versions; the weights were set by hand.
"""

from __future__ import annotations

import re
from array import array
from functools import lru_cache
from importlib import resources
from itertools import groupby
from typing import ClassVar, Final, NamedTuple

import msgspec

from filters.base import Decision
from filters.fold import fold
from schemas.reasons import Outcome, Reason

HIDDEN_WEIGHT: Final = 2.0
"""Added to the weight of a core term that is written so as not to be found."""
MAX_HINTS: Final = 2.0
"""Hints (문의, 카톡, 당일 …) add at most this much, and nothing where there is no core term."""


class Term(NamedTuple):
    """One row of a lexicon.

    ``role`` is core (what is sold or said), hint (counts beside a core only), safe (takes the place of a core that it
    holds) or calm (makes plain cores count 0). ``edge`` is start (of a word) or any. ``calm`` are words that do to
    this term what a calm term does to all.
    """

    role: str
    text: str
    weight: float
    edge: str
    calm: tuple[str, ...]


class Lexicon(NamedTuple):
    """A list of terms with the version its file names, and the pattern that finds them, longest first."""

    name: str
    version: int
    terms: dict[str, Term]
    pattern: re.Pattern[str]


class Match(NamedTuple):
    """One term found: its half-open span in the text, and whether it was hidden."""

    term: str
    start: int
    end: int
    hidden: bool


def parse_lexicon(name: str, text: str) -> Lexicon:
    """Return the lexicon written in ``text``: ``# version: N``, comments, then rows of role, term, weight, edge, calm.

    Raises:
        ValueError: no version in the first line, or a row that is not so formed, or a term twice.
    """
    first, *lines = text.splitlines()
    version = re.fullmatch(r"# version: ([0-9]+)", first)
    if version is None:
        raise ValueError(f"lexicon {name}: the first line names no version")
    terms: dict[str, Term] = {}
    for number, line in enumerate(lines, 2):
        if not line or line.startswith("#"):
            continue
        columns = line.split("\t")
        if len(columns) not in (4, 5) or re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", columns[2]) is None:
            raise ValueError(f"lexicon {name}, line {number}: not role, term, weight, edge and perhaps calm words")
        role, word, weight, edge, *calm = columns
        if role not in ("core", "hint", "safe", "calm") or edge not in ("start", "any") or word in terms:
            raise ValueError(f"lexicon {name}, line {number}: unknown role or edge, or a term given twice")
        terms[word] = Term(role, word, float(weight), edge, tuple(calm[0].split("|")) if calm and calm[0] else ())
    return Lexicon(name, int(version[1]), terms, _pattern(terms))


def _pattern(terms: dict[str, Term]) -> re.Pattern[str]:
    return re.compile(_branches(sorted(terms)) if terms else r"(?!)")


def _branches(words: list[str]) -> str:
    """Return a pattern of ``words`` (sorted) that shares their beginnings and takes the longest."""
    branches = []
    for head, group in groupby((word for word in words if word), key=lambda word: word[0]):
        branches.append(re.escape(head) + _branches([word[1:] for word in group]))
    body = "|".join(branches)
    if not branches:
        return ""
    return f"(?:{body})?" if "" in words else f"(?:{body})"


@lru_cache(maxsize=16)
def load_lexicon(name: str, extra: tuple[tuple[str, float], ...] = ()) -> Lexicon:
    """Return the shipped lexicon ``name`` ("spam" or "abuse"), with ``extra`` core terms added or reweighted.

    Raises:
        ValueError: an extra term is blank.
    """
    if any(not word.strip() for word, _weight in extra):
        raise ValueError("an extra term is blank")
    text = resources.files("filters.lexicons").joinpath(f"{name}.tsv").read_text(encoding="utf-8")
    lexicon = parse_lexicon(name, text)
    if not extra:
        return lexicon
    added = {word.lower(): Term("core", word.lower(), weight, "any", ()) for word, weight in extra}
    terms = lexicon.terms | added
    return lexicon._replace(terms=terms, pattern=_pattern(terms))


_LEADS: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS: Final = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_TAILS: Final = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_OPEN: Final = "".join(chr(code) for code in range(0xAC00, 0xD7A4, 28))
# A lead and a vowel, or a syllable without a final, and the final after it that no vowel follows.
_SPLIT_SYLLABLE: Final = re.compile(
    rf"(?P<lead>[{_LEADS}])(?P<vowel>[{_VOWELS}])(?:(?P<tail>[{_TAILS}])(?![{_VOWELS}]))?"
    rf"|(?P<open>[{_OPEN}])(?P<final>[{_TAILS}])(?![{_VOWELS}])"
)
_HANGUL: Final = "가-힣ㄱ-ㅎㅏ-ㅣ"
_SIGNS: Final = rf"(?:[^{_HANGUL}A-Za-z0-9\s,]{{1,3}}|[0-9a-z])"
# Between two Hangul letters: signs or a stray digit or letter; with spaces only where single letters stand apart.
_FILLER: Final = re.compile(
    rf"(?<=[{_HANGUL}]){_SIGNS}(?=[{_HANGUL}])"
    rf"|(?<=[{_HANGUL}])(?<![{_HANGUL}][{_HANGUL}])(?:[ ]{{1,2}}(?:(?:{_SIGNS}|,)[ ]{{0,2}})?|(?:{_SIGNS}|,)[ ]{{1,2}})"
    rf"(?=[{_HANGUL}](?![{_HANGUL}]{{2}}))"
)
_JAMO: Final = re.compile(r"[ㄱ-ㅎㅏ-ㅣ]")
_PARTICLES: Final = "은는이가을를의에도만과와로"


class _Hidden(NamedTuple):
    """A text with split spellings joined, and where each of its characters starts and ends in the text it came from."""

    text: str
    starts: array[int]
    ends: array[int]


def _join(text: str) -> _Hidden:
    """Drop the fillers between Hangul letters, then make syllables of jamo."""
    kept: list[str] = []
    places: array[int] = array("q")
    position = 0
    for filler in _FILLER.finditer(text):
        kept.append(text[position : filler.start()])
        places.extend(range(position, filler.start()))
        position = filler.end()
    kept.append(text[position:])
    places.extend(range(position, len(text)))
    bare = "".join(kept)
    pieces: list[str] = []
    starts: array[int] = array("q")
    ends: array[int] = array("q")
    position = 0
    for syllable in _SPLIT_SYLLABLE.finditer(bare):
        start, end = syllable.span()
        pieces += [bare[position:start], _compose(syllable)]
        starts.extend(places[position : start + 1])
        ends.extend([place + 1 for place in places[position:start]] + [places[end - 1] + 1])
        position = end
    pieces.append(bare[position:])
    starts.extend(places[position:])
    ends.extend(place + 1 for place in places[position:])
    return _Hidden("".join(pieces), starts, ends)


def _compose(syllable: re.Match[str]) -> str:
    tail = syllable["tail"] or syllable["final"]
    final = _TAILS.index(tail) + 1 if tail else 0
    if syllable["open"] is not None:
        return chr(ord(syllable["open"]) + final)
    return chr(0xAC00 + (_LEADS.index(syllable["lead"]) * 21 + _VOWELS.index(syllable["vowel"])) * 28 + final)


def find_terms(text: str, lexicon: Lexicon) -> list[Match]:
    """Return the terms of ``lexicon`` in ``text``, plain ones first, each kind in order.

    Spans are of the text as folded by `filters.fold` and lower-cased. Runs in time linear in the text.
    """
    plain = fold(text).text.lower()
    matches = [
        Match(found.group(), found.start(), found.end(), hidden=False)
        for found in lexicon.pattern.finditer(plain)
        if _starts_word(plain, found.start(), lexicon.terms[found.group()])
    ]
    if _FILLER.search(plain) is None and _JAMO.search(plain) is None:
        return matches
    hidden = _join(plain)
    for found in lexicon.pattern.finditer(hidden.text):
        start, end = hidden.starts[found.start()], hidden.ends[found.end() - 1]
        if lexicon.terms[found.group()].role == "core" and _is_hidden(plain, start, end, found.group()):
            matches.append(Match(found.group(), start, end, hidden=True))
    return matches


def _starts_word(plain: str, start: int, term: Term) -> bool:
    return term.edge == "any" or start == 0 or re.match(rf"[{_HANGUL}]", plain[start - 1]) is None


def _is_hidden(plain: str, start: int, end: int, term: str) -> bool:
    """Whether ``plain[start:end]`` is ``term`` in disguise, and not two neighbours that happen to make it.

    서울대·출판부 holds 대출, but 대 ends a word there. With spaces alone each syllable has to stand by itself: 대 출.
    """
    written = plain[start:end]
    if term in (written, written.replace(" ", "")) and not re.search(r"(?:^|[ ])[가-힣](?:[ ]+[가-힣])+$", written):
        return False
    if term == written or (start > 0 and re.match(r"[가-힣]", plain[start - 1])):
        return False
    syllables = re.findall(r"[가-힣]+", written)
    if any(len(piece) > 1 for piece in syllables) and len(term) == 2:
        return False
    if " " in written and re.search(r"(?<![가-힣])[가-힣][ ]+$", plain[max(0, start - 4) : start]):
        return False
    if " " in written and plain[end : end + 3].lstrip()[:1] in {*written} - {" "}:
        return False  # 토 토 토: a rhythm
    after = plain[end : end + 2]
    apart = not re.match(r"[가-힣]", after) or after[:1] in _PARTICLES
    return apart or (" " not in written and len(term) > 2) or _JAMO.search(written) is not None


def score(text: str, lexicon: Lexicon) -> float:
    """Return the sum of the weights of the distinct terms in ``text``: 0 where nothing is said, 3 is plain spam."""
    cores: dict[str, float] = {}
    hints: dict[str, float] = {}
    matches = find_terms(text, lexicon)
    if not matches:
        return 0.0
    plain = fold(text).text.lower()
    report = any(lexicon.terms[match.term].role == "calm" for match in matches)
    for match in matches:
        term = lexicon.terms[match.term]
        if term.role == "hint":
            hints[match.term] = term.weight
        elif term.role == "core":
            calm = not match.hidden and (report or any(word in plain for word in term.calm))
            weight = 0.0 if calm else term.weight + (HIDDEN_WEIGHT if match.hidden else 0.0)
            cores[match.term] = max(weight, cores.get(match.term, 0.0))
    total = sum(cores[word] for word in sorted(cores))
    if total <= 0:
        return 0.0
    return total + min(MAX_HINTS, sum(hints[word] for word in sorted(hints)))


class SpamText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Drop texts that sell gambling, loans, sex, fakes or schemes.

    ``extra`` adds core terms (or new weights for old ones); ``threshold`` is the least score that drops.
    """

    name: ClassVar[str] = "spam_text"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_SPAM})

    threshold: float = 3.0
    extra: dict[str, float] = {}

    def decide(self, text: str) -> Decision:
        """Judge ``text`` by the spam lexicon."""
        return _decide(text, "spam", self.extra, self.threshold, Reason.CAPTION_SPAM)


class AbuseText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Drop texts that insult, curse or slur. ``threshold`` and ``extra`` are those of `SpamText`."""

    name: ClassVar[str] = "abuse_text"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_ABUSE})

    threshold: float = 2.0
    extra: dict[str, float] = {}

    def decide(self, text: str) -> Decision:
        """Judge ``text`` by the abuse lexicon."""
        return _decide(text, "abuse", self.extra, self.threshold, Reason.CAPTION_ABUSE)


def _decide(text: str, name: str, extra: dict[str, float], threshold: float, reason: Reason) -> Decision:
    value = score(text, load_lexicon(name, tuple(sorted(extra.items()))))
    if value >= threshold:
        return Decision(Outcome.DROP, reason, value, threshold)
    return Decision(Outcome.KEEP, score=value, threshold=threshold)

"""The Korean caption engine: from the texts around an image to one clean caption and the record of why.

A batch goes in and one decision a candidate comes out. Every usable text is cleaned and put to the cheap filters; the
likeliest that passes is put to Kiwi with all others of the batch; where it fails there, the next likeliest is tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeVar

import msgspec

from filters.base import filter_id
from filters.caption import NOT_COUNTED, CaptionText, TextCounts, caption_text, is_control, is_furniture
from filters.caption_context import CaptionCorpusFrequency, CaptionSiteFrequency, CaptionSource, CaptionTemplate
from filters.caption_corpus import CaptionInput as CaptionInput
from filters.caption_corpus import CorpusEvidence as CorpusEvidence
from filters.caption_corpus import site_of as site_of
from filters.caption_corpus import template_key as template_key
from filters.caption_corpus import text_key as text_key
from filters.caption_morphology import CaptionContentNoun, CaptionRemark, CaptionUnknownWords
from filters.caption_shape import (
    CaptionFileName,
    CaptionFurniture,
    CaptionLength,
    CaptionNumbers,
    CaptionRepetition,
    CaptionScript,
    CaptionUrl,
)
from filters.choose import ATTRIBUTE_KINDS, FILE_NAME_KIND, LIKELIHOOD, OTHER_LIKELIHOOD, Option, rank
from filters.clean import Cleaned, clean
from filters.morphology import Morphemes, analyze
from filters.page_title import MANY_PAGES
from filters.translated import CaptionTranslated
from schemas.reasons import NO_REASON, Outcome, Reason
from schemas.records import CaptionCandidate, Verdict

ShapeFilter = (
    CaptionUrl | CaptionFileName | CaptionNumbers | CaptionScript | CaptionLength | CaptionFurniture | CaptionRepetition
)
ContextFilter = CaptionSiteFrequency | CaptionCorpusFrequency | CaptionTemplate | CaptionSource
MorphologyFilter = CaptionContentNoun | CaptionUnknownWords | CaptionRemark | CaptionTranslated
CaptionFilter = ShapeFilter | ContextFilter | MorphologyFilter

DEFAULT_FILTERS: Final[tuple[CaptionFilter, ...]] = (
    CaptionUrl(),
    CaptionFileName(),
    CaptionNumbers(),
    CaptionFurniture(),
    CaptionScript(),
    CaptionLength(),
    CaptionRepetition(),
    CaptionSource(),
    CaptionSiteFrequency(),
    CaptionCorpusFrequency(),
    CaptionTemplate(),
    CaptionContentNoun(),
    CaptionUnknownWords(),
    CaptionRemark(),
)


class CaptionRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What captions are held against.

    Attributes:
        filters: applied in this order within each of three groups: shape, context, morphology.
        on_unknown: what becomes of a caption one of whose filters had no evidence. A filter that needs corpus counts is
            not applied at all where no corpus was counted.
    """

    filters: tuple[CaptionFilter, ...] = DEFAULT_FILTERS
    on_unknown: Literal["drop", "keep"] = "drop"


DEFAULT_RULES: Final = CaptionRules()


class Judged(NamedTuple):
    """What the engine made of one image's texts.

    ``caption`` is the cleaned text chosen, also where it was dropped; ``raw`` the text it came from; ``morphemes`` the
    number of its morphemes (0 where Kiwi was not asked) and ``analysis`` the morphemes themselves. ``why`` says what
    spoke for the text; ``detail`` names each text that failed by kind and reason, never by its words.
    """

    caption: str = ""
    kind: str = ""
    dom_path: str = ""
    raw: str = ""
    steps: tuple[str, ...] = ()
    morphemes: int = 0
    outcome: str = Outcome.DROP
    reason: str = NO_REASON
    detail: str = ""
    verdicts: tuple[Verdict, ...] = ()
    why: str = ""
    analysis: Morphemes | None = None


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Shape(NamedTuple):
    """A cleaned text after the filters that need nothing but the text."""

    record: CaptionText
    verdicts: tuple[Verdict, ...]
    reason: str


class _Reading(NamedTuple):
    """A cleaned text after Kiwi and the filters over its morphemes."""

    morphemes: Morphemes
    verdicts: tuple[Verdict, ...]
    reason: str


class _Tried(NamedTuple):
    """One text of an image and how far it came."""

    option: Option
    verdicts: tuple[Verdict, ...]
    reason: str
    morphemes: Morphemes | None = None


REMEMBERED: Final = 4_096
"""Texts whose verdicts an engine remembers, 10 kB each: the web repeats its texts, yet memory must not grow with it."""


class _Engine:
    """The filters of one set of rules, by what they need, and what they last said of which text."""

    def __init__(self, rules: CaptionRules) -> None:
        self._shape = [(f, filter_id(f)) for f in rules.filters if isinstance(f, ShapeFilter)]
        self._context = [(f, filter_id(f)) for f in rules.filters if isinstance(f, ContextFilter)]
        self._sources = [pair for pair in self._context if isinstance(pair[0], CaptionSource)]
        self._morphology = [(f, filter_id(f)) for f in rules.filters if isinstance(f, MorphologyFilter)]
        self._drop_unknown = rules.on_unknown == "drop"
        self._shapes: dict[Cleaned, _Shape] = {}
        self._contexts: dict[tuple[TextCounts | None, float], tuple[tuple[Verdict, ...], str]] = {}
        self._readings: dict[Cleaned, _Reading] = {}

    def _apply(
        self, filters: Sequence[tuple[CaptionFilter, str]], record: CaptionText
    ) -> tuple[tuple[Verdict, ...], str]:
        """Return the verdicts up to the first drop and its reason, or no reason."""
        verdicts: list[Verdict] = []
        for judge, name in filters:
            outcome, reason, score, threshold = judge.decide(record)
            verdicts.append(Verdict(name, outcome, reason, score, threshold))
            if outcome is Outcome.DROP:
                return tuple(verdicts), reason
            if outcome is Outcome.UNKNOWN and self._drop_unknown:
                return tuple(verdicts), Reason.UNKNOWN
        return tuple(verdicts), NO_REASON

    def shape(self, cleaned: Cleaned) -> _Shape:
        """Return what the shape filters say of a text."""
        shape = self._shapes.get(cleaned)
        if shape is None:
            record = caption_text(cleaned.text, cleaned.steps)
            shape = _Shape(record, *self._apply(self._shape, record))
            _remember(self._shapes, cleaned, shape)
        return shape

    def context(self, counts: TextCounts | None, support: float) -> tuple[tuple[Verdict, ...], str]:
        """Return what the context filters say; those that need counts are passed over where none were made."""
        answer = self._contexts.get((counts, support))
        if answer is None:
            record = caption_text("")._replace(counts=counts or NOT_COUNTED, support=support)
            answer = self._apply(self._sources if counts is None else self._context, record)
            _remember(self._contexts, (counts, support), answer)
        return answer

    def known(self, cleaned: Cleaned) -> _Reading | None:
        """Return what the morphology filters said of a text, where it is remembered."""
        return self._readings.get(cleaned)

    def read(self, texts: Iterable[Cleaned]) -> dict[Cleaned, _Reading]:
        """Put ``texts`` through Kiwi together and return what the morphology filters say of each."""
        distinct = dict.fromkeys(texts)
        lines = list(dict.fromkeys(cleaned.text for cleaned in distinct))
        analyses = dict(zip(lines, analyze(lines), strict=True))
        found: dict[Cleaned, _Reading] = {}
        for cleaned in distinct:
            morphemes = analyses[cleaned.text]
            record = self.shape(cleaned).record._replace(morphemes=morphemes)
            found[cleaned] = _Reading(morphemes, *self._apply(self._morphology, record))
            _remember(self._readings, cleaned, found[cleaned])
        return found


def _remember(memory: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[key] = value


@lru_cache(maxsize=16)
def _engine(rules: CaptionRules) -> _Engine:
    return _Engine(rules)


def forget() -> None:
    """Forget what was remembered of earlier texts, for a measurement that must not profit from it."""
    clean.cache_clear()
    text_key.cache_clear()
    is_furniture.cache_clear()
    is_control.cache_clear()
    _engine.cache_clear()


def judge(
    batch: Sequence[CaptionInput],
    rules: CaptionRules = DEFAULT_RULES,
    evidence: CorpusEvidence | None = None,
) -> list[Judged]:
    """Return one decision per input, in order; the answer for an input does not depend on the rest of the batch.

    Args:
        batch: images with their texts. Thousands at once use Kiwi best.
        rules: the filters and what unknown leads to.
        evidence: corpus counts; None where no corpus was counted.
    """
    engine = _engine(rules)
    waiting = [(index, *_screen(engine, item, evidence)) for index, item in enumerate(batch)]
    results: list[Judged | None] = [None] * len(batch)
    readings: dict[Cleaned, _Reading] = {}
    while waiting:
        still = []
        for index, passing, failed in waiting:
            results[index] = judged = _settle(engine, batch[index], passing, failed, readings)
            if judged is None:
                still.append((index, passing, failed))
        readings = engine.read(passing[0].option.cleaned for _, passing, _ in still)
        waiting = still
    return [result for result in results if result is not None]


def _settle(
    engine: _Engine,
    item: CaptionInput,
    passing: list[_Tried],
    failed: list[_Tried],
    readings: dict[Cleaned, _Reading],
) -> Judged | None:
    """Return the decision, or None where Kiwi has yet to read the first of ``passing``; what fails is moved over."""
    while passing:
        option, verdicts, _, _ = passing[0]
        reading = engine.known(option.cleaned) or readings.get(option.cleaned)
        if reading is None:
            return None
        morphemes, more, reason = reading
        tried = _Tried(option, verdicts + more, reason, morphemes)
        if not reason:
            return _judged(tried, failed)
        failed.append(tried)
        del passing[0]
    return _dropped(item, failed)


def _screen(engine: _Engine, item: CaptionInput, evidence: CorpusEvidence | None) -> tuple[list[_Tried], list[_Tried]]:
    """Return the texts of ``item`` that pass all that is cheap and those that do not, each from the likeliest on."""
    site = "" if evidence is None else site_of(item.page_url)

    def counts(text: str) -> TextCounts | None:
        return None if evidence is None else evidence.counts(site, text)

    def site_images(text: str) -> int | None:
        return None if evidence is None else evidence.counts(site, text).site_images

    def is_name(part: str) -> bool:
        if item.site_name and text_key(part) == text_key(item.site_name):
            return True
        return evidence is not None and evidence.named_pages(site, part) >= MANY_PAGES

    def is_linked_title(text: str) -> bool:
        return evidence is not None and evidence.is_title_of(item.linked_page, text)

    options = rank(item.captions, item.page_title, site_images, is_name, is_linked_title if item.linked_page else None)
    control = _control(options)
    if control is not None:
        return [], [_Tried(control, engine.shape(control.cleaned).verdicts, Reason.CAPTION_BOILERPLATE)]
    passing: list[_Tried] = []
    failed: list[_Tried] = []
    for option in options:
        _, verdicts, reason = engine.shape(option.cleaned)
        if not reason:
            more, reason = engine.context(counts(option.counted), option.support)
            verdicts += more
        (failed if reason else passing).append(_Tried(option, verdicts, reason))
    return passing, failed


def _control(options: Sequence[Option]) -> Option | None:
    """Return the text that labels the image a button, sign or logo; None for any other image.

    What stands beside a "다음" arrow is the next page's title and no caption of the arrow, however good it reads.
    """
    own = [option for option in options if option.candidate.kind in ATTRIBUTE_KINDS]
    if len(own) > 1:
        own.sort(key=lambda option: ATTRIBUTE_KINDS.index(option.candidate.kind))
    return own[0] if own and is_control(own[0].cleaned.text) else None


def _judged(tried: _Tried, failed: Sequence[_Tried]) -> Judged:
    option = tried.option
    candidate, cleaned = option.candidate, option.cleaned
    return Judged(
        caption=cleaned.text,
        kind=candidate.kind,
        dom_path=candidate.dom_path,
        raw=candidate.text,
        steps=cleaned.steps,
        morphemes=0 if tried.morphemes is None else len(tried.morphemes.tokens),
        outcome=Outcome.DROP if tried.reason else Outcome.KEEP,
        reason=tried.reason,
        detail="; ".join([f"{other.option.candidate.kind}: {other.reason}" for other in failed]) if failed else "",
        verdicts=tried.verdicts,
        why=option.why,
        analysis=tried.morphemes,
    )


def _dropped(item: CaptionInput, failed: Sequence[_Tried]) -> Judged:
    """Return the decision about an image without a usable text: the likeliest text that failed speaks for it."""
    if failed:
        if len(failed) == 1:
            return _judged(failed[0], [])
        best = min(failed, key=lambda tried: -tried.option.likelihood)
        return _judged(best, [tried for tried in failed if tried is not best])
    refused = [(candidate, clean(candidate.text)) for candidate in item.captions if candidate.text.strip()]
    refused.sort(
        key=lambda pair: (pair[0].kind == FILE_NAME_KIND, -LIKELIHOOD.get(pair[0].kind, OTHER_LIKELIHOOD), pair[0])
    )
    if not refused:
        return Judged(reason=Reason.CAPTION_MISSING, why="no text")
    candidate, cleaned = refused[0]
    if candidate.kind == FILE_NAME_KIND:
        reason: str = Reason.CAPTION_FILE_NAME
    else:
        reason = cleaned.reason or (Reason.CAPTION_URL if "url" in cleaned.steps else Reason.CAPTION_BOILERPLATE)
    return Judged(
        kind=candidate.kind,
        dom_path=candidate.dom_path,
        raw=candidate.text,
        steps=cleaned.steps,
        reason=reason,
        why="nothing is left of it",
    )


def explain_line(raw: str, rules: CaptionRules = DEFAULT_RULES) -> Judged:
    """Return the decision about one plain text, with no page and no corpus around it."""
    return judge([CaptionInput((CaptionCandidate("line", raw, ""),))], rules)[0]

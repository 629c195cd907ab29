"""The Korean caption engine: from the texts around an image to one clean caption and the record of why.

A batch goes in and one decision a candidate comes out. Every usable text is cleaned and put to the cheap filters; the
likeliest that passes is put to Kiwi with all others of the batch; where it fails there, the next likeliest is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import msgspec

from filters.base import filter_id
from filters.caption import NOT_COUNTED, CaptionText, TextCounts, caption_text, is_control
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
from schemas.reasons import NO_REASON, Outcome, Reason
from schemas.records import CaptionCandidate, Verdict

ShapeFilter = (
    CaptionUrl | CaptionFileName | CaptionNumbers | CaptionScript | CaptionLength | CaptionFurniture | CaptionRepetition
)
ContextFilter = CaptionSiteFrequency | CaptionCorpusFrequency | CaptionTemplate | CaptionSource
MorphologyFilter = CaptionContentNoun | CaptionUnknownWords | CaptionRemark
CaptionFilter = ShapeFilter | ContextFilter | MorphologyFilter

DEFAULT_FILTERS: Final[tuple[CaptionFilter, ...]] = (
    CaptionUrl(),
    CaptionFileName(),
    CaptionFurniture(),
    CaptionScript(),
    CaptionNumbers(),
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


class _Tried(NamedTuple):
    """One text of an image and how far it came."""

    option: Option
    record: CaptionText
    verdicts: list[Verdict]
    reason: str


_Shape = tuple[CaptionText, list[Verdict], str]


class _Engine:
    def __init__(self, rules: CaptionRules) -> None:
        self._shape = [(f, filter_id(f)) for f in rules.filters if isinstance(f, ShapeFilter)]
        self._context = [(f, filter_id(f)) for f in rules.filters if isinstance(f, ContextFilter)]
        self._sources = [pair for pair in self._context if isinstance(pair[0], CaptionSource)]
        self._morphology = [(f, filter_id(f)) for f in rules.filters if isinstance(f, MorphologyFilter)]
        self._drop_unknown = rules.on_unknown == "drop"

    def _apply(self, filters: Sequence[tuple[CaptionFilter, str]], record: CaptionText, verdicts: list[Verdict]) -> str:
        """Append verdicts up to the first drop and return its reason, or no reason."""
        for judge, name in filters:
            outcome, reason, score, threshold = judge.decide(record)
            verdicts.append(Verdict(name, outcome, reason, score, threshold))
            if outcome is Outcome.DROP:
                return reason
            if outcome is Outcome.UNKNOWN and self._drop_unknown:
                return Reason.UNKNOWN
        return NO_REASON

    def shape(self, cleaned: Cleaned) -> _Shape:
        """Return the record of a text, its shape verdicts and the reason of the first drop."""
        record = caption_text(cleaned.text, cleaned.steps)
        verdicts: list[Verdict] = []
        return record, verdicts, self._apply(self._shape, record, verdicts)

    def context(self, tried: _Tried, counts: TextCounts | None) -> _Tried:
        """Return ``tried`` after the context filters; those that need counts are passed over where none were made."""
        text, steps, hangul, letters, _, _, _ = tried.record
        record = CaptionText(text, steps, hangul, letters, counts or NOT_COUNTED, tried.option.support, None)
        verdicts = list(tried.verdicts)
        applied = self._sources if counts is None else self._context
        return _Tried(tried.option, record, verdicts, self._apply(applied, record, verdicts))

    def morphology(self, tried: _Tried, morphemes: Morphemes) -> _Tried:
        """Return ``tried`` after the morphology filters."""
        text, steps, hangul, letters, counts, support, _ = tried.record
        record = CaptionText(text, steps, hangul, letters, counts, support, morphemes)
        return _Tried(tried.option, record, tried.verdicts, self._apply(self._morphology, record, tried.verdicts))


@lru_cache(maxsize=16)
def _engine(rules: CaptionRules) -> _Engine:
    return _Engine(rules)


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
    shapes: dict[Cleaned, _Shape] = {}
    results: list[Judged | None] = [None] * len(batch)
    waiting: list[tuple[int, list[_Tried], list[_Tried]]] = []
    for index, item in enumerate(batch):
        control = _control(item)
        if control is not None:
            results[index] = control
            continue
        passing, failed = _screen(engine, item, evidence, shapes)
        if passing:
            waiting.append((index, passing, failed))
        else:
            results[index] = _dropped(item, failed)
    analyses: dict[str, Morphemes] = {}
    while waiting:
        texts = list(dict.fromkeys(passing[0].record.text for _, passing, _ in waiting))
        new = [text for text in texts if text not in analyses]
        analyses.update(zip(new, analyze(new), strict=True))
        still: list[tuple[int, list[_Tried], list[_Tried]]] = []
        for index, passing, failed in waiting:
            tried = engine.morphology(passing[0], analyses[passing[0].record.text])
            if not tried.reason:
                results[index] = _judged(tried, failed)
                continue
            failed = [*failed, tried]
            if len(passing) > 1:
                still.append((index, passing[1:], failed))
            else:
                results[index] = _dropped(batch[index], failed)
        waiting = still
    return [result for result in results if result is not None]


def _control(item: CaptionInput) -> Judged | None:
    """Return the decision about a button, sign or logo; None for any other image.

    What stands beside a "다음" arrow is the next page's title and no caption of the arrow, however good it reads.
    """
    own = next((candidate for candidate in item.captions if candidate.kind in ATTRIBUTE_KINDS), None)
    cleaned = clean(own.text) if own is not None else None
    if own is None or cleaned is None or not cleaned.text or not is_control(cleaned.text):
        return None
    return Judged(
        caption=cleaned.text,
        kind=own.kind,
        dom_path=own.dom_path,
        raw=own.text,
        steps=cleaned.steps,
        reason=Reason.CAPTION_BOILERPLATE,
        why="the image's own label names a control",
    )


def _screen(
    engine: _Engine, item: CaptionInput, evidence: CorpusEvidence | None, shapes: dict[Cleaned, _Shape]
) -> tuple[list[_Tried], list[_Tried]]:
    """Return the texts of ``item`` that pass all that is cheap and those that do not, each from the likeliest on."""
    site = "" if evidence is None else site_of(item.page_url)

    def counts(text: str) -> TextCounts | None:
        return None if evidence is None else evidence.counts(site, text)

    def site_images(text: str) -> int | None:
        return None if evidence is None else evidence.counts(site, text).site_images

    passing: list[_Tried] = []
    failed: list[_Tried] = []
    for option in rank(item.captions, item.page_title, site_images):
        shape = shapes.get(option.cleaned)
        if shape is None:
            shape = shapes[option.cleaned] = engine.shape(option.cleaned)
        tried = _Tried(option, *shape)
        if not tried.reason:
            tried = engine.context(tried, counts(option.cleaned.text))
        (failed if tried.reason else passing).append(tried)
    return passing, failed


def _judged(tried: _Tried, failed: Sequence[_Tried]) -> Judged:
    option = tried.option
    analysis = tried.record.morphemes
    return Judged(
        caption=option.cleaned.text,
        kind=option.candidate.kind,
        dom_path=option.candidate.dom_path,
        raw=option.candidate.text,
        steps=option.cleaned.steps,
        morphemes=0 if analysis is None else len(analysis.tokens),
        outcome=Outcome.DROP if tried.reason else Outcome.KEEP,
        reason=tried.reason,
        detail="; ".join(f"{other.option.candidate.kind}: {other.reason}" for other in failed),
        verdicts=tuple(tried.verdicts),
        why=option.why,
        analysis=analysis,
    )


def _dropped(item: CaptionInput, failed: Sequence[_Tried]) -> Judged:
    """Return the decision about an image without a usable text: the likeliest text that failed speaks for it."""
    if failed:
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

"""Whether a caption was written in Korean or translated into it, by a model of its style.

The model is trained from nothing by ``pipelines.train`` and ships with its card in ``filters/models``. It is a weak
witness: `MODEL_CARD.md` gives its figures on sources it never saw, and a short text says nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, ClassVar, Final

import fasttext
import msgspec

from filters.base import Decision
from filters.caption import CaptionText
from filters.morphology import Morpheme, Morphemes
from filters.style_tokens import style_ngrams, style_tokens
from schemas.reasons import NO_REASON, Outcome, Reason

TRANSLATED_LABEL: Final = "__label__translated"
MODEL_FILE: Final = "translated.ftz"


@cache
def _model() -> Any:
    with resources.as_file(resources.files("filters") / "models" / MODEL_FILE) as path:
        return fasttext.FastText._FastText(model_path=str(path))


def score_with(model: Any, tokens: Sequence[Morpheme]) -> float | None:
    """Return what ``model``, a loaded fastText model, gives as the probability of translation; None: nothing known."""
    features = list(style_ngrams(style_tokens(tokens)))
    # The end of the line is a feature to fastText: with nothing else known it would answer all the same.
    if all(model.get_word_id(feature) < 0 for feature in features):
        return None
    labels, shares = model.predict(" ".join(features), k=2)
    # fastText's softmax reaches 1.00001.
    found: dict[str, float] = dict(zip(labels, map(float, shares), strict=True))
    return min(1.0, found[TRANSLATED_LABEL])


def translated_score(morphemes: Morphemes) -> float | None:
    """Return the shipped model's probability, 0 to 1, that the text was translated.

    None where none of its features is known. The model is loaded once a process, on first use.
    """
    return score_with(_model(), morphemes.tokens)


class CaptionTranslated(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="caption_translated"
):
    """Drops a text that reads like a translation.

    Attributes:
        max_score: most of `translated_score`, 0 to 1. The card says what each threshold costs in native texts.
        min_morphemes: shorter texts are unknown: the card says how little can be told of them.
    """

    max_score: float = 0.95
    min_morphemes: int = 12
    name: ClassVar[str] = "caption_translated"
    version: ClassVar[int] = 1
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_TRANSLATED})

    def decide(self, record: CaptionText, /) -> Decision:
        """Score: `translated_score`. Unknown without morphemes, below ``min_morphemes``, or with no known feature."""
        if record.morphemes is None or len(record.morphemes.tokens) < self.min_morphemes:
            return Decision(Outcome.UNKNOWN, NO_REASON, None, self.max_score)
        score = translated_score(record.morphemes)
        if score is None:
            return Decision(Outcome.UNKNOWN, NO_REASON, None, self.max_score)
        if score > self.max_score:
            return Decision(Outcome.DROP, Reason.CAPTION_TRANSLATED, score, self.max_score)
        return Decision(Outcome.KEEP, NO_REASON, score, self.max_score)

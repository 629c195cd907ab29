"""The filters over where a text stands: each reason, the thresholds, and unknown without evidence."""

import pytest

from filters.caption import TextCounts, caption_text
from filters.caption_context import CaptionCorpusFrequency, CaptionSiteFrequency, CaptionSource, CaptionTemplate
from schemas.reasons import NO_REASON, Outcome, Reason


def decide(judge, *, counts=None, support=None):
    record = caption_text("경복궁")
    return judge.decide(record._replace(counts=counts or record.counts, support=support))


@pytest.mark.parametrize(
    ("judge", "most", "counts", "reason"),
    [
        (CaptionSiteFrequency(), 3, lambda n: TextCounts(n, None, None), Reason.CAPTION_TOO_FREQUENT),
        (CaptionCorpusFrequency(), 10, lambda n: TextCounts(None, n, None), Reason.CAPTION_TOO_FREQUENT),
        (CaptionTemplate(), 9, lambda n: TextCounts(None, None, n), Reason.CAPTION_TEMPLATED),
    ],
)
def test_counts(judge, most, counts, reason):
    assert decide(judge, counts=counts(most)) == (Outcome.KEEP, NO_REASON, most, most)
    assert decide(judge, counts=counts(most + 1)) == (Outcome.DROP, reason, most + 1, most)
    assert decide(judge) == (Outcome.UNKNOWN, NO_REASON, None, most)
    assert judge.reasons == {reason}


def test_zero_is_a_threshold():
    assert decide(CaptionSiteFrequency(max_images=0), counts=TextCounts(1, None, None)).outcome is Outcome.DROP


def test_source():
    judge = CaptionSource(min_support=0.25)
    assert decide(judge, support=0.25) == (Outcome.KEEP, NO_REASON, 0.25, 0.25)
    assert decide(judge, support=0.2) == (Outcome.DROP, Reason.CAPTION_WEAK_SOURCE, 0.2, 0.25)
    assert decide(judge) == (Outcome.UNKNOWN, NO_REASON, None, 0.25)

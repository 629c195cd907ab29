import pytest

from pipelines.reason_texts import REASON_TEXTS, reason_text
from schemas.reasons import Reason


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_one_plain_sentence(reason):
    sentence = reason_text(reason)
    assert sentence.endswith(".")
    assert sentence[0].isupper()
    assert 15 < len(sentence) < 120


def test_no_two_reasons_share_a_sentence():
    assert len(set(REASON_TEXTS.values())) == len(REASON_TEXTS)


def test_a_code_of_another_release_has_no_sentence():
    assert reason_text("made_up") == ""

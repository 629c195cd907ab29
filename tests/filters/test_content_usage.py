from __future__ import annotations

import pytest

from filters.content_usage import header_consent, refuses_training
from schemas.records import Consent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ("train-ai=n", True),
        ("TRAIN-AI = N", True),
        ('train-ai="n"', True),
        ("train-ai=y", False),
        ("train-ai", False),
        ("train-ai=maybe", False),
        ("search=n", False),
        ("search=y, train-ai=n;x=y", True),
        ("train-ai=y, train-ai=n", True),
        ("bots=n", True),
        ("bots=n, train-ai=y", False),
        ("bots=n, train-ai=maybe", False),
        ("ai-train=no, search=yes", True),
        ("ai-train=yes", False),
        ("x-train-ai=n", False),
        ("train-ai:n", True),
        ("train-ai='n'", True),
        ("(train-ai=n)", True),
        ("train-ai=n=n", True),
        ("train_ai=n", True),
        ("search=y train-ai=n", True),
        ("train-ai=?0;a", True),
        ("train-genai=n", True),
        ("train-ai=y, train-genai=n", True),
        ("genai=y, ai=n", True),
        ("tdm=n", True),
        ("tdm=n, ai=y", False),
        ("*=n", True),
    ],
)
def test_refusals(text, expected):
    assert refuses_training(text) is expected


def test_header_lines_are_read_together():
    assert header_consent([]) is None
    assert header_consent(["search=y"]) is None
    assert header_consent(["train-ai=y"]) == Consent("content-usage", "train-ai=y", allowed=True)
    assert header_consent(["search=y", "train-ai=n"]) == Consent("content-usage", "search=y, train-ai=n", allowed=False)

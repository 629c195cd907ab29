"""IETF AIPREF usage preferences: ``Content-Usage: train-ai=n`` (draft-ietf-aipref-vocab, draft-ietf-aipref-attach).

The vocabulary is still a draft, so older and sibling spellings that say the same are read too, and what is written
badly but says no is taken for a no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from schemas.records import Consent

CHANNEL: Final = "content-usage"

_TRAINING: Final = ("train-ai", "ai-train", "train-genai", "genai", "ai")
"""AIPREF's category for the training of models, Cloudflare's name for it, and those of AIPREF's earlier drafts."""
_ANY_USE: Final = ("bots", "tdm", "all", "*")
"""Categories of earlier drafts that training belongs to: they decide where training is not named."""
_NO: Final = frozenset({"n", "no", "?0", "0", "false", "disallow", "disallowed"})
_YES: Final = frozenset({"y", "yes", "?1", "1", "true", "allow", "allowed"})
_ITEM: Final = re.compile(r"(?<![A-Za-z0-9*_-])([A-Za-z*][A-Za-z0-9*_-]*)\s*[=:]\s*[\"'(]*(\??[A-Za-z0-9]*)")


def _preferences(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in _ITEM.findall(text):
        found.setdefault(name.lower().replace("_", "-"), []).append(value.lower())
    return found


def _stated(text: str) -> list[str]:
    """Return the values that bear on training: those of training itself, else those of any use."""
    preferences = _preferences(text)
    for names in (_TRAINING, _ANY_USE):
        values = [value for name in names for value in preferences.get(name, [])]
        if values:
            return values
    return []


def refuses_training(text: str) -> bool:
    """Return whether the preferences ``text`` refuse training; of contradicting values one refusal is enough."""
    return any(value in _NO for value in _stated(text))


def header_consent(values: Iterable[str]) -> Consent | None:
    """Return what the ``Content-Usage`` header lines of a response say on training, or None if nothing."""
    joined = ", ".join(values)
    stated = _stated(joined)
    if any(value in _NO for value in stated):
        return Consent(CHANNEL, joined, allowed=False)
    return Consent(CHANNEL, joined, allowed=True) if any(value in _YES for value in stated) else None

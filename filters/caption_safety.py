"""What may not stand in a caption: personal identifiers, spam, abuse. Applied after a caption is chosen.

A resident or foreigner number is withheld before anything is written at all (`withheld`): the law forbids keeping it,
and even a hash of one can be reversed by trying all numbers.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from filters.base import verdict
from filters.identifier_patterns import IdentifierKind
from filters.identifiers import (
    PLACEHOLDERS,
    Finding,
    IdentifierPolicy,
    find_identifiers,
    find_in_url,
    redact,
    redact_url,
)
from filters.unwanted import AbuseText, SpamText
from schemas.reasons import NO_REASON, Outcome, Reason
from schemas.records import Verdict

FORBIDDEN: Final = (IdentifierKind.RESIDENT_NUMBER, IdentifierKind.FOREIGNER_NUMBER)
"""Identifiers that are never written anywhere (개인정보 보호법 제24조의2)."""

LONGEST: Final = 20_000
"""Characters searched for identifiers; a longer text is no caption and is cut before it is written."""

LONGEST_REPORT: Final = 100_000
"""Characters kept of what is told of an error."""


class CaptionSafety(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ``safety`` section of a workflow."""

    identifiers: IdentifierPolicy = IdentifierPolicy()
    spam: SpamText = SpamText()
    abuse: AbuseText = AbuseText()


class SafeCaption(NamedTuple):
    """A caption that may be written. ``findings`` are the identifiers replaced, as spans of the text before."""

    text: str
    reason: str
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]


def withheld(text: str) -> str:
    """Return ``text``, cut to 20,000 characters, without numbers that may never be written."""
    text = text[:LONGEST]
    return redact(text, [finding for finding in find_identifiers(text) if finding.kind in FORBIDDEN])


def is_forbidden_url(url: str) -> bool:
    """Tell whether a URL holds a number that may never be written, and so may not be asked for."""
    return any(finding.kind in FORBIDDEN for finding in find_in_url(url))


def without_forbidden(url: str) -> str:
    """Return a URL as it may be written: as it is, or with every identifier replaced where one may never be written."""
    return redact_url(url) if is_forbidden_url(url) else url


def holds_forbidden(text: str) -> bool:
    """Tell whether a page's text holds a number that may never be written."""
    return any(finding.kind in FORBIDDEN for finding in find_identifiers(text))


def redacted(text: str, rules: CaptionSafety) -> str:
    """Return ``text`` without the identifiers that the rules do not keep."""
    return rules.identifiers.redact(text[:LONGEST])[0]


def safe_report(text: str) -> str:
    """Return what is told of an error, a traceback say, without any personal identifier: it may quote a page.

    Of a long text the last 100,000 characters are kept, from the beginning of a line.
    """
    if len(text) > LONGEST_REPORT:
        text = text[-LONGEST_REPORT:].partition("\n")[2]
    return IdentifierPolicy().redact(text)[0]


def make_safe(caption: str, rules: CaptionSafety) -> SafeCaption:
    """Judge a chosen caption. Whatever the outcome, the text that comes back may be written."""
    findings = find_identifiers(caption)
    hidden = rules.identifiers.to_hide(findings)
    decided = (
        (rules.identifiers, rules.identifiers.decide(findings)),
        (rules.spam, rules.spam.decide(caption)),
        (rules.abuse, rules.abuse.decide(caption)),
    )
    reason = NO_REASON
    verdicts = []
    for judge, decision in decided:
        verdicts.append(verdict(judge, decision))
        if reason == NO_REASON and decision.outcome == Outcome.DROP:
            reason = decision.reason
    if reason == NO_REASON and any(
        PLACEHOLDERS[kind] in caption and rules.identifiers.action(kind) == "drop" for kind in FORBIDDEN
    ):
        reason = Reason.CAPTION_IDENTIFIER
    return SafeCaption(redact(caption, hidden), reason, tuple(verdicts), tuple(hidden))

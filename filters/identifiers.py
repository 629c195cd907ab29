"""Korean personal identifiers in texts and URLs: found in any spelling, redacted or dropped by policy.

Nothing here returns, logs or raises the value of an identifier; a finding is a kind and a span.
Processing resident numbers without a statutory basis is forbidden (개인정보 보호법 제24조의2), so policy offers no
"keep" for them, and whatever is written anywhere goes through `redact` first, dropped records included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final, Literal, NamedTuple

import msgspec

from filters.base import Decision
from filters.fold import Folded, fold, unquote
from filters.identifier_patterns import IdentifierKind, View, candidates
from filters.identifier_shapes import MASK
from schemas.reasons import Outcome, Reason

PLACEHOLDERS: Final[dict[str, str]] = {
    IdentifierKind.RESIDENT_NUMBER: "[주민등록번호]",
    IdentifierKind.FOREIGNER_NUMBER: "[외국인등록번호]",
    IdentifierKind.CARD: "[카드번호]",
    IdentifierKind.ACCOUNT: "[계좌번호]",
    IdentifierKind.PASSPORT: "[여권번호]",
    IdentifierKind.DRIVER_LICENCE: "[운전면허번호]",
    IdentifierKind.MOBILE_PHONE: "[휴대전화번호]",
    IdentifierKind.LANDLINE_PHONE: "[전화번호]",
    IdentifierKind.EMAIL: "[이메일]",
    IdentifierKind.ADDRESS_UNIT: "[상세주소]",
    IdentifierKind.VEHICLE: "[차량번호]",
    IdentifierKind.CORPORATE_NUMBER: "[법인등록번호]",
    IdentifierKind.BUSINESS_NUMBER: "[사업자등록번호]",
}
"""What stands in a text for each kind."""

URL_PLACEHOLDER: Final = "REDACTED"
"""What stands in a URL for any kind; plain ASCII, so that the rest stays a URL."""

_MARKS: Final = tuple(PLACEHOLDERS.values())
_ENCLOSED: Final = re.compile(r"[²³¹⁰⁴-⁹₀-₉①-⒛⓪-⓿❶-➓\U0001F100-\U0001F10A]")
_SPOKEN_DIGITS: Final = "0-9공영일이삼사오육륙칠팔구OolI|ㅇ○〇ㅣ"
_SPOKEN_RUN: Final = re.compile(
    rf"(?<![A-Za-z])(?:\+?82[- ]?)?[{_SPOKEN_DIGITS}]"
    rf"(?:[ ]{{0,2}}(?:[-.,·/_~]|에|의|다시|대시)?[ ]{{0,2}}[{_SPOKEN_DIGITS}]){{8,24}}"
)
_SPOKEN_TABLE: Final = str.maketrans("공영일이삼사오육륙칠팔구OolI|ㅇ○〇ㅣ", "001234566789" + "0011100" + "01")
# Every identifier holds a digit, an at sign in some spelling, or a run of Hangul digits.
_HINT: Final = re.compile(rf"[\d@＠﹫{_ENCLOSED.pattern[1:-1]}]")
_SPELT_HINT: Final = re.compile(
    r"골뱅이|&#|[(\[{<][ ]?(?:[aA][tT]|앳)|[ ][aA][tT][ ]"
    rf"|[{_SPOKEN_DIGITS}](?:\W{{0,3}}(?:에|의|다시|대시)?\W{{0,3}}[{_SPOKEN_DIGITS}]){{6}}"
)
_ROUNDS: Final = 8
_SEVERITY: Final = {kind: place for place, kind in enumerate(IdentifierKind)}


class Finding(NamedTuple):
    """One identifier: its kind (an `IdentifierKind` value) and its half-open span in code points of the text.

    The value itself is left out on purpose.
    """

    kind: str
    start: int
    end: int


def find_identifiers(text: str) -> list[Finding]:
    """Return the identifiers in ``text``, in order and not overlapping; placeholders of `redact` are none.

    Kinds, shapes and context words: `filters.identifier_patterns`. Runs in time linear in the text.
    """
    if _HINT.search(text) is None and _SPELT_HINT.search(text) is None:
        return []
    return _settle(text, in_url=False)


def find_in_url(url: str) -> list[Finding]:
    """Return the identifiers in ``url``, percent escapes decoded; spans are of the URL as given.

    Path separators join no digits here (/230315/1234567.jpg is a folder of a day), and vehicle, account and card
    numbers need their name beside them, because URLs are full of long numbers.
    """
    if _HINT.search(url) is None and _SPELT_HINT.search(url) is None and "%" not in url:
        return []
    return _settle(url, in_url=True)


def redact(text: str, findings: Iterable[Finding]) -> str:
    """Return ``text`` with each finding's span replaced by the placeholder of its kind.

    Raises:
        ValueError: a span lies outside the text or overlaps another, or a kind is not known.
    """
    return _replace(text, findings, PLACEHOLDERS)


def redact_url(url: str) -> str:
    """Return ``url`` with every identifier in it replaced by ``REDACTED``."""
    return _replace(url, find_in_url(url), dict.fromkeys(PLACEHOLDERS, URL_PLACEHOLDER))


def _replace(text: str, findings: Iterable[Finding], placeholders: dict[str, str]) -> str:
    pieces: list[str] = []
    position = 0
    for kind, start, end in sorted(findings, key=lambda finding: finding.start):
        if not position <= start < end <= len(text) or kind not in placeholders:
            raise ValueError(f"finding of kind {kind} at {start}:{end} does not fit the text")
        pieces += [text[position:start], placeholders[kind]]
        position = end
    return "".join([*pieces, text[position:]])


def _settle(text: str, *, in_url: bool) -> list[Finding]:
    """Search again with the finds masked until nothing new turns up, so that redacting twice changes nothing."""
    text = text.replace(MASK, " ")
    found: list[Finding] = []
    for _ in range(_ROUNDS):
        fresh = _merge(_search(text, in_url=in_url))
        if not fresh:
            break
        found += fresh
        pieces: list[str] = []
        position = 0
        for finding in fresh:
            pieces += [text[position : finding.start], MASK * (finding.end - finding.start)]
            position = finding.end
        text = "".join([*pieces, text[position:]])
    return sorted(found, key=lambda finding: finding.start)


def _search(text: str, *, in_url: bool) -> Iterator[Finding]:
    readings = [text]
    if _ENCLOSED.search(text) is not None:  # ①010-…: the circled one may be a digit or a list's number
        readings.append(_ENCLOSED.sub(" ", text))
    for reading in readings:
        if in_url:
            decoded = unquote(reading)
            folded = fold(decoded.text, (URL_PLACEHOLDER,), MASK)
        else:
            decoded = None
            folded = fold(reading, _MARKS, MASK)
        yield from _in_views(folded, decoded, in_url=in_url)


def _in_views(folded: Folded, decoded: Folded | None, *, in_url: bool) -> Iterator[Finding]:
    views = [View(folded.text, in_url)]
    spoken = _SPOKEN_RUN.sub(lambda run: run.group().translate(_SPOKEN_TABLE), folded.text)
    if spoken != folded.text:
        views.append(View(spoken, in_url, spoken=True))
    for view in views:
        for start, end, kind in candidates(view):
            begin, stop = folded.span(start, end)
            if decoded is not None:
                begin, stop = decoded.span(begin, stop)
            yield Finding(str(kind), begin, stop)


def _merge(findings: Iterable[Finding]) -> list[Finding]:
    """Join overlapping findings into one that covers them all, named by the most sensitive kind."""
    merged: list[Finding] = []
    for finding in sorted(findings, key=lambda finding: (finding.start, finding.end, finding.kind)):
        if merged and finding.start < merged[-1].end:
            last = merged.pop()
            kind = min(last.kind, finding.kind, key=lambda kind: _SEVERITY[IdentifierKind(kind)])
            finding = Finding(kind, last.start, max(last.end, finding.end))
        merged.append(finding)
    return merged


Severe = Literal["drop", "redact"]
Action = Literal["drop", "redact", "keep"]


class IdentifierPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What each kind of identifier leads to: the record is dropped, or its text redacted, or nothing.

    Numbers of firms are public and kept. Resident and foreigner numbers can not be kept.
    """

    name: ClassVar[str] = "identifiers"
    version: ClassVar[int] = 2
    reasons: ClassVar[frozenset[Reason]] = frozenset({Reason.CAPTION_IDENTIFIER})

    resident_number: Severe = "drop"
    foreigner_number: Severe = "drop"
    card: Action = "drop"
    account: Action = "drop"
    passport: Action = "drop"
    driver_licence: Action = "drop"
    mobile_phone: Action = "redact"
    landline_phone: Action = "redact"
    email: Action = "redact"
    address_unit: Action = "redact"
    vehicle: Action = "redact"
    corporate_number: Action = "keep"
    business_number: Action = "keep"

    def action(self, kind: str) -> Action:
        """Return what a finding of ``kind`` leads to."""
        action: Action = getattr(self, IdentifierKind(kind))
        return action

    def redact(self, text: str) -> tuple[str, list[Finding]]:
        """Return ``text`` without the identifiers that may not stay, and the findings that were replaced."""
        findings = self.to_hide(find_identifiers(text))
        return redact(text, findings), findings

    def to_hide(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return those of ``findings`` that may not stay in a text."""
        return [finding for finding in findings if self.action(finding.kind) != "keep"]

    def decide(self, findings: Iterable[Finding]) -> Decision:
        """Drop a text with an identifier of a kind to drop among its ``findings``; the score counts those to hide."""
        hidden = self.to_hide(findings)
        if any(self.action(finding.kind) == "drop" for finding in hidden):
            return Decision(Outcome.DROP, Reason.CAPTION_IDENTIFIER, float(len(hidden)))
        return Decision(Outcome.KEEP, score=float(len(hidden)))

"""What a response says about the use of its content: every channel that comes with it, as consent evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from filters import content_usage, robots_tag, tdmrep
from filters.caption_safety import withheld
from schemas.records import Consent

_ROBOTS: Final = "robots.txt"
_USAGE: Final = frozenset({"content-usage", "content-signal"})
_NAMES: Final = frozenset({"x-robots-tag", tdmrep.NAME}) | _USAGE


def response_consent(
    headers: Iterable[tuple[str, str]],
    metas: Sequence[tuple[str, str]] = (),
    *,
    agent: str,
    reservation: tdmrep.Reservation | None = None,
) -> list[Consent]:
    """Return the consent evidence of one response, in the order of its channels; empty where nothing is said.

    Args:
        headers: (name, value) of each header line, names in any case.
        metas: (name, content) of a page's metas, ``http-equiv`` counting as a name.
        agent: our product token, as in ``harubang``.
        reservation: the entry of the site's TDMRep file that matches, if any.
    """
    lines: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() in _NAMES:
            lines.setdefault(name.lower(), []).append(value)
    usage = [value for name in sorted(_USAGE) for value in lines.get(name, ())]
    usage += [content for name, content in metas if name.strip().lower() in _USAGE]
    found = (
        robots_tag.header_consent(lines.get("x-robots-tag", ()), agent),
        robots_tag.meta_consent(metas, agent),
        tdmrep.consent(reservation, lines.get(tdmrep.NAME, ()), metas),
        content_usage.header_consent(usage),
    )
    return [consent._replace(value=withheld(consent.value)) for consent in found if consent is not None]


def page_refusal(headers: Iterable[tuple[str, str]], metas: Sequence[tuple[str, str]], *, agent: str) -> Consent | None:
    """Return the first refusal among what a page says of itself in headers and metas, or None."""
    return next((c for c in response_consent(headers, metas, agent=agent) if not c.allowed), None)


def refused(consents: Iterable[Consent]) -> bool:
    """Return whether any of ``consents`` is a refusal."""
    return not all(consent.allowed for consent in consents)


def consent_grade(consents: Iterable[Consent]) -> int:
    """Return how strongly ``consents`` speak for use, from -1 to 2.

    -1 is a refusal; 0 nothing said, as by a robots.txt that is not there ("HTTP 404"); 1 a robots.txt that allows; 2 an
    express permission, as TDMRep and Content-Usage give for data mining or training.
    """
    found = list(consents)
    if refused(found):
        return -1
    if any(not consent.channel.startswith(_ROBOTS) for consent in found):
        return 2
    return int(any(consent.value.startswith("allow") for consent in found))

"""What a site says about crawling and training before anything is asked for: robots.txt, tdmrep.json, ai.txt."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from filters import ai_txt, robots_txt, tdmrep
from pipelines.http_exchange import Answer
from pipelines.network import Network
from schemas.reasons import NO_REASON, Reason
from schemas.records import Consent

ROBOTS_CHANNEL: Final = "robots.txt"
_USAGE_CHANNEL: Final = "robots.txt content-usage"
_CACHED_ORIGINS: Final = 10_000
_UNREACHABLE_SECONDS: Final = 3_600.0
"""How long a robots.txt that could not be had is taken for unreachable before it is asked for again."""

Ask = Callable[[str, int], Awaitable[Answer]]
"""Request a URL, redirects followed, the body cut at so many bytes."""


class SitePolicy(NamedTuple):
    """What one origin's files say. ``refusal`` and ``refusal_consent`` hold for every URL of it."""

    refusal: str
    detail: str
    consents: tuple[Consent, ...]
    robots: robots_txt.RobotsTxt | None = None
    reservations: tuple[tdmrep.Reservation, ...] = ()
    ai: ai_txt.AiTxt | None = None

    def reservation(self, target: str) -> tdmrep.Reservation | None:
        """Return the TDMRep entry for ``target`` (path and query), or None."""
        return tdmrep.file_reservation(self.reservations, target) if self.reservations else None

    def judge(self, target: str, *, is_image: bool) -> tuple[str, str, tuple[Consent, ...]]:
        """Return (reason, detail, consents) for ``target`` (path and query); an empty reason where it may be had."""
        if self.refusal:
            return self.refusal, self.detail, self.consents
        if self.robots is not None:
            if not self.robots.allows(target):
                value = f"disallow sha256:{self.robots.sha256}"
                return Reason.ROBOTS_DISALLOWED, "", (Consent(ROBOTS_CHANNEL, value, allowed=False),)
            usage = self.robots.usage_refusal(target)
            if usage is not None:
                return self._opted_out(_USAGE_CHANNEL, usage)
        entry = self.reservation(target)
        if entry is not None and entry.reserved:
            # A header could still lift it, but to see that header is to fetch what the site reserves.
            return self._opted_out(tdmrep.FILE_CHANNEL, f"{entry.location} {tdmrep.NAME}=1")
        if self.ai is not None and self.ai.refuses(target, is_image=is_image):
            return self._opted_out(ai_txt.CHANNEL, f"disallow sha256:{self.ai.sha256}")
        return NO_REASON, "", self.consents

    def _opted_out(self, channel: str, value: str) -> tuple[str, str, tuple[Consent, ...]]:
        return Reason.OPTED_OUT, channel, (*self.consents, Consent(channel, value, allowed=False))


class SitePolicies:
    """The policies of every origin met, each asked for once and believed for ``robots_cache_seconds`` at most."""

    def __init__(self, network: Network, ask: Ask, crawl_delay: Callable[[str, float], None]) -> None:
        self._network = network
        self._ask = ask
        self._crawl_delay = crawl_delay
        self._known: OrderedDict[str, tuple[float, SitePolicy]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[SitePolicy]] = {}

    def known(self, origin: str) -> SitePolicy | None:
        """Return the policy of ``origin`` if it is at hand and not stale."""
        found = self._known.get(origin)
        if found is None:
            return None
        if found[0] < asyncio.get_running_loop().time():
            del self._known[origin]
            return None
        self._known.move_to_end(origin)
        return found[1]

    async def of(self, origin: str) -> SitePolicy:
        """Return the policy of ``origin``, asking for its files if need be; callers at once share one request."""
        found = self.known(origin)
        if found is not None:
            return found
        task = self._asking.get(origin)
        if task is None:
            task = self._asking[origin] = asyncio.create_task(self._learn(origin))
            task.add_done_callback(lambda _: self._asking.pop(origin, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up what is being asked."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _learn(self, origin: str) -> SitePolicy:
        policy = await self._robots(origin)
        if not policy.refusal:
            policy = await self._consent_files(origin, policy)
        seconds = self._network.robots_cache_seconds
        if policy.refusal:
            seconds = min(seconds, _UNREACHABLE_SECONDS)
        self._known[origin] = (asyncio.get_running_loop().time() + seconds, policy)
        if len(self._known) > _CACHED_ORIGINS:
            self._known.popitem(last=False)
        return policy

    async def _robots(self, origin: str) -> SitePolicy:
        """Ask for robots.txt. RFC 9309, section 2.3.1: 4xx allows all, what cannot be reached disallows all.

        A success without content (204, 205) is an empty file, and allows all too.
        """
        answer = await self._ask(f"{origin}/robots.txt", robots_txt.MAX_ROBOTS_BYTES + 1)
        status = answer.status
        if status is not None and (400 <= status < 500 or status in (204, 205)):
            return SitePolicy(NO_REASON, "", (Consent(ROBOTS_CHANNEL, f"HTTP {status}", allowed=True),))
        if status is None or answer.reason:
            return _unreachable(SitePolicy(NO_REASON, "", ()), ROBOTS_CHANNEL, answer)
        robots = robots_txt.parse(answer.body, self._network.agent)
        if robots.crawl_delay is not None:
            self._crawl_delay(origin, robots.crawl_delay)
        allow = Consent(ROBOTS_CHANNEL, f"allow sha256:{robots.sha256}", allowed=True)
        return SitePolicy(NO_REASON, "", (allow,), robots)

    async def _consent_files(self, origin: str, policy: SitePolicy) -> SitePolicy:
        """Ask for the other files. 4xx states nothing; an error closes the site, for the file may say no."""
        if "tdmrep" in self._network.consent_files:
            answer = await self._ask(origin + tdmrep.WELL_KNOWN, robots_txt.MAX_ROBOTS_BYTES)
            if answer.status == 200 and not answer.reason:
                if _is_json(answer):
                    try:
                        policy = policy._replace(reservations=tdmrep.parse(answer.body))
                    except ValueError as error:
                        consent = Consent(tdmrep.FILE_CHANNEL, f"unreadable: {error}", allowed=False)
                        consents = (*policy.consents, consent)
                        return policy._replace(refusal=Reason.OPTED_OUT, detail=consent.channel, consents=consents)
            elif not _states_nothing(answer):
                return _unreachable(policy, tdmrep.FILE_CHANNEL, answer)
        if "ai.txt" in self._network.consent_files:
            answer = await self._ask(origin + ai_txt.WELL_KNOWN, robots_txt.MAX_ROBOTS_BYTES)
            if answer.status == 200 and not answer.reason:
                policy = policy._replace(ai=ai_txt.parse(answer.body, self._network.agent))
            elif not _states_nothing(answer):
                return _unreachable(policy, ai_txt.CHANNEL, answer)
        return policy


# These are about the address, not about the site's wishes, and would end every request to it the same way.
_NOT_THE_SITES: Final = frozenset({Reason.ADDRESS_REFUSED, Reason.HOST_UNRESOLVED, Reason.HOST_SET_ASIDE})


def _states_nothing(answer: Answer) -> bool:
    return answer.status is not None and 400 <= answer.status < 500


def _is_json(answer: Answer) -> bool:
    """Tell a TDMRep file from the page that many sites send, with 200, for whatever they do not have."""
    kind = answer.header("content-type").lower()
    return "json" in kind or answer.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{")


def _unreachable(policy: SitePolicy, channel: str, answer: Answer) -> SitePolicy:
    """Return ``policy`` closed, because a file of the site could not be had."""
    if answer.reason in _NOT_THE_SITES:
        return policy._replace(refusal=answer.reason, detail=answer.detail)
    consent = Consent(channel, f"unreachable: {answer.detail}", allowed=False)
    detail = f"{channel}: {answer.detail}"
    return policy._replace(refusal=Reason.ROBOTS_UNREACHABLE, detail=detail, consents=(*policy.consents, consent))

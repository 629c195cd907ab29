"""The one way out: an asynchronous client for pages and images that asks politely and trusts nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from filters.caption_safety import is_forbidden_url
from filters.rights import refused, response_consent
from filters.suppression import CHANNEL as LIST_CHANNEL
from filters.suppression import SuppressionTable
from filters.url import host_of, normalize, origin_of, why_refused
from pipelines.host_pace import HostPace, retry_after
from pipelines.http_exchange import REDIRECTS, Answer, Headers, HttpExchange, Wanted, failure
from pipelines.network import Network
from pipelines.refusals import Refusals, RefusedVisit
from pipelines.site_policy import SitePolicies
from schemas.reasons import NO_REASON, Reason
from schemas.records import Consent

__all__ = ["Fetched", "Network", "WebClient"]

OPT_OUTS: Final = frozenset({Reason.OPTED_OUT, Reason.OPT_OUT_LISTED})
"""Refusals of the use of what a URL leads to, by whoever spoke for it."""

_ROBOTS_REDIRECTS: Final = 10
"""Redirects followed for a robots.txt. RFC 9309, section 2.3.1.2, asks for at least five."""


Listen = Callable[[bytes], Awaitable[Sequence[Consent]]]
"""What a body says on its own use."""


class Fetched(NamedTuple):
    """What came of one URL. ``reason`` is a `Reason` value, or empty where ``body`` is the resource.

    ``fetched_at`` is when the answer came; where an earlier refusal was remembered, when that came.
    ``hops`` are the URLs requested, in order, in normal form; ``address`` is where the last of them went.
    """

    url: str
    final_url: str
    fetched_at: str
    address: str
    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: bytes
    reason: str
    detail: str
    consent: tuple[Consent, ...]
    hops: tuple[str, ...]


class Visit:
    """Where one request has got to: its next ``target``, what was asked and said on the way, the time left."""

    __slots__ = ("consents", "hops", "seconds", "target", "url")

    def __init__(self, url: str, seconds: float) -> None:
        self.url = self.target = url
        self.seconds = seconds
        self.hops: list[str] = []
        self.consents: list[Consent] = []


class WebClient:
    """Fetches pages and images. An asynchronous context manager; `get` may be called any number of times at once.

    Within one client a host keeps its pace and its failures are counted, each site's files are asked for once, and
    nothing that was refused for its use is requested again, nor what is among the ``refusals`` of before. What
    ``opt_outs`` names is not requested at all.
    """

    def __init__(
        self, network: Network, opt_outs: SuppressionTable | None = None, refusals: Refusals | None = None
    ) -> None:
        wrong = network.refusal()
        if wrong is not None:
            raise ValueError(wrong)
        self._network = network
        self._opt_outs = opt_outs
        self._refusals = refusals if refusals is not None else Refusals()
        self._opted_out: dict[str, Fetched] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __aenter__(self) -> WebClient:
        self._pace = HostPace(self._network)
        self._policies = SitePolicies(self._network, self._ask_file, self._ask_delay)
        self._exchange = await HttpExchange(self._network).__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._policies.close()
        await self._exchange.__aexit__(kind, error, trace)

    async def get(self, url: str, *, accept: str, listen: Listen | None = None) -> Fetched:
        """Fetch ``url``, its redirects followed hop by hop.

        Never raises for what a server or the network does; cancellation propagates.

        Args:
            url: an absolute URL in any form.
            accept: the Accept header. One that begins with ``image/`` asks for an image: no content coding is asked
                for, and rules about images hold.
            listen: told the body; returns what that says on its own use, which a refusal then is like any other.
        """
        visit = Visit(url, self._network.total_seconds)
        while True:
            found = await self.step(visit, accept=accept, listen=listen)
            if found is not None:
                return found

    async def step(self, visit: Visit, *, accept: str, listen: Listen | None = None) -> Fetched | None:
        """Request the next hop of ``visit``. Return its end, or None where a redirect leads to a further hop."""
        target = normalize(visit.target)
        if target is None:
            refusal = failure(Reason.URL_REFUSED, why_refused(visit.url) or "")
            return _ended(visit.url, visit.url, refusal, [], [])
        # One at a time: who waits for the same URL learns of a refusal before asking.
        async with self._turn(target):
            known = self._opted_out.get(target) or self._refused_before(target)
            if known is not None:
                return self.remember(known._replace(url=visit.url, hops=tuple(visit.hops)))
            answer, visit.seconds = await self._hop(target, accept, visit.seconds, visit.hops, visit.consents)
            if listen is not None and answer.reason == NO_REASON and answer.status not in REDIRECTS:
                answer = _heard(answer, await listen(answer.body), visit.consents)
            if answer.reason in OPT_OUTS:
                return self.remember(_ended(visit.url, target, answer, visit.consents, visit.hops))
        if answer.status in REDIRECTS:
            following = _next_hop(answer, target, visit.hops, self._network.max_redirects)
            if not isinstance(following, Answer):
                visit.target = following
                return None
            answer = following
        return _ended(visit.url, target, answer, visit.consents, visit.hops)

    def _refused_before(self, target: str) -> Fetched | None:
        """Return the refusal of ``target`` that an earlier client met, if it stands.

        What refused by a list's entry for its content stands while the list has that entry.
        """
        for visit in self._refusals.of(target):
            if visit.reason == Reason.OPTED_OUT or (self._opt_outs is not None and self._opt_outs.has(visit.detail)):
                return _remembered(visit)
        return None

    def _listed(self, target: str) -> str:
        return self._opt_outs.url(target) if self._opt_outs is not None else ""

    def _turn(self, target: str) -> asyncio.Lock:
        """Return the lock of one URL; it is gone when nobody holds it or waits for it."""
        lock = self._turns.get(target)
        if lock is None:
            lock = self._turns[target] = asyncio.Lock()
        return lock

    def remember(self, result: Fetched) -> Fetched:
        """Keep a refusal of use and return it, so that no URL on the way to it is asked for again."""
        for hop in (*result.hops, result.final_url):
            self._opted_out[hop] = result._replace(headers=(), hops=())
        return result

    async def _hop(
        self, target: str, accept: str, seconds: float, hops: list[str], consents: list[Consent]
    ) -> tuple[Answer, float]:
        """Request ``target`` if its site allows; note it in ``hops``, and the evidence in ``consents``.

        Return the answer, which is a refusal where the site or the response refuses, and the time left.
        """
        listed = self._listed(target)
        if listed:
            return _heard(failure(Reason.OPT_OUT_LISTED, ""), [listed_consent(listed)], consents), seconds
        origin = origin_of(target)
        path = target[len(origin) :]
        policy = self._policies.known(origin) or await self._policies.of(origin)
        reason, detail, site_says = policy.judge(path, is_image=accept.startswith("image/"))
        consents.extend(consent for consent in site_says if consent not in consents)
        if reason:
            return failure(Reason(reason), detail), seconds
        said: list[Consent] = []

        def wanted(headers: Headers) -> bool:
            said[:] = response_consent(headers, agent=self._network.agent, reservation=policy.reservation(path))
            return not refused(said)

        hops.append(target)
        answer, seconds = await self._request(target, accept, seconds, wanted=wanted)
        return _heard(answer, said, consents), seconds

    async def _request(
        self,
        target: str,
        accept: str,
        seconds: float,
        *,
        wanted: Wanted | None = None,
        max_body: int | None = None,
    ) -> tuple[Answer, float]:
        """Request one hop, as often as it takes. Return its answer and the time left for further hops.

        ``max_body`` cuts the body there, as for files in which a site speaks of itself.
        """
        network, pace, host = self._network, self._pace, host_of(target)
        clock = asyncio.get_running_loop().time
        backoff = network.backoff_seconds
        for last in (*(False,) * (network.max_tries - 1), True):
            aside = await pace.begin(host)
            if aside:
                return failure(Reason.HOST_SET_ASIDE, aside), seconds
            started = clock()
            try:
                answer = await self._exchange.get(
                    target,
                    accept=accept,
                    seconds=seconds,
                    wanted=wanted,
                    max_body=network.max_body_bytes if max_body is None else max_body,
                    cut_body=max_body is not None,
                    identity=max_body is not None or accept.startswith("image/"),
                )
            finally:
                pace.end(host)
            if not answer.retry:
                if answer.status is not None:
                    pace.succeeded(host)
                break
            if last or answer.status is None:
                pace.failed(host)
            self._back_off(host, answer, backoff)
            if last or pace.aside(host):
                break
            backoff *= 2
        return answer, max(0.0, seconds - (clock() - started))

    def _back_off(self, host: str, answer: Answer, seconds: float) -> None:
        """Hold ``host`` for ``seconds``, or for as long as its Retry-After asks if that is longer."""
        asked = None
        if answer.status in (429, 503):
            asked = retry_after(answer.header("retry-after"), datetime.now(UTC))
        if asked is not None and asked > self._network.max_retry_after:
            self._pace.set_aside(host, f"Retry-After {asked:.0f} s is above {self._network.max_retry_after:g} s")
        self._pace.hold(host, max(seconds, asked or 0.0))

    def _ask_delay(self, origin: str, seconds: float) -> None:
        self._pace.ask_delay(host_of(origin + "/"), seconds)

    async def _ask_file(self, url: str, max_body: int) -> Answer:
        """Request a file in which a site speaks of itself. No rights are asked: it is those that are being learnt."""
        hops = [url]
        seconds = self._network.total_seconds
        while True:
            answer, seconds = await self._request(hops[-1], "text/plain, */*;q=0.5", seconds, max_body=max_body)
            if answer.reason in (Reason.ADDRESS_REFUSED, Reason.HOST_UNRESOLVED) and len(hops) > 1:
                # It is not this site's address that is at fault, but where its file was said to be.
                return answer._replace(reason=Reason.REDIRECT_REFUSED)
            if answer.status not in REDIRECTS:
                return answer
            following = _next_hop(answer, hops[-1], hops, _ROBOTS_REDIRECTS)
            if isinstance(following, Answer):
                return following
            if self._listed(following):
                return answer._replace(reason=Reason.REDIRECT_REFUSED, detail=LIST_CHANNEL)
            hops.append(following)


def _heard(answer: Answer, said: Sequence[Consent], consents: list[Consent]) -> Answer:
    """Add to the evidence ``consents`` what was said; return the answer, a refusal where anything said refuses."""
    consents.extend(said)
    refusal = refusal_of(said)
    return answer if refusal is None else answer._replace(reason=refusal.reason, detail=refusal.detail)


def refusal_to_keep(found: Fetched) -> RefusedVisit | None:
    """Return what later runs are to know of ``found``: None unless an answer, or what came with it, refused its use.

    What a site's file or a list refused by its URL is not kept: file and list are asked anew, before any request.
    """
    if found.reason not in OPT_OUTS or found.status is None:
        return None
    urls = (normalize(url) for url in (found.url, *found.hops, found.final_url))
    return RefusedVisit(
        urls=list(dict.fromkeys(url for url in urls if url is not None)),
        refused_at=found.fetched_at,
        http_status=found.status,
        address=found.address,
        reason=found.reason,
        detail=found.detail,
        consent=list(found.consent),
    )


def _remembered(visit: RefusedVisit) -> Fetched:
    url, consent = visit.urls[-1], tuple(visit.consent)
    return Fetched(
        url,
        url,
        visit.refused_at,
        visit.address,
        visit.http_status,
        (),
        b"",
        visit.reason,
        visit.detail,
        consent,
        (),
    )


class Refusal(NamedTuple):
    """A refusal of use: `Reason.OPTED_OUT` with its channels, or `Reason.OPT_OUT_LISTED` with the list's entry."""

    reason: Reason
    detail: str


def refusal_of(said: Sequence[Consent]) -> Refusal | None:
    """Return the refusal in what was said, or None."""
    refusals = [consent for consent in said if not consent.allowed]
    if not refusals:
        return None
    if refusals[0].channel == LIST_CHANNEL:
        return Refusal(Reason.OPT_OUT_LISTED, refusals[0].value[:500])
    return Refusal(Reason.OPTED_OUT, ", ".join(consent.channel for consent in refusals))


def listed_consent(evidence: str) -> Consent:
    """Return what a suppression list says as consent evidence."""
    return Consent(LIST_CHANNEL, evidence, allowed=False)


def heard(found: Fetched, said: Sequence[Consent]) -> Fetched:
    """Return what was had with what is said on its use: a refusal, without its body, where that refuses."""
    refusal = refusal_of(said)
    consent = (*found.consent, *said)
    if refusal is None:
        return found._replace(consent=consent)
    return found._replace(consent=consent, reason=refusal.reason, detail=refusal.detail, body=b"")


def listed(url: str, evidence: str) -> Fetched:
    """Return the refusal of a URL that was not asked for because a list names what shows it."""
    return heard(not_asked(url), [listed_consent(evidence)])


def not_asked(url: str) -> Fetched:
    """Return what is known, now, of a URL that was not asked for."""
    return Fetched(url, url, _now(), "", None, (), b"", NO_REASON, "", (), ())


def _next_hop(answer: Answer, target: str, hops: list[str], limit: int) -> str | Answer:
    """Return the URL that a redirect leads to, or the answer that ends the chain."""
    following = normalize(answer.location, target) if answer.location is not None else None
    if following is None:
        why = "no Location" if answer.location is None else why_refused(answer.location, target)
        return answer._replace(reason=Reason.REDIRECT_REFUSED, detail=f"{why}"[:500])
    if is_forbidden_url(following):
        return answer._replace(reason=Reason.REDIRECT_REFUSED, detail="the URL holds a resident number")
    if len(hops) > limit or following in hops:
        detail = "a loop" if following in hops else f"more than {limit}"
        return answer._replace(reason=Reason.TOO_MANY_REDIRECTS, detail=detail)
    return following


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ended(url: str, final_url: str, answer: Answer, consents: list[Consent], hops: list[str]) -> Fetched:
    body = answer.body if answer.reason == NO_REASON else b""
    return Fetched(
        url,
        final_url,
        _now(),
        answer.address,
        answer.status,
        answer.headers,
        body,
        answer.reason,
        answer.detail,
        tuple(consents),
        tuple(hops),
    )

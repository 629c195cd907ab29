"""robots.txt (RFC 9309): may this URL be requested, how often, and for what use.

Protego matches Allow and Disallow. It does not read the usage rules that IETF AIPREF adds to robots.txt groups
(``Content-Usage: [path] train-ai=n``, draft-ietf-aipref-attach), nor Cloudflare's older ``Content-Signal``; those are
read here.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from protego import Protego

from filters.content_usage import refuses_training
from filters.path_pattern import matches
from schemas.identity import sha256_hex

MAX_ROBOTS_BYTES: Final = 1024 * 1024
"""What is read of a robots.txt. RFC 9309, section 2.5, asks for at least 500 KiB."""

_USAGE_LINE: Final = re.compile(r"\s*(content-usage|content-signal)\s*:\s*(.*)", re.IGNORECASE)
_AGENT_LINE: Final = re.compile(r"\s*user-?\s?agent\s*:\s*(.*)", re.IGNORECASE)
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class UsageRule(NamedTuple):
    """One usage rule of the group that is ours: the path pattern, the line's raw value, and what it says."""

    path: str
    value: str
    refuses: bool


class RobotsTxt(NamedTuple):
    """A parsed robots.txt, for one agent. ``crawl_delay`` is in seconds."""

    rules: Protego
    agent: str
    usage: tuple[UsageRule, ...]
    crawl_delay: float | None
    sha256: str

    def allows(self, url: str) -> bool:
        """Return whether ``url`` (in normal form) may be requested."""
        return bool(self.rules.can_fetch(url, self.agent))

    def usage_refusal(self, target: str) -> str | None:
        """Return the raw value of the usage rule that refuses training on ``target`` (path and query), or None.

        The longest matching path decides; of rules with equal paths, one that refuses (AIPREF: most restrictive).
        """
        found = [rule for rule in self.usage if matches(rule.path, target)]
        if not found:
            return None
        best = max(found, key=lambda rule: (len(rule.path), rule.refuses))
        return best.value if best.refuses else None


def parse(body: bytes, agent: str) -> RobotsTxt:
    """Return the rules of a robots.txt for the product token ``agent``.

    Args:
        body: the file's bytes. Of more than `MAX_ROBOTS_BYTES` the last line begun is left out. What is no UTF-8 is
            replaced; a page of HTML holds no rule, and so allows.
        agent: the product token, as in ``harubang``; its own group is used, else that of ``*``.
    """
    if len(body) > MAX_ROBOTS_BYTES:
        body = body[: max(body.rfind(b"\n", 0, MAX_ROBOTS_BYTES), 0)]
    text = body.decode("utf-8-sig", "replace").replace("\x00", "")
    rules = Protego.parse(text)
    return RobotsTxt(rules, agent, _usage_rules(text, agent), rules.crawl_delay(agent), sha256_hex(body))


def _usage_rules(text: str, agent: str) -> tuple[UsageRule, ...]:
    """Return the usage rules of the groups named ``agent``, or of those named ``*`` where it has no group."""
    groups: dict[str, list[UsageRule]] = {}
    current: list[str] = []
    in_head = False
    for line in _LINE_END.split(text):
        line = line.partition("#")[0].strip()
        named = _AGENT_LINE.match(line)
        if named is not None:
            name = named[1].strip().lower().partition("/")[0]
            current = [*current, name] if in_head else [name]
            groups.setdefault(name, [])
            in_head = True
            continue
        if not line or line.lower().startswith("sitemap"):
            continue
        in_head = False
        found = _USAGE_LINE.match(line)
        if found is not None:
            rule = _usage_rule(found[2].strip())
            for name in current or ["*"]:
                groups.setdefault(name, []).append(rule)
    own = groups.get(agent.lower())
    return tuple(groups.get("*", []) if own is None else own)


def _usage_rule(value: str) -> UsageRule:
    path, _, preferences = value.partition(" ") if value.startswith("/") else ("/", "", value)
    return UsageRule(path, value, refuses_training(preferences))

"""robots.txt (RFC 9309): may this URL be requested, how often, and for what use.

Beside the standard's rules, those on use are read that IETF AIPREF adds to its groups (``Content-Usage: [path]
train-ai=n``, draft-ietf-aipref-attach) and Cloudflare's older ``Content-Signal``, and Crawl-delay. Where the standard
leaves leniency to us, common misspellings count. Where Protego, Scrapy's parser, reads a file otherwise than the
standard, this follows the standard: a group is ours only by our whole name, other records do not end a group, octets
that are no UTF-8 are compared as they are, and a rule for index.html says nothing of its folder.
"""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

from filters.content_usage import refuses_training
from filters.path_pattern import PathPattern, octets, path_pattern
from schemas.identity import sha256_hex

MAX_ROBOTS_BYTES: Final = 1024 * 1024
"""What is read of a robots.txt. RFC 9309, section 2.5, asks for at least 500 KiB."""

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_LINE: Final = re.compile(
    r"(?P<agent>user[- ]?agent)|(?P<allow>allow)|(?P<disallow>dis{1,2}al{1,2}ow|diasllow|disallaw)"
    r"|(?P<delay>crawl[- ]delay)|(?P<usage>content-usage|content-signal)",
    re.IGNORECASE,
)
_SEPARATOR: Final = re.compile(r"\s*:\s*|\s+")
_USAGE_PATH: Final = re.compile(r"((?:/|\*(?!\s*[=:]))\S*)(?:\s+|$)")
_AFTER_TOKEN: Final = re.compile(r"[\s/,;(]")
"""Where a product token (section 2.2.1) ends, if a version or a remark follows it."""


class UsageRule(NamedTuple):
    """One usage rule of the group that is ours: the path pattern, the line's raw value, and what it says."""

    path: PathPattern
    value: str
    refuses: bool


class PathRule(NamedTuple):
    """One Allow or Disallow line."""

    path: PathPattern
    allows: bool


class RobotsTxt(NamedTuple):
    """A parsed robots.txt, for one agent. ``rules`` come in the order of their rank; ``crawl_delay`` is in seconds."""

    rules: tuple[PathRule, ...]
    usage: tuple[UsageRule, ...]
    crawl_delay: float | None
    sha256: str

    def allows(self, target: str) -> bool:
        """Return whether ``target`` (path and query) may be requested: the longest match decides, Allow of equals."""
        path = octets(target)
        if path == b"/robots.txt":
            return True
        return next((rule.allows for rule in self.rules if rule.path.matches(path)), True)

    def usage_refusal(self, target: str) -> str | None:
        """Return the raw value of the usage rule that refuses training on ``target`` (path and query), or None.

        The longest matching path decides; of rules with equal paths, one that refuses (AIPREF: most restrictive).
        """
        if not self.usage:
            return None
        path = octets(target)
        found = [rule for rule in self.usage if rule.path.matches(path)]
        if not found:
            return None
        best = max(found, key=lambda rule: (rule.path.size, rule.refuses))
        return best.value if best.refuses else None


class _Group:
    """What stands under one product token, wherever in the file."""

    def __init__(self) -> None:
        self.rules: list[PathRule] = []
        self.usage: list[UsageRule] = []
        self.delay: float | None = None


def parse(body: bytes, agent: str) -> RobotsTxt:
    """Return the rules of a robots.txt for the product token ``agent``.

    Args:
        body: the file's bytes. Of more than `MAX_ROBOTS_BYTES` the last line begun is left out. Octets that are no
            UTF-8 stand for themselves; a page of HTML holds no rule, and so allows.
        agent: the product token, as in ``harubang``; its own groups are used, else those of ``*``.
    """
    if len(body) > MAX_ROBOTS_BYTES:
        body = body[: max(body.rfind(b"\n", 0, MAX_ROBOTS_BYTES), 0)]
    groups = _groups(_text(body))
    own = groups.get(agent.lower()) or groups.get("*") or _Group()
    rules = sorted(own.rules, key=lambda rule: (-rule.path.size, not rule.allows))
    return RobotsTxt(tuple(rules), tuple(own.usage), own.delay, sha256_hex(body))


def _text(body: bytes) -> str:
    """Return the file as text in which an octet that is no UTF-8 is its escape."""
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").replace("\x00", "")
    return re.sub("[\udc80-\udcff]", lambda found: f"%{ord(found[0]) - 0xDC00:02X}", text)


def _groups(text: str) -> dict[str, _Group]:
    """Return the groups by product token in lower case. Rules before the first group are nobody's, but on use."""
    groups: dict[str, _Group] = {}
    current: list[_Group] = []
    in_head = False
    for line in _LINE_END.split(text):
        field, value = _record(line.partition("#")[0].strip())
        if field == "agent":
            current = current if in_head else []
            in_head = True
            name = _AFTER_TOKEN.split(value, maxsplit=1)[0].lower()
            name = name if name == "*" else name.replace("*", "")
            if name:
                current.append(groups.setdefault(name, _Group()))
        elif field == "delay":
            _take_delay(current, value)
        elif field:
            in_head = False
            if field == "usage":
                rule = _usage_rule(value)
                for group in current or [groups.setdefault("*", _Group())]:
                    group.usage.append(rule)
            elif value:  # an empty Disallow disallows nothing
                path_rule = PathRule(path_pattern(value), field == "allow")
                for group in current:
                    group.rules.append(path_rule)
    return groups


def _record(line: str) -> tuple[str, str]:
    """Return (kind of record, value) of a line without its comment; the kind is empty where it is none of ours."""
    found = _LINE.match(line)
    if found is None or found.lastgroup is None:
        return "", ""
    separator = _SEPARATOR.match(line, found.end())
    if separator is None:
        return "", ""
    value = line[separator.end() :].strip()
    if found.lastgroup == "agent" and ":" not in separator[0] and ":" in value:
        return "", ""  # a sentence about user agents
    return found.lastgroup, value


def _take_delay(current: list[_Group], value: str) -> None:
    try:
        delay = float(value)
    except ValueError:
        return
    if math.isfinite(delay) and delay >= 0:
        for group in current:  # of several the longest: the standard does not know this record
            group.delay = max(group.delay or 0.0, delay)


def _usage_rule(value: str) -> UsageRule:
    found = _USAGE_PATH.match(value)
    path, preferences = (found[1], value[found.end() :]) if found is not None else ("/", value)
    return UsageRule(path_pattern(path), value, refuses_training(preferences))

"""Which bytes are Korean text, and in which charset.

Three families hold Hangul on the web: UTF-8, UTF-16, and EUC-KR with its superset CP949 (Windows-949, "UHC"). What a
page says about itself is often wrong, so the bytes are asked first: strict UTF-8 hardly ever succeeds on Korean bytes
of another charset. Declarations decide only where the bytes leave it open.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

VERSION: Final = 1
"""Grows with every change of what bytes are read as."""

MAX_BROKEN_SHARE: Final = 0.25
"""Most broken sequences per character beyond ASCII for a charset to be believed.

Measured on 561 Korean pages with 50 syllables or more: read in the wrong one of UTF-8 and CP949 the share is 0.44 or
more; read in its own charset with one byte in five thousand destroyed, 0.13 or less (the worst are long pages of
markup with little Korean), and 0.004 in the median page.
"""

MIN_COMMON_SHARE: Final = 0.25
"""Least share of the commonest syllables among all Hangul, where only the bytes speak for CP949.

The bytes of GB 2312 and EUC-JP pages are as valid in CP949 and give Hangul too, but any syllable is as likely as any
other there: 92 of 2,350 are 4 %, and 8 % of a Chinese sample. In 561 Korean pages these syllables are 35 % or more.
"""

PRESCAN_BYTES: Final = 4_096
"""How far a charset declaration is looked for. HTML asks for the first 1,024 bytes; old pages put it later."""

# The commonest syllables of running Korean: particles, endings, Sino-Korean roots.
_COMMON: Final = (
    "이다는을의에고하가은지한로사도리기를자어있아정서인시대나그으보해수제일들라게부전구과주장면조스여원만"
    "상안공무세적성실소용비유모우거내방되중신경동생국트마오니위음바문드년없것할와요습합된"
)
_COMMON_RUN: Final = re.compile(f"[{_COMMON}]+")
_HANGUL_RUN: Final = re.compile("[가-힣]+")

# Syllables (U+AC00 to U+D7A3) and the jamo that decomposed text (NFD) is made of (U+1100, U+A960, U+D7B0).
_HANGUL_UTF8: Final = re.compile(rb"[\xea-\xed][\x80-\xbf]{2}|\xe1[\x84-\x87][\x80-\xbf]")
_UTF8_LEADS: Final = (b"\xea", b"\xeb", b"\xec", b"\xed", b"\xe1")
# Compatibility jamo are A4 xx, the 2,350 syllables B0..C8 A1..FE, the 8,822 others 81..C6 with a lower trail byte.
_HANGUL_CP949: Final = re.compile(rb"[\x81-\xc8][A-Za-z\x81-\xfe]")
# U+1100 to 11FF, A960 to A97F, AC00 to D7FF; 4352 to 4607, 43360 to 43391, 44032 to 55295, rounded outwards.
_HANGUL_ENTITY: Final = re.compile(
    rb"&#(?:[xX]0*(?:11|[aA][9c-fC-F]|[bBcC][0-9a-fA-F]|[dD][0-7])[0-9a-fA-F]{2}|0*(?:4[3-6][0-9]{2,3}|4[7-9][0-9]{3}|5[0-5][0-9]{3}))"
)
_MAX_HASHES: Final = 256
_KOREAN_LABEL: Final = re.compile(rb"euc-?kr|cp-?949|windows-949|ms949|5601|uhc|korean", re.IGNORECASE)

_META: Final = re.compile(
    rb"<meta\b[^>]*?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)|<\?xml\b[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]+)",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)

# Letters and digits of the labels that mean EUC-KR or CP949; the smaller set is read as the larger, as browsers do.
_KOREAN_LABELS: Final = re.compile(
    r"(?:cs|x)?euckr|(?:x?cp|ms|x?windows)?949|uhc|korean|ks(?:c|x)?(?:1001|5601(?:198[79])?)|csksc56011987|isoir149"
)
# Labels that servers send by default, whatever the file holds: the bytes are asked before they are believed.
_DEFAULT_LABELS: Final = frozenset({"iso8859-1", "cp1252", "ascii", "iso8859-15", "latin-1"})


class DecodedPage(NamedTuple):
    """A page as text. ``charset`` is Python's codec name; ``replaced`` counts the U+FFFD put for broken bytes.

    ``evidence`` is what decided: "bom", "utf-8" (the bytes are valid, or all but valid, UTF-8), "meta", "header",
    or "bytes" (nothing said so, but Korean comes out).
    """

    text: str
    charset: str
    evidence: str
    replaced: int = 0


def has_hangul(body: bytes) -> bool:
    """Say whether ``body`` could hold Hangul in UTF-8, UTF-16, EUC-KR or CP949, or as numeric character references.

    False is certain, True is not: a page without Hangul that is not valid UTF-8 may be called True. Hangul here are
    syllables, whole or decomposed; lone compatibility jamo ("ㅋㅋ") do not make a page Korean. One case escapes: EUC-KR
    whose every syllable happens to be a valid UTF-8 sequence, in a page that does not name its charset.
    """
    if b"\0" in body[:PRESCAN_BYTES] or _has_hangul_reference(body):
        return True
    if body.isascii():
        return False
    if any(lead in body for lead in _UTF8_LEADS) and _HANGUL_UTF8.search(body):
        return True
    if _is_utf8(body):
        return _KOREAN_LABEL.search(body, 0, PRESCAN_BYTES) is not None and _HANGUL_CP949.search(body) is not None
    return body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _HANGUL_CP949.search(body) is not None


def _has_hangul_reference(body: bytes) -> bool:
    # "#" is rarer than "&" or "&#" is quick to find: looking at each is faster than a search for the pair.
    at = body.find(b"#")
    for _ in range(_MAX_HASHES):
        if at < 0:
            return False
        if body[at - 1] == 0x26 and _HANGUL_ENTITY.match(body, at - 1):
            return True
        at = body.find(b"#", at + 1)
    return _HANGUL_ENTITY.search(body) is not None


def decode_page(body: bytes, content_type: str) -> DecodedPage | None:
    """Decode the body of an HTML page, or return None where no supported charset fits its bytes.

    Order of evidence: byte order mark; strict UTF-8; UTF-16 without a mark; UTF-8 with a few broken bytes; the
    charset of ``<meta>``, then of the ``Content-Type`` header, where the bytes agree; CP949 by its bytes alone.

    Args:
        body: the bytes after any transfer and content encoding was undone; it may be cut anywhere.
        content_type: the value of the Content-Type header, or "" where there was none.
    """
    marked = _by_mark(body)
    if marked is not None:
        return marked
    declared = _declared(body, content_type)
    if _is_utf8(body):
        text = body.decode("utf-8", "replace")
        if not _is_hidden_cp949(body, text, declared):
            return _utf16_without_mark(body) or DecodedPage(text, "utf-8", "utf-8", _broken(body, text))
    else:
        wide = _utf16_without_mark(body)
        if wide is not None:
            return wide
        text = body.decode("utf-8", "replace")
        if _believable(body, text):
            return DecodedPage(text, "utf-8", "utf-8", _broken(body, text))
    return _by_declaration(body, declared) or _by_bytes(body) or _by_default(body, declared)


def _is_utf8(body: bytes) -> bool:
    """Say whether ``body`` is valid UTF-8, but for one sequence that its end may cut."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


def _by_mark(body: bytes) -> DecodedPage | None:
    if body.startswith(codecs.BOM_UTF8):
        text = body[3:].decode("utf-8", "replace")
        # A mark before bytes of another charset is a template's leftover: let the bytes speak.
        return DecodedPage(text, "utf-8", "bom", _broken(body, text)) if _believable(body, text) else None
    for mark, charset in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if body.startswith(mark):
            text = body[2:].decode(charset, "replace")
            return DecodedPage(text, charset, "bom", text.count("\ufffd"))
    return None


def _utf16_without_mark(body: bytes) -> DecodedPage | None:
    # ASCII markup in UTF-16 has a NUL in every other byte (the HTML standard's prescan looks for "<" NUL "?" NUL).
    head = body[:PRESCAN_BYTES]
    if head.count(0) * 5 < len(head):
        return None
    charset = "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"
    text = body.decode(charset, "replace")
    return DecodedPage(text, charset, "bytes", text.count("\ufffd")) if "<" in text else None


def _declared(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Return (codec, evidence) of each charset the page names and Python knows, UTF ones left out."""
    labels: list[tuple[str, str]] = []
    meta = _META.search(body, 0, PRESCAN_BYTES)
    if meta is not None:
        labels.append(((meta[1] or meta[2]).decode("ascii"), "meta"))
    header = _HEADER.search(content_type)
    if header is not None:
        labels.append((header[1], "header"))
    found = ((_codec(label), evidence) for label, evidence in labels)
    return [(codec, evidence) for codec, evidence in found if codec and not codec.startswith("utf")]


def _codec(label: str) -> str:
    if _KOREAN_LABELS.fullmatch(re.sub(r"[^a-z0-9]", "", label.lower())):
        return "cp949"
    try:
        info = codecs.lookup(label)
    except LookupError:
        return ""
    return info.name if getattr(info, "_is_text_encoding", False) else ""


def _is_hidden_cp949(body: bytes, text: str, declared: list[tuple[str, str]]) -> bool:
    """Say whether bytes that pass for UTF-8 are CP949: a few syllables (C2..C8 A1..BF) are valid in both."""
    if not any(codec == "cp949" for codec, _ in declared) or text.isascii() or _HANGUL_RUN.search(text) is not None:
        return False
    other = body.decode("cp949", "replace")
    return "\ufffd" not in other and _HANGUL_RUN.search(other) is not None


def _broken(body: bytes, text: str) -> int:
    """Count the U+FFFD that stand for broken bytes, not those that the page itself holds."""
    count = text.count("\ufffd")
    return count - body.count(b"\xef\xbf\xbd") if count else 0


def _believable(body: bytes, text: str) -> bool:
    broken = _broken(body, text)
    return broken <= MAX_BROKEN_SHARE * (_beyond_ascii(text) - broken)


def _beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def _by_declaration(body: bytes, declared: list[tuple[str, str]]) -> DecodedPage | None:
    for codec, evidence in declared:
        if codec in _DEFAULT_LABELS:
            continue
        text = body.decode(codec, "replace")
        replaced = text.count("\ufffd")
        if replaced <= MAX_BROKEN_SHARE * (_beyond_ascii(text) - replaced):
            return DecodedPage(text, codec, evidence, replaced)
    return None


def _by_bytes(body: bytes) -> DecodedPage | None:
    text = body.decode("cp949", "replace")
    hangul = sum(map(len, _HANGUL_RUN.findall(text)))
    common = sum(map(len, _COMMON_RUN.findall(text)))
    replaced = text.count("\ufffd")
    if hangul == 0 or common < MIN_COMMON_SHARE * hangul:
        return None
    if replaced > MAX_BROKEN_SHARE * (_beyond_ascii(text) - replaced):
        return None
    return DecodedPage(text, "cp949", "bytes", replaced)


def _by_default(body: bytes, declared: list[tuple[str, str]]) -> DecodedPage | None:
    for codec, evidence in declared:
        if codec in _DEFAULT_LABELS:
            text = body.decode(codec, "replace")
            return DecodedPage(text, codec, evidence, text.count("\ufffd"))
    return None

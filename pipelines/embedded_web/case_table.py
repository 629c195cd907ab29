"""What a case is, and how the image cases are written down."""

from __future__ import annotations

from typing import NamedTuple

from pipelines.embedded_web import markup
from pipelines.embedded_web.canvas import generator
from pipelines.embedded_web.caption_words import WORDS
from pipelines.embedded_web.captions import compose
from pipelines.embedded_web.drawing import Look, random_look
from pipelines.embedded_web.kinds import KINDS
from pipelines.embedded_web.markup import Shot
from pipelines.embedded_web.web import url
from schemas.reasons import Reason


class Case(NamedTuple):
    """One case. ``image_url`` is as the ledger names it: empty where the page, record, row or file itself falls.

    ``page_url`` is empty where the case is in a source file and not on a page. ``reason`` is empty for what is kept.
    """

    name: str
    page_url: str
    image_url: str
    outcome: str
    reason: str
    note: str


class CaseGroup(NamedTuple):
    """Images that fall together: each for one of ``reasons``, which one may depend on the order of requests.

    Every reason in ``certain`` must come about at least once.
    """

    name: str
    page_url: str
    image_urls: tuple[str, ...]
    reasons: tuple[str, ...]
    certain: tuple[str, ...]
    note: str


class Written(NamedTuple):
    """An image case on a page: what stands in the HTML, and which kind of thing is drawn where a picture is served."""

    name: str
    image_url: str
    html: str
    reason: str
    note: str
    kind: str = "hanok"


class CasePage(NamedTuple):
    """A page of image cases."""

    url: str
    title: str
    cases: tuple[Written, ...]
    charset: str = "utf-8"
    declared_by: str = "meta"
    head: str = ""


_CASES_HOST = "cases"


def at(path: str) -> str:
    """Return the URL of ``path`` on the host that most cases live on."""
    return url(_CASES_HOST, path)


def kept(name: str, form: str, kind: str, caption: str, note: str, path: str = "") -> Written:
    """Return a case that is kept, written in the way of `pipelines.embedded_web.markup.FORMS` called ``form``."""
    src = path or f"/kept/{name}.jpg"
    small = src.replace(".", "-small.", 1)
    return Written(name, at(src), markup.FORMS[form](Shot(src, small, caption)), "", note, kind)


def case_look(name: str, kind: str, seed: int = 0) -> Look:
    """Return the look of the picture called ``name``: all but its salt is the same for every seed."""
    return random_look(kind, generator("case", name), f"{seed}/case/{name}")


def fails(name: str, image_url: str, reason: Reason, note: str, caption: str = "") -> Written:
    """Return a case that falls for ``reason``, under a good caption of its own unless one is given."""
    kinds = sorted(KINDS)
    kind = kinds[generator("kind of case", name).randrange(len(kinds))]
    said = caption or compose(case_look(name, kind), WORDS[kind], generator("caption of case", name))
    return Written(name, image_url, markup.alt(Shot(image_url, "", said)), reason, note, kind)


def text_case(name: str, reason: Reason, caption: str, note: str) -> Written:
    """Return a case that falls by its text, before its image is asked for."""
    return fails(name, at(f"/captions/{name}.jpg"), reason, note, caption)

"""A parsed page as a light tree: where each element of interest stands, its DOM path, the text between two places.

The HTML parser is asked once for the page in canonical form, in which every element is closed and every ``<`` and
``>`` of text or attributes is escaped, and the tree is read off that text. The parser's own nodes cost about 3 µs each
to touch (it keeps every one in a weak dictionary), this pass a tenth of it. Depth is the page's to choose: nothing
here recurses, and no step costs more than the page is long.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final, NamedTuple

from resiliparse.parse.html import HTMLTree

MAX_PATH_STEPS: Final = 100
"""Steps in a DOM path. The path of a deeper node begins with ``//`` and its last 100 steps, as XPath would have it."""

RAW_TEXT: Final = frozenset({"script", "style", "xmp", "iframe", "noembed", "noframes", "plaintext"})
"""Elements whose content is not markup (HTML standard, section 13.3)."""

VOID: Final = frozenset(
    {"area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input", "keygen", "link"}
    | {"meta", "param", "source", "track", "wbr"}
)
"""Elements that have no content and no end tag."""

BREAKING: Final = frozenset(
    {"address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details", "div", "dl", "dt"}
    | {"fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html"}
    | {"li", "main", "nav", "ol", "option", "p", "pre", "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
    | {"ul"}
)
"""Elements that begin and end a line when shown: the words before and after them are not one word."""

# One token: an end tag (no group), a comment or processing instruction (group 3), or a start tag (groups 1 and 2).
TOKEN: Final = re.compile(r"<(?:/[^>]*+|([a-zA-Z][^\s/>]*+)([^>]*+)|(!--(?s:.*?)--|\?[^>]*+))>")
_ATTRIBUTE: Final = re.compile(r'\s(=?[^\s=>]*)="([^"]*)"')
_SPECIAL: Final = RAW_TEXT | {"template"}
_START: Final = itemgetter(5)
# What may hide an end tag: a comment, or an element whose content is not markup.
_NESTS: Final = re.compile(rf"<(?:!--|(?:{'|'.join(sorted(RAW_TEXT))})[ >])")
_RAW_CONTENT: Final = re.compile(rf"<!--(?s:.*?)-->|<({'|'.join(sorted(RAW_TEXT))})(?=[ >])[^>]*>(?s:.*?)(?:</\1>|\Z)")
_BREAK: Final = re.compile(rf"</?(?:{'|'.join(sorted(BREAKING))})(?=[ >])[^>]*>")
_VOID_END: Final = re.compile(rf"</(?:{'|'.join(sorted(VOID))})>")
_PROLOGUE: Final = re.compile(r"(?:\s|<!--(?s:.*?)-->|<[!?][^>]*>)*+")

_MADE_FOR_FIGURES: Final = re.compile(
    r"(?:informal)?figure|mediaobject|wp-caption|thumb(?:inner)?|tmulti|gallerybox|image-?block\w*|se-image"
    r"|(?:image|photo|img|pic)[-_]?(?:box|wrap|wrapper|area|container|frame)|end_photo_org|article_photo",
    re.IGNORECASE,
)
_MAY_BE_FIGURE: Final = frozenset({"div", "span", "dl", "table", "li", "p"})
_SECTIONS: Final = frozenset({"section", "article", "aside", "nav", "li", "dialog"})

_MAX_CLIMB: Final = 2 * MAX_PATH_STEPS  # from an element that deep below any known one, the page's top is out of sight

# (tag, position among siblings of its tag, those siblings' totals, parent, attributes, start, end of start tag)
_Frame = tuple[str, int, dict[str, int], Any, str, int, int]


class Place:
    """One element. ``start`` and ``inner`` are the offsets of its start tag and of what follows that.

    ``figure``, ``link``, ``table``, ``picture``, ``noscript`` and ``section`` are the nearest of their kind around it,
    the element itself included. A figure is ``<figure>`` or an element whose class says that it holds an image with
    its caption; a section is what a heading inside it speaks for.
    """

    __slots__ = (
        "_attributes",
        "_figure",
        "_frame",
        "_is_figure",
        "_link",
        "_noscript",
        "_path",
        "_picture",
        "_section",
        "_table",
        "depth",
        "inner",
        "parent",
        "start",
        "tag",
    )

    def __init__(self, frame: _Frame, parent: Place | None) -> None:
        self._frame = frame
        self._attributes: dict[str, str] | None = None
        self._path = ""
        self.tag, _, _, _, _, self.start, self.inner = frame
        self.parent = parent
        self._is_figure = self.tag == "figure" or (self.tag in _MAY_BE_FIGURE and self._is_made_for_figures())
        # Only what is strictly above is stored: an object that refers to itself is left to the garbage collector.
        self.depth: int = 1
        self._figure: Place | None = None
        self._link: Place | None = None
        self._table: Place | None = None
        self._picture: Place | None = None
        self._noscript: Place | None = None
        self._section: Place | None = None
        if parent is not None:
            self.depth = parent.depth + 1
            self._figure, self._link, self._table = parent.figure, parent.link, parent.table
            self._picture, self._noscript, self._section = parent.picture, parent.noscript, parent.section

    @property
    def figure(self) -> Place | None:
        """The nearest element made to hold an image with its caption."""
        return self if self._is_figure else self._figure

    @property
    def link(self) -> Place | None:
        """The nearest ``<a>``."""
        return self if self.tag == "a" else self._link

    @property
    def table(self) -> Place | None:
        """The nearest ``<table>``."""
        return self if self.tag == "table" else self._table

    @property
    def picture(self) -> Place | None:
        """The nearest ``<picture>``."""
        return self if self.tag == "picture" else self._picture

    @property
    def noscript(self) -> Place | None:
        """The nearest ``<noscript>``."""
        return self if self.tag == "noscript" else self._noscript

    @property
    def section(self) -> Place | None:
        """The nearest element that its headings speak for: a section, an article, a list item."""
        return self if self.tag in _SECTIONS else self._section

    def _is_made_for_figures(self) -> bool:
        if " class=" not in self._frame[4]:
            return False
        return any(_MADE_FOR_FIGURES.fullmatch(name) for name in self.get("class").split())

    @property
    def markup(self) -> str:
        """The attributes as they stand in the canonical markup."""
        return self._frame[4]

    def get(self, name: str) -> str:
        """Return the value of an attribute, "" where the element has none of this name."""
        return self.attributes().get(name, "")

    def attributes(self) -> dict[str, str]:
        """Return the element's attributes by name in lower case; the first of equal names counts."""
        if self._attributes is None:
            self._attributes = {}
            for name, value in _ATTRIBUTE.findall(self._frame[4]):
                self._attributes.setdefault(name, html.unescape(value) if "&" in value else value)
        return self._attributes

    def ancestors(self, limit: int = MAX_PATH_STEPS) -> Iterator[Place]:
        """Yield the element itself and those around it, inside out, at most ``limit``."""
        at: Place | None = self
        for _ in range(limit):
            if at is None:
                return
            yield at
            at = at.parent

    def path(self) -> str:
        """Return the XPath of the element, as ``/html/body/div[2]/figure/img``.

        A step is numbered where its parent has several children of the tag.
        """
        if not self._path:
            steps = [at._step() for at in self.ancestors()]
            self._path = ("/" if self.depth <= MAX_PATH_STEPS else "//") + "/".join(reversed(steps))
        return self._path

    def _step(self) -> str:
        tag, position, totals = self._frame[:3]
        return f"{tag}[{position}]" if totals[tag] > 1 else tag


class Token(NamedTuple):
    """One piece of markup: ``kind`` is "open", "close" or "note" (a comment), ``before`` the text that precedes it."""

    kind: str
    tag: str
    start: int
    end: int
    before: str


class PageTree:
    """A page in canonical form.

    ``title`` is the document's title, ``source`` the canonical markup, ``places`` the elements whose tag or attributes
    were asked for, in document order.
    """

    def __init__(self, text: str, tags: frozenset[str], attributes: re.Pattern[str]) -> None:
        """Parse ``text``; list the elements of ``tags``, and those with a class whose attributes match ``attributes``.

        Raises:
            ValueError: the parser refuses the text, for instance for lone surrogates.
        """
        tree = HTMLTree.parse(text)
        self.title: str = tree.title or ""
        self.source: str = _canonical(tree)
        self.places: list[Place] = []
        self._frames: list[_Frame] = []
        self._made: dict[int, Place] = {}
        found: list[_Frame] = []
        self._read(found, tags, attributes)
        self.places = [self._place(frame) for frame in found]

    def _read(  # noqa: C901 (one loop over every tag: calls out of it would double its cost)
        self, found: list[_Frame], tags: frozenset[str], attributes: re.Pattern[str]
    ) -> None:
        source, add = self.source, self._frames.append
        wanted: dict[str, bool] = {"": False}
        parent: Any = None
        totals: dict[str, int] | None = None
        stack: list[dict[str, int] | None] = []
        inert = 0  # <template> elements around: their content is no part of the page
        prologue = _PROLOGUE.match(source)
        at = prologue.end() if prologue is not None else 0
        while at >= 0:
            resume = -1
            for token in TOKEN.finditer(source, at):
                group = token.lastindex
                if group is None:
                    if parent is not None:
                        if inert and parent[0] == "template":
                            inert -= 1
                        parent = parent[3]
                        totals = stack.pop()
                elif group == 2:
                    tag, held = token.group(1, 2)
                    if totals is None:
                        totals = {}
                    position = totals[tag] = totals.get(tag, 0) + 1
                    start, end = token.span()
                    frame = (tag, position, totals, parent, held, start, end)
                    add(frame)
                    known = wanted.get(held)
                    if known is None:
                        known = wanted[held] = " class=" in held and attributes.search(held) is not None
                    if (known or tag in tags) and not inert:
                        found.append(frame)
                    if tag in VOID:
                        continue
                    parent = frame
                    stack.append(totals)
                    totals = None
                    if tag in _SPECIAL:
                        inert += tag == "template"
                        if tag in RAW_TEXT:
                            resume = source.find(f"</{tag}>", end)
                            break
            at = resume

    def _place(self, frame: _Frame) -> Place:
        above: list[_Frame] = []
        at: Any = frame
        place: Place | None = None
        while at is not None and len(above) < _MAX_CLIMB:
            place = self._made.get(at[5])
            if place is not None:
                break
            above.append(at)
            at = at[3]
        for item in reversed(above):
            place = self._made[item[5]] = Place(item, place)
            if place.parent is None and at is not None:
                place.depth = MAX_PATH_STEPS + 1
        assert place is not None
        return place

    def place_at(self, start: int) -> Place | None:
        """Return the element whose start tag begins at ``start``, None where none does."""
        at = bisect_left(self._frames, start, key=_START)
        return self._place(self._frames[at]) if at < len(self._frames) and self._frames[at][5] == start else None

    def end(self, place: Place) -> int:
        """Return the offset of the end tag of ``place``; for a void element, the end of its tag."""
        if place.tag in VOID:
            return place.inner
        if place.tag in RAW_TEXT:
            found = self.source.find(f"</{place.tag}>", place.inner)
            return found if found >= 0 else len(self.source)
        found = self.source.find(f"</{place.tag}>", place.inner)
        if found >= 0 and _NESTS.search(self.source, place.inner, found) is None:
            inside = self.source.find(f"<{place.tag}", place.inner, found)
            if inside < 0:
                return found
        return self._matching_end(place.inner)

    def _matching_end(self, at: int) -> int:
        depth = 1
        while at >= 0:
            resume = -1
            for token in TOKEN.finditer(self.source, at):
                group = token.lastindex
                if group is None:
                    depth -= 1
                    if depth == 0:
                        return token.start()
                elif group == 2 and token[1] not in VOID:
                    depth += 1
                    if token[1] in RAW_TEXT:
                        resume = self.source.find(f"</{token[1]}>", token.end())
                        break
            at = resume
        return len(self.source)

    def tokens(self, at: int) -> Iterator[Token]:
        """Yield the markup from offset ``at`` on; the content of scripts and the like is passed over."""
        resume: int | None = at
        while resume is not None:
            at, resume = resume, None
            last = at
            for match in TOKEN.finditer(self.source, at):
                before = self.source[last : match.start()]
                last = match.end()
                if match.lastindex is None:
                    yield Token("close", self.source[match.start() + 2 : last - 1], match.start(), last, before)
                elif match.lastindex == 3:
                    yield Token("note", "", match.start(), last, before)
                else:
                    tag = match[1]
                    yield Token("open", tag, match.start(), last, before)
                    if tag in RAW_TEXT:
                        found = self.source.find(f"</{tag}>", last)
                        resume = found if found >= 0 else None
                        break

    def text(self, start: int, end: int) -> str:
        """Return the text shown between two offsets, blanks as they are, a blank for each line break or block."""
        source = self.source[start:end]
        if "<" in source:
            source = _RAW_CONTENT.sub("", source)
            source = TOKEN.sub("", _BREAK.sub(" ", source))
        return html.unescape(source) if "&" in source else source

    def text_of(self, place: Place) -> str:
        """Return the text shown in ``place``; of a script, its source."""
        end = self.end(place)
        return self.source[place.inner : end] if place.tag in RAW_TEXT else self.text(place.inner, end)


def _canonical(tree: Any) -> str:
    """Return the page in canonical form, without the two things that cannot be read back from it.

    One is a script that holds "</script>" in its text (``<!--<script>`` makes that possible). The other is the end tag
    of a void element's name, which SVG and MathML give such elements.
    """
    source: str = tree.document.html or ""
    at = source.find("<script")
    while at >= 0:
        end = source.find("</script>", at)
        content = source[at + 7 : end if end >= 0 else None]
        if "<!--" in content and "<script" in content.lower():
            for node in tree.document.query_selector_all("script").values():
                if "</script" in (node.text or "").lower():
                    node.decompose()
            source = tree.document.html or ""
            break
        at = source.find("<script", end) if end >= 0 else -1
    if "<svg" in source or "<math" in source:
        source = _VOID_END.sub("", source)
    return source

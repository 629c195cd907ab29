"""The report's page: what was counted and sampled, as one HTML document that needs no network and no script.

Pure: data in, text out. Captions, addresses and titles come from strangers; every one of them goes through `text`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, NamedTuple

from pipelines.reason_texts import reason_text
from pipelines.report_charts import Bar, Histogram, bar_list, histogram, stacked
from pipelines.report_concepts import ConceptField, concepts_section
from pipelines.report_style import STYLE

POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The page's content security policy: nothing runs and nothing is fetched, whatever a caption says."""

LONGEST_TEXT: Final = 300
"""Characters of a caption that are shown; raw ones may be pages long."""


_LICENCES_NOTE: Final = "As the page says, for all or some of what stands on it; nobody checked that it may say so."
_CLUSTERS_NOTE: Final = "1 is an image with no duplicate"


class StageBooks(NamedTuple):
    """How many candidates a stage took in, let go on, and dropped for which reason (most first)."""

    stage: str
    came: int
    went: int
    dropped: tuple[tuple[str, int], ...]


class PageBooks(NamedTuple):
    """Pages: how many were looked at (``came``), used, passed over with no fault, and refused for which reason.

    ``use`` says what was done with those used: archived, read.
    """

    title: str
    use: str
    came: int
    used: int
    passed_over: int
    refused: tuple[tuple[str, int], ...]


class Thumbnail(NamedTuple):
    """A small JPEG made for the report; width and height in pixels."""

    jpeg: bytes
    width: int
    height: int


class KeptSample(NamedTuple):
    """One sample as it is in the shards. ``picture`` is None where the stored image could not be read."""

    key: str
    caption: str
    kind: str
    host: str
    width: int
    height: int
    picture: Thumbnail | None


class DroppedSample(NamedTuple):
    """One candidate that was dropped. ``evidence`` says by what filter, score or detail.

    ``pictures`` are its own, and for a duplicate the kept one; empty where no image was fetched or one may not be
    shown.
    """

    candidate_id: str
    text: str
    kind: str
    address: str
    evidence: str
    pictures: tuple[Thumbnail | None, ...]


class ReasonSheet(NamedTuple):
    """The candidates that one stage dropped for one reason: how many, and a few of them to look at."""

    stage: str
    reason: str
    number: int
    samples: tuple[DroppedSample, ...]


class Report(NamedTuple):
    """Everything the page shows."""

    name: str
    root: str
    samples: int
    candidates: int
    balanced: bool
    shards: int
    release: str
    stages: tuple[StageBooks, ...]
    pages: tuple[PageBooks, ...]
    histograms: tuple[Histogram, ...]
    kinds: tuple[Bar, ...]
    licences: tuple[Bar, ...]
    hosts: tuple[Bar, ...]
    hosts_note: str
    clusters: tuple[Bar, ...]
    concepts: tuple[ConceptField, ...]
    kept: tuple[KeptSample, ...]
    dropped: tuple[ReasonSheet, ...]


def text(value: str, longest: int = LONGEST_TEXT) -> str:
    """Return a stranger's text fit for HTML: escaped, cut, on one line, unseen characters made visible."""
    cut = value if len(value) <= longest else value[:longest] + "…"
    seen = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in cut)
    return escape(seen, quote=True)


def page(report: Report) -> str:
    """Return the whole document."""
    sections = (
        _funnel(report),
        _pages(report),
        _charts(report),
        concepts_section(report.concepts),
        _kept(report),
        _dropped(report),
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{text(report.name)}: run report</title>
<style>
{STYLE}
</style>
</head>
<body>
{_head(report)}
<main>
{"".join(sections)}</main>
<footer>Written by harubang {text(report.release)}. The same inputs give the same page.</footer>
</body>
</html>
"""


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "–"


def _head(report: Report) -> str:
    figures = (
        ("samples", f"{report.samples:,}"),
        ("candidates", f"{report.candidates:,}"),
        ("kept", _share(report.samples, report.candidates)),
        ("shards", f"{report.shards:,}"),
    )
    listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures)
    key = report.kept[0].key if report.kept else "KEY"
    return f"""<header>
<p class="over">Run report</p>
<h1>{text(report.name)}</h1>
<dl class="figures">{listed}</dl>
<dl class="places">
<dt>Root</dt><dd><code>{text(report.root)}</code></dd>
<dt>Dataset</dt>
<dd><a href="dataset/README.md">dataset/README.md</a>, <a href="dataset/manifest.json">manifest.json</a>, shards in
<code>dataset/shards/</code>, the same as Parquet in <code>dataset/parquet/</code></dd>
<dt>One sample’s story</dt><dd><code>harubang trace DIR {text(key)}</code>, where DIR is the folder of this page</dd>
</dl>
<nav><a href="#funnel">Funnel</a> <a href="#pages">Pages</a> <a href="#distributions">Distributions</a>
<a href="#concepts">Concepts</a> <a href="#kept">Kept</a> <a href="#dropped">Dropped</a></nav>
</header>
"""


def _anchor(stage: str, reason: str) -> str:
    return escape(f"{stage}-{reason}", quote=True)


def _funnel(report: Report) -> str:
    bodies = []
    for books in report.stages:
        rows = "".join(
            f'<tr class="reason"><th scope="row"><a href="#{_anchor(books.stage, reason)}">{text(reason)}</a></th>'
            f'<td class="bar">{stacked(0, number, report.candidates)}</td><td class="number">−{number:,}</td>'
            f'<td class="number">{_share(number, report.candidates)}</td></tr>'
            for reason, number in books.dropped
        )
        bodies.append(
            f'<tbody><tr><th scope="row">{text(books.stage)}</th>'
            f'<td class="bar">{stacked(books.went, books.came, report.candidates)}</td>'
            f'<td class="number">{books.went:,}</td>'
            f'<td class="number">{_share(books.went, report.candidates)}</td></tr>{rows}</tbody>'
        )
    dropped = sum(number for books in report.stages for _, number in books.dropped)
    equation = f"{report.candidates:,} candidates = {report.samples:,} kept + {dropped:,} dropped"
    verdict = "balanced" if report.balanced else '<span class="bad">does not balance</span>'
    return f"""<section id="funnel">
<h2>Funnel</h2>
<p>What each stage let go on, and what it dropped for which reason. {equation}: {verdict}.</p>
<table class="funnel">
<thead><tr><th scope="col">stage, reason</th><th></th><th scope="col" class="number">candidates</th>
<th scope="col" class="number">of all</th></tr></thead>
{"".join(bodies)}
<tfoot><tr><th scope="row">kept</th><td class="bar">{stacked(report.samples, report.samples, report.candidates)}</td>
<td class="number">{report.samples:,}</td>
<td class="number">{_share(report.samples, report.candidates)}</td></tr></tfoot>
</table>
</section>
"""


def _pages(report: Report) -> str:
    bodies = []
    for books in report.pages:
        reasons = [(books.use, books.used), ("passed over", books.passed_over), *books.refused]
        rows = "".join(
            f'<tr class="reason"><th scope="row">{text(name)}</th>'
            f'<td class="bar">{stacked(number if name == books.use else 0, number, books.came)}</td>'
            f'<td class="number">{number:,}</td><td class="number">{_share(number, books.came)}</td></tr>'
            for name, number in reasons
        )
        bodies.append(
            f'<tbody><tr><th scope="row">{text(books.title)}</th><td></td>'
            f'<td class="number">{books.came:,}</td><td></td></tr>{rows}</tbody>'
        )
    says = "Passed over are redirects, sitemaps, error pages in archives, what is not HTML, and pages with no Hangul."
    table = (
        f'<table class="funnel">{"".join(bodies)}</table>' if bodies else '<p class="none">No pages in this run.</p>'
    )
    return f'<section id="pages">\n<h2>Pages</h2>\n<p>{says}</p>\n{table}\n</section>\n'


def _charts(report: Report) -> str:
    drawn = [histogram(chart) for chart in report.histograms]
    drawn.append(bar_list("Kept by kind of caption", report.kinds))
    drawn.append(bar_list("Licences that the pages of kept samples name", report.licences, note=_LICENCES_NOTE))
    drawn.append(bar_list("Images in a cluster", report.clusters, note=_CLUSTERS_NOTE, heads=("clusters", "")))
    drawn.append(bar_list("Sites", report.hosts, note=report.hosts_note, heads=("kept", "candidates"), wide=True))
    return f"""<section id="distributions">
<h2>Distributions</h2>
<p>Shares of each group; point at a bar for its numbers.</p>
<div class="charts">
{"".join(drawn)}
</div>
</section>
"""


def _picture(picture: Thumbnail | None, alt: str) -> str:
    if picture is None:
        return '<span class="unseen">the stored image could not be read</span>'
    data = base64.b64encode(picture.jpeg).decode("ascii")
    return (
        f'<span><img src="data:image/jpeg;base64,{data}" width="{picture.width}" height="{picture.height}" '
        f'alt="{alt}"></span>'
    )


def _caption(value: str) -> str:
    return f'<p class="caption" lang="ko"><bdi>{text(value)}</bdi></p>' if value else ""


def _notes(key: str, *lines: Iterable[str]) -> str:
    shown = [" · ".join(f"<bdi>{text(part)}</bdi>" for part in line if part) for line in lines]
    return f"<small>{'<br>'.join([*filter(None, shown), f'<code>{text(key[:8])}</code>'])}</small>"


def _kept(report: Report) -> str:
    cards = "".join(
        f'<figure><div class="pictures">{_picture(sample.picture, text(sample.caption))}</div>'
        f"<figcaption>{_caption(sample.caption)}"
        f"{_notes(sample.key, [sample.kind, f'{sample.width}×{sample.height}'], [sample.host])}</figcaption></figure>\n"
        for sample in report.kept
    )
    says = (
        f"{len(report.kept):,} of {report.samples:,} samples: those with the smallest keys. Keys are hashes of "
        "content, so this is a fair draw, and the same one every time. Sizes are of the stored image."
    )
    return f'<section id="kept">\n<h2>Kept</h2>\n<p>{says}</p>\n<div class="sheet">\n{cards}</div>\n</section>\n'


def _dropped(report: Report) -> str:
    says = "A few of each reason, drawn the same way. What a takedown names and what holds an identifier is not shown."
    sheets = "".join(_sheet(sheet) for sheet in report.dropped) or '<p class="none">Nothing was dropped.</p>'
    return f'<section id="dropped">\n<h2>Dropped</h2>\n<p>{says}</p>\n{sheets}</section>\n'


def _sheet(sheet: ReasonSheet) -> str:
    most = max((len(sample.pictures) for sample in sheet.samples), default=0)
    shape = ("sheet texts", "sheet", "sheet pairs")[min(most, 2)]
    return (
        f'<h3 id="{_anchor(sheet.stage, sheet.reason)}">{text(sheet.reason)} '
        f"<span>{text(sheet.stage)} · {sheet.number:,}</span></h3>\n"
        f'<p class="says">{text(reason_text(sheet.reason))}</p>\n'
        f'<div class="{shape}">\n{"".join(map(_dropped_card, sheet.samples))}</div>\n'
    )


def _dropped_card(sample: DroppedSample) -> str:
    alts: Sequence[str] = (text(sample.text), "the image that was kept")
    pictures = "".join(_picture(picture, alt) for picture, alt in zip(sample.pictures, alts, strict=False))
    shown = f'<div class="pictures">{pictures}</div>' if sample.pictures else ""
    notes = _notes(sample.candidate_id, [sample.kind, sample.evidence], [sample.address])
    return f"<figure>{shown}<figcaption>{_caption(sample.text)}{notes}</figcaption></figure>\n"

"""The whole web from a seed: sites, articles, pictures and captions, sitemaps, and the cases."""

from __future__ import annotations

import gzip
from functools import partial
from html import escape
from typing import NamedTuple

from pipelines.embedded_web import case_web, markup, sites
from pipelines.embedded_web.canvas import generator
from pipelines.embedded_web.caption_words import WORDS
from pipelines.embedded_web.captions import compose, fill
from pipelines.embedded_web.drawing import Look, distinct, encode, random_look
from pipelines.embedded_web.kinds import KINDS
from pipelines.embedded_web.markup import FORMS, Shot
from pipelines.embedded_web.sites import ARTICLES, HIDDEN_ARTICLES, SITES, Site
from pipelines.embedded_web.sources import SOURCE_PICTURES
from pipelines.embedded_web.web import Resource, Web, text, url

_SMALL_SIZES = (
    *((640, 480), (560, 420), (480, 360), (420, 560), (512, 384)),
    *((440, 440), (360, 480), (340, 250), (600, 400)),
)
_SIZES = (*_SMALL_SIZES * 3, (800, 600), (1024, 683), (1400, 934))
"""Width and height in pixels. Most are small, as on the web, and so that all can be drawn while a demo runs."""
_BLANK_GIF = bytes.fromhex("47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b")
_SMALL_WIDTH = 320
_CAPTION_TRIES = 40


class _Photo(NamedTuple):
    look: Look
    width: int
    height: int
    form: str
    path: str
    caption: str


def build(seed: int) -> Web:
    """Return the web of ``seed``. Drawing a few hundred previews, it takes some seconds."""
    taken: list[int] = []
    said: set[str] = set()
    resources: dict[str, Resource] = {}
    photos: list[str] = []
    captions: dict[str, str] = {}
    for site in SITES:
        shown = _add_site(site, seed, resources, taken, said)
        photos += [url(site.name, photo.path) for photo in shown]
        captions |= {url(site.name, photo.path): photo.caption for photo in shown}
    for path, kind in SOURCE_PICTURES:
        look = distinct(random_look(kind, generator("source", path), f"{seed}/source/{path}"), taken)
        resources[url("archive", path)] = Resource("image/jpeg", partial(encode, look, 720, 540, "jpeg"))
    resources |= case_web.resources(seed, taken)
    resources |= _portal()
    return Web(resources, tuple(photos), captions)


def _portal() -> dict[str, Resource]:
    items = "".join(f'<li><a href="{url(site.name, "/")}">{site.title}</a></li>' for site in SITES)
    body = f"<h1>하루방 누리집 모음</h1><ul>{items}</ul><h2>그 밖의 쪽</h2>{case_web.links()}"
    return {
        url("portal", "/"): Resource("text/html; charset=utf-8", lambda: markup.page("하루방 누리집 모음", body)),
        url("portal", "/robots.txt"): text("User-agent: *\nDisallow: /admin/\n"),
    }


def _add_site(site: Site, seed: int, resources: dict[str, Resource], taken: list[int], said: set[str]) -> list[_Photo]:
    """Add the pages, pictures and policy of ``site``; return its pictures."""
    titles, shown = [], []
    for number in range(ARTICLES):
        rng = generator(seed, site.name, number)
        photos = [_photo(site, seed, number, place, taken, said) for place in range(rng.choice((3, 3, 4, 4)))]
        shown += photos
        title, page = _article(site, seed, number, photos)
        titles.append(title)
        resources[url(site.name, f"/article/{number + 1:02d}.html")] = page
        for photo in photos:
            resources[url(site.name, photo.path)] = Resource(
                f"image/{photo.form}", partial(encode, photo.look, photo.width, photo.height, photo.form)
            )
            if _form_of(site, number) in ("srcset", "picture"):
                height = photo.height * _SMALL_WIDTH // photo.width
                make = partial(encode, photo.look, _SMALL_WIDTH, height, "jpeg")
                resources[url(site.name, _small(photo.path))] = Resource("image/jpeg", make)
    resources[url(site.name, "/")] = _index(site, titles)
    resources[url(site.name, markup.BLANK)] = Resource("image/gif", lambda: _BLANK_GIF)
    resources[url(site.name, "/img/logo.png")] = Resource("image/png", partial(_logo, site, seed))
    resources |= _policy(site)
    return shown


def _logo(site: Site, seed: int) -> bytes:
    return encode(
        random_look(site.kinds[0], generator(seed, site.name, "logo"), f"{seed}/{site.name}/logo"), 64, 64, "png"
    )


def _form_of(site: Site, number: int) -> str:
    return site.forms[number % len(site.forms)]


def _small(path: str) -> str:
    return path.rsplit(".", 1)[0] + "-320.jpg"


def _photo(site: Site, seed: int, number: int, place: int, taken: list[int], said: set[str]) -> _Photo:
    rng = generator(seed, site.name, number, place)
    kind = site.kinds[(number + place * 2) % len(site.kinds)]
    look = distinct(random_look(kind, rng, f"{seed}/{site.name}/{number}/{place}"), taken)
    width, height = rng.choice(_SIZES)
    form = "webp" if _form_of(site, number) == "picture" else rng.choice(("jpeg",) * 17 + ("webp", "png", "gif"))
    if form in ("png", "gif"):
        width, height = round(width * 420 / max(width, height)), round(height * 420 / max(width, height))
    caption = _caption(look, said)
    ending = form.replace("jpeg", "jpg")
    return _Photo(look, width, height, form, f"/photo/{number + 1:02d}/{kind}-{place + 1}.{ending}", caption)


def _caption(look: Look, said: set[str]) -> str:
    """Return a caption that no other picture has, as far as the templates allow."""
    caption = ""
    for turn in range(_CAPTION_TRIES):
        caption = compose(look, WORDS[look.kind], generator(look.salt, "caption", turn))
        if caption not in said:
            break
    said.add(caption)
    return caption


def _article(site: Site, seed: int, number: int, photos: list[_Photo]) -> tuple[str, Resource]:
    rng = generator(seed, site.name, number, "text")
    words = {"하나": KINDS[photos[0].look.kind].name, "둘": KINDS[photos[1].look.kind].name}
    title = f"{fill(rng.choice(sites.TITLES), words)} ({number + 1})"
    form = _form_of(site, number)
    shots = [Shot(_written(site, photo.path), _written(site, _small(photo.path)), photo.caption) for photo in photos]
    head = "".join(FORMS[form](shot) for shot in shots[:1]) if form == "og_image" else ""
    head += f'<base href="{site.base}">' if site.base else ""
    pieces = [f'<p><a href="/"><img src="/img/logo.png" alt="로고"></a></p><h1>{escape(title)}</h1>']
    pieces.append(f"<p>{fill(rng.choice(sites.OPENINGS), words)}</p>")
    for shot in shots[1:] if form == "og_image" else shots:
        pieces.append(FORMS["news" if form == "og_image" else form](shot))
        pieces.append(f"<p>{rng.choice(sites.MIDDLES)}</p>")
    pieces.append(f"<p>{rng.choice(sites.CLOSINGS)}</p>")
    return title, _page(site, title, "\n".join(pieces), head)


def _written(site: Site, path: str) -> str:
    """Return ``path`` as the site's pages write it: relative to their ``<base>``, if they have one."""
    return path.removeprefix(site.base) if site.base else path


def _page(site: Site, title: str, body: str, head: str = "") -> Resource:
    kind = f"text/html; charset={site.charset}" if site.declared_by == "header" else "text/html"
    declare = site.declared_by == "meta"
    make = partial(markup.page, f"{title} - {site.title}", body, head=head, charset=site.charset, declare=declare)
    return Resource(kind, make)


def _index(site: Site, titles: list[str]) -> Resource:
    linked = titles[:-HIDDEN_ARTICLES] if site.sitemap != "none" else titles
    items = "".join(
        f'<li><a href="/article/{k + 1:02d}.html">{escape(title)}</a></li>' for k, title in enumerate(linked)
    )
    return _page(site, "첫 화면", f'<img src="/img/logo.png" alt="로고"><h1>{site.title}</h1><ul>{items}</ul>')


def _policy(site: Site) -> dict[str, Resource]:
    """Return the site's robots.txt and its sitemaps."""
    listed = [url(site.name, f"/article/{k + 1:02d}.html") for k in range(ARTICLES)]
    plain = _sitemap(listed)
    robots = "User-agent: *\nDisallow: /admin/\n"
    found: dict[str, Resource] = {}
    if site.sitemap == "plain":
        found[url(site.name, "/sitemap.xml")] = text(plain, "application/xml")
    elif site.sitemap == "gzip":
        found[url(site.name, "/sitemap.xml.gz")] = Resource(
            "application/gzip", lambda: gzip.compress(plain.encode(), mtime=0)
        )
    elif site.sitemap == "index":
        halves = {"/sitemap-1.xml": listed[: ARTICLES // 2], "/sitemap-2.xml": listed[ARTICLES // 2 :]}
        index = "".join(f"<sitemap><loc>{url(site.name, path)}</loc></sitemap>" for path in halves)
        found[url(site.name, "/sitemap_index.xml")] = text(f"<sitemapindex>{index}</sitemapindex>", "application/xml")
        found |= {url(site.name, path): text(_sitemap(pages), "application/xml") for path, pages in halves.items()}
    robots += "".join(f"Sitemap: {each}\n" for each in sorted(found) if "sitemap-" not in each)
    found[url(site.name, "/robots.txt")] = text(robots)
    return found


def _sitemap(pages: list[str]) -> str:
    items = "".join(f"<url><loc>{escape(page)}</loc></url>" for page in pages)
    return f'<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{items}</urlset>'

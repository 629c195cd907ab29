"""The resources behind `pipelines.embedded_web.cases`: its pages, its pictures, and the servers that misbehave."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import partial

from PIL import Image, ImageOps

from pipelines.embedded_web import hostile, markup
from pipelines.embedded_web.backdrop import finish
from pipelines.embedded_web.canvas import generator
from pipelines.embedded_web.case_table import CasePage, Written, case_look
from pipelines.embedded_web.cases import CASE_GROUPS, CASE_PAGES, FREQUENT_CAPTION, PAGE_CASES
from pipelines.embedded_web.drawing import Look, distinct, draw, encode, jpeg
from pipelines.embedded_web.markup import Shot
from pipelines.embedded_web.web import DOMAIN, Resource, text, url

SIZE = (800, 600)
"""Width and height in pixels of a case's picture where it has no size of its own."""
SMALL_JPEG = (420, 320)
"""Size of the JPEG that is within the stored size, 512 px on its longer side in the demo."""
LARGE_BODY = 4 * 2**20
"""Bytes that a too large body declares; the demo takes 3 MiB."""

_Make = Callable[[], bytes]


def _pictures(seed: int, taken: list[int]) -> dict[str, Look]:
    """Return a distinct look for every image case that serves a picture, by name."""
    looks = {}
    for page in CASE_PAGES:
        for case in page.cases:
            if case.image_url.startswith("http") and (not case.reason or case.name in _SHOWN):
                looks[case.name] = distinct(case_look(case.name, case.kind, seed), taken)
    return looks


_SHOWN = frozenset(
    (
        "image_too_small",
        "image_aspect",
        "image_blurred",
        "image_bordered",
        "image_grey",
        "undecodable",
        "takedown_image",
        "takedown_other",
        "opted_out_header",
        "caption_repeated",
        "caption_near_repeated",
    )
)
"""Dropped cases whose picture is drawn all the same."""


def _photo(look: Look, width: int = SIZE[0], height: int = SIZE[1], form: str = "jpeg") -> Resource:
    return Resource(f"image/{form}", partial(encode, look, width, height, form))


def _sideways(look: Look) -> bytes:
    """Return a JPEG whose pixels lie on their side, and whose Exif orientation 6 says to turn them clockwise."""
    upright = draw(look, 600, 800)
    return jpeg(upright.transpose(Image.Transpose.ROTATE_90), orientation=6)


def _cut_out(look: Look) -> bytes:
    """Return the thing alone, cut out close, with nothing around it."""
    alone = draw(look._replace(number=1), 480, 480, transparent=True)
    left, top, right, bottom = alone.getbbox() or (0, 0, *alone.size)
    cut = alone.crop((max(0, left - 12), max(0, top - 12), right + 12, bottom + 12))
    grained = finish(cut.convert("RGB"), generator(look.salt, "cut out"), "day", outdoors=False)
    grained.putalpha(cut.getchannel("A"))
    out = io.BytesIO()
    grained.save(out, "PNG", compress_level=2)
    return out.getvalue()


def _own_pictures(looks: dict[str, Look]) -> dict[str, Resource]:
    """Return the resources of cases whose picture is out of the ordinary, by case name."""

    def made(content_type: str, make: _Make) -> Resource:
        return Resource(content_type, make)

    blurred, bordered = looks["image_blurred"], looks["image_bordered"]
    near, exact = looks["kept_near_winner"], looks["kept_exact_winner"]
    return {
        "kept_picture": _photo(looks["kept_picture"], form="webp"),
        "kept_first_frame": _photo(looks["kept_first_frame"], 360, 270, "gif"),
        "kept_transparency": made("image/png", partial(_cut_out, looks["kept_transparency"])),
        "kept_orientation": made("image/jpeg", partial(_sideways, looks["kept_orientation"])),
        "kept_small_jpeg": _photo(looks["kept_small_jpeg"], *SMALL_JPEG),
        "kept_near_winner": _photo(near, 1200, 900),
        "duplicate_near": made("image/jpeg", lambda: jpeg(draw(near, 1200, 900).reduce(2), 70)),
        "duplicate_exact": _photo(exact),
        "image_too_small": _photo(looks["image_too_small"], 160, 120),
        "image_aspect": _photo(looks["image_aspect"], 960, 240),
        "image_blank": made("image/jpeg", hostile.blank),
        "image_blurred": made("image/jpeg", lambda: hostile.blurred(draw(blurred, 640, 480))),
        "image_low_entropy": made("image/png", hostile.two_tone_sign),
        "image_icon": made("image/png", hostile.icon),
        "image_bordered": made("image/jpeg", lambda: hostile.letterboxed(draw(bordered, 640, 360))),
        "image_screenshot": made("image/png", hostile.screenshot),
        "image_grey": made("image/jpeg", lambda: jpeg(ImageOps.grayscale(draw(looks["image_grey"], 640, 480)))),
        "caption_repeated": _photo(looks["caption_repeated"], 640, 480),
        "caption_near_repeated": _photo(looks["caption_near_repeated"], 640, 480),
        "undecodable": made("image/jpeg", lambda: jpeg(draw(looks["undecodable"], 640, 480))[:9_000]),
        "format_bmp": made("image/bmp", hostile.bitmap),
        "format_svg": text('<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"/>', "image/svg+xml"),
        "format_html": text("<!DOCTYPE html><title>사진이 없습니다</title>", "image/jpeg"),
        "pixels_declared": made("image/png", hostile.huge_png_header),
        "pixels_scans": made("image/jpeg", hostile.many_scans_jpeg),
        "decoder_crashed": made("image/jpeg", hostile.greedy_jpeg),
        "decoder_timed_out": made("image/gif", hostile.slow_gif),
        "status_404": text("없는 사진입니다.", status=404),
        "status_410": text("지워진 사진입니다.", status=410),
        "status_500": text("고장입니다.", status=500),
        "opted_out_header": _photo(looks["opted_out_header"])._replace(headers=(("X-Robots-Tag", "noai, noimageai"),)),
        "opted_out_content_usage": text("", "image/jpeg", headers=(("Content-Usage", "train-ai=n"),)),
        "connection_failed": text("", "image/jpeg", manner="hangup"),
        "timed_out": text("", "image/jpeg", manner="stall"),
        "timed_out_body": text("", "image/jpeg", manner="drip"),
        "body_endless": text("\xff\xd8\xff", "image/jpeg", manner="endless"),
        "body_declared_large": Resource("image/jpeg", lambda: bytes(LARGE_BODY)),
        "body_short": text("사진이 오다가 끊겼습니다.", "image/jpeg", manner="short"),
    }


def _moved(to: str) -> Resource:
    return text("", status=302, headers=(("Location", to),) if to else ())


def _redirects() -> dict[str, Resource]:
    found = {
        "kept_redirect.jpg": _moved("/moved/second.jpg"),
        "second.jpg": _moved("/kept/kept_redirect.jpg")._replace(status=301),
        "to-metadata.jpg": _moved("http://169.254.169.254/latest/x.png"),
        "to-file.jpg": _moved("file:///etc/hostname"),
        "nowhere.jpg": _moved(""),
        "loop.jpg": _moved("/moved/loop-back.jpg"),
        "loop-back.jpg": _moved("/moved/loop.jpg"),
        "chain-8.jpg": text("", "image/jpeg"),
    }
    found |= {f"chain-{k}.jpg": _moved(f"/moved/chain-{k + 1}.jpg") for k in range(8)}
    return {url("cases", f"/moved/{name}"): resource for name, resource in found.items()}


def _page(page: CasePage) -> Resource:
    in_head = [case.html for case in page.cases if case.html.startswith("<meta")]
    body = "\n".join(case.html for case in page.cases if not case.html.startswith("<meta"))
    head = page.head + "".join(in_head)
    declare = page.declared_by == "meta"
    kind = "text/html" if declare else f"text/html; charset={page.charset}"
    return Resource(
        kind,
        lambda: markup.page(
            page.title, f"<p>{page.title}</p>\n{body}", head=head, charset=page.charset, declare=declare
        ),
    )


def _html(title: str, body: str, **more: object) -> Resource:
    return Resource("text/html; charset=utf-8", lambda: markup.page(title, body), **more)  # type: ignore[arg-type]


def _fallen_pages() -> dict[str, Resource]:
    """Return the pages of `PAGE_CASES`."""
    shot = markup.alt(Shot("/kept/kept_alt.jpg", "", "이 쪽의 사진은 쓰지 말라고 적혀 있다."))
    noai = '<meta name="robots" content="noai, noimageai">'
    prose = "장독대에 내린 눈을 쓸고 나니 항아리마다 김이 올랐다. 어머니는 그 위에 소금을 한 줌 뿌리셨다. "
    johab = f"<html><body>{prose * 6}<img src='/kept/kept_alt.jpg' alt='눈 내린 장독대'></body></html>"
    return {
        url("cases", "/noai.html"): Resource(
            "text/html; charset=utf-8", lambda: markup.page("인공지능 학습을 거절하는 쪽", shot, head=noai)
        ),
        url("cases", "/noai-header.html"): _html("머리글로 거절하는 쪽", shot, headers=(("X-Robots-Tag", "noai"),)),
        url("cases", "/private/page.html"): _html("들어오지 말라는 쪽", shot),
        url("cases", "/johab.html"): Resource("text/html", lambda: johab.encode("johab")),
        url("cases", "/gone.html"): _html("없는 쪽", "<p>찾으시는 쪽이 없습니다.</p>", status=404),
        url("shut", "/"): _html("닫힌 집", shot),
    }


def _group_pages() -> dict[str, Resource]:
    found = {}
    for group in CASE_GROUPS:
        captions = [FREQUENT_CAPTION] * 6 if group.name == "frequent_slogan" else _still_lifes(len(group.image_urls))
        shots = [Shot(image, "", caption) for image, caption in zip(group.image_urls, captions, strict=True)]
        found[group.page_url] = _html("한데 묶인 사진들", "\n".join(map(markup.alt, shots)))
    return found


_THINGS = ("항아리", "맷돌", "절구", "지게", "물레", "다듬잇돌", "소반", "등잔", "반닫이", "놋그릇", "병풍", "화로")


def _still_lifes(number: int) -> list[str]:
    """Return captions for images that nobody will see."""
    places = ("할머니 댁 마루", "시골집 광")
    return [f"{places[k // len(_THINGS)]}에 놓인 오래된 {_THINGS[k % len(_THINGS)]}" for k in range(number)]


def _policies() -> dict[str, Resource]:
    """Return the files in which the case hosts speak of themselves."""
    reserved = [{"location": "/works/*", "tdm-reservation": 1}]
    return {
        url("cases", "/robots.txt"): text("User-agent: *\nDisallow: /private/\nAllow: /private/open/\n"),
        url("shut", "/robots.txt"): text("점검 중입니다.", status=503),
        url("reserved", "/robots.txt"): text("User-agent: *\nAllow: /\n"),
        url("reserved", "/.well-known/tdmrep.json"): text(json.dumps(reserved), "application/json"),
        **{
            url(name, "/robots.txt"): text("User-agent: *\nDisallow:\n") for name in ("reset", "slow", "drip", "broken")
        },
        **{url(name, "/robots.txt"): text("User-agent: *\nDisallow:\n") for name in ("hangup", "archive")},
    }


def links() -> str:
    """Return the list of links that leads a crawl to every case page, as HTML."""
    pages = [page.url for page in CASE_PAGES] + [case.page_url for case in PAGE_CASES]
    pages += [group.page_url for group in CASE_GROUPS]
    return (
        "<ul>" + "".join(f'<li><a href="{page}">{page.rsplit("/", 1)[-1] or page}</a></li>' for page in pages) + "</ul>"
    )


def _resource_of(case: Written, own: dict[str, Resource], looks: dict[str, Look]) -> Resource:
    if case.name in own:
        return own[case.name]
    if case.name in looks:
        return _photo(looks[case.name])
    # Cases that fall before their image is asked for: whoever asks all the same gets this.
    return text("이 사진은 요청되지 않아야 한다.", status=418)


def resources(seed: int, taken: list[int]) -> dict[str, Resource]:
    """Return every resource of the cases by URL.

    Args:
        seed: that of the web.
        taken: perceptual hashes already in use, which the pictures drawn here keep clear of; appended to.
    """
    looks = _pictures(seed, taken)
    own = _own_pictures(looks)
    found = _policies() | _redirects() | _fallen_pages() | _group_pages()
    for page in CASE_PAGES:
        found[page.url] = _page(page)
        for case in page.cases:
            if f".{DOMAIN}/" in case.image_url and case.image_url.startswith("http"):
                found.setdefault(case.image_url, _resource_of(case, own, looks))
    found[url("cases", "/kept/kept_redirect.jpg")] = _photo(looks["kept_redirect"])
    for small in ("kept_srcset-small.jpg", "kept_picture-small.webp"):
        found[url("cases", f"/kept/{small}")] = _photo(
            looks[small.split("-")[0]], 320, 240, small.rsplit(".")[-1].replace("jpg", "jpeg")
        )
    for group in CASE_GROUPS:
        if group.name == "hangup_host":
            found |= {image: text("", "image/jpeg", manner="hangup") for image in group.image_urls}
    return found

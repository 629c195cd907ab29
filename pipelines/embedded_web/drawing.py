"""From a look to a picture, and from a picture to the bytes of a file."""

from __future__ import annotations

import io
import random
from typing import NamedTuple

import imagehash
from PIL import Image, ImageDraw, ImageOps

from pipelines.embedded_web import backdrop
from pipelines.embedded_web.canvas import Colour, Pen, generator, mix
from pipelines.embedded_web.kinds import KINDS

PHASH_GAP = 8
"""The perceptual hashes (64 bits) of any two pictures not meant as duplicates differ by more bits than this."""
_PREVIEW = (96, 72)
_PREVIEW_GAP = 13
"""Bits between previews that keep full pictures `PHASH_GAP` apart: a preview's hash is some bits off the full one's."""


_TALLEST = 0.46
"""Half height, as a share of the picture's, above which a standing thing would lose its top."""


class Look(NamedTuple):
    """All that decides a picture besides its size: the thing, its surroundings, and the salt of its random numbers."""

    kind: str
    colour: int
    backdrop: str
    season: str
    hour: str
    weather: str
    number: int
    salt: str


def random_look(kind: str, rng: random.Random, salt: str) -> Look:
    """Return a look that suits ``kind``, chosen by ``rng``."""
    of = KINDS[kind]
    season, hour, place = rng.choice(of.seasons), rng.choice(of.hours), rng.choice(of.backdrops)
    weathers = ["clear"] * 6 + ["mist"] + (["snow"] if season == "겨울" else ["rain"])
    outdoors = place in backdrop.OUTDOORS
    return Look(
        kind,
        rng.randrange(len(of.colours)),
        place,
        season,
        hour if outdoors else "day",
        rng.choice(weathers) if outdoors and hour != "night" else "clear",
        rng.randint(1, of.most),
        salt,
    )


def draw(look: Look, width: int, height: int, *, transparent: bool = False) -> Image.Image:
    """Return the picture of ``look``, ``width`` by ``height`` pixels, RGB; or RGBA with no backdrop."""
    fine = 2 if _PREVIEW[0] < max(width, height) <= 720 else 1
    image = Image.new("RGB", (width * fine, height * fine), (200, 200, 200))
    pen = _pen(image)
    rng = generator(look.salt, "scene")
    stage = backdrop.Stage(image, pen, rng, look.season, look.hour)
    if transparent:
        image.paste((0, 0, 0), (0, 0, *image.size))
        cut = Image.new("RGBA", image.size, (255, 255, 255, 0))
        _things(_pen(cut), stage, look)
        return cut.reduce(fine) if fine > 1 else cut
    backdrop.BACKDROPS[look.backdrop](stage)
    _things(pen, stage, look)
    backdrop.weather(stage, look.weather)
    if fine > 1:
        image = image.reduce(fine)
    return backdrop.finish(image, rng, look.hour, outdoors=look.backdrop in backdrop.OUTDOORS)


def _pen(image: Image.Image) -> Pen:
    plain = ImageDraw.Draw(image)
    blended = ImageDraw.Draw(image, "RGBA") if image.mode == "RGB" else plain
    return Pen(plain, blended, (image.height, 0, 0, 0, image.height, 0))


def _things(pen: Pen, stage: backdrop.Stage, look: Look) -> None:
    of, rng = KINDS[look.kind], generator(look.salt, "thing")
    room = stage.ratio / look.number
    for k in range(look.number):
        tint: Colour = of.colours[look.colour][1]
        tint = mix(tint, (rng.randrange(256), rng.randrange(256), rng.randrange(256)), rng.uniform(0, 0.1))
        size = rng.uniform(*of.size) * (1.15 if look.number == 1 else 0.9)
        size = min(size, room * (0.5 if look.number == 1 else 0.62), _TALLEST)
        x = room * (k + 0.5) + rng.uniform(-0.5, 0.5) * max(0.04, room - 1.5 * size)
        stands = look.backdrop not in ("table", "sky", "sea")
        y = max(rng.uniform(0.96, 0.86) - size, size + 0.03) if stands else _free_height(stage, look, rng, size)
        of.draw(pen.at(x, y, size, flip=rng.random() < 0.5 and look.kind != "taegeukgi"), rng, tint)


def _free_height(stage: backdrop.Stage, look: Look, rng: random.Random, size: float) -> float:
    """Return where the middle of a thing lies that need not stand at the foot of the picture."""
    if look.backdrop == "sea":
        return stage.horizon - size * 0.6 + rng.uniform(0.02, 0.16)
    if look.backdrop == "sky" and look.kind not in ("kite", "lantern"):
        return 0.96 - size
    return rng.uniform(min(0.5, size * 0.85), max(0.5, 1 - size * 0.85))


def preview_hash(look: Look) -> int:
    """Return the 64-bit perceptual hash (`imagehash.phash`) of a small drawing of ``look``."""
    return int(str(imagehash.phash(draw(look, *_PREVIEW))), 16)


def distinct(look: Look, taken: list[int]) -> Look:
    """Return ``look``, resalted until its hash is far from all in ``taken``; append its hash there."""
    salt, tries = look.salt, 0
    while True:
        found = preview_hash(look)
        if all((found ^ other).bit_count() > _PREVIEW_GAP for other in taken):
            taken.append(found)
            return look
        tries += 1
        look = look._replace(salt=f"{salt}.{tries}")


def rounded(image: Image.Image) -> Image.Image:
    """Return ``image`` as RGBA with its corners rounded off to transparency."""
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, image.width - 1, image.height - 1), image.height // 6, 255)
    image.putalpha(mask)
    return image


def jpeg(image: Image.Image, quality: int = 86, orientation: int = 1) -> bytes:
    """Return ``image`` as a JPEG file; an ``orientation`` other than 1 is written as Exif, the pixels stay."""
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, exif=exif)
    return out.getvalue()


def encode(look: Look, width: int, height: int, form: str) -> bytes:
    """Return the file of ``look`` as "jpeg", "png" (with transparent corners), "webp" or "gif" (animated)."""
    out = io.BytesIO()
    if form == "jpeg":
        return jpeg(draw(look, width, height))
    if form == "png":
        rounded(draw(look, width, height)).save(out, "PNG", compress_level=1)
    elif form == "webp":
        draw(look, width, height).save(out, "WEBP", quality=80, method=1)
    elif form == "gif":
        first = draw(look, width, height)
        frames = [frame.quantize(64, Image.Quantize.FASTOCTREE) for frame in (first, ImageOps.mirror(first))]
        frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=600, loop=0)
    else:
        raise ValueError(f"{form!r}: not one of jpeg, png, webp, gif")
    return out.getvalue()

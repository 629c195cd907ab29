"""Print recall per edit and precision over distinct pictures, for our rule and for the usual pHash thresholds.

Run: ``python tests/bench/near_duplicate_quality.py [--images N] FOLDER...`` with folders of real pictures.

Every decodable picture with sides of at least 64 pixels and distinct bytes is a base, at most 320 pixels a side; a
large one also gives up to four disjoint 256 x 256 tiles. Each base is edited in every way of `EDITS`. A method's
recall is the share of edited copies it matches with their own base. Its precision is over all matches of an edited
copy with any base, edits of `CORE` only.

Real sites hold true duplicates that nobody has labelled. A pair of bases counts as unknown, neither right nor wrong,
if their 64 x 64 grey pictures correlate by 0.9 or more (a test no hash here is made of), or if both come from one
folder of a test suite (``hostile_images/X``, ``near_duplicates``), which are many versions of few pictures.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import warnings
from collections.abc import Callable, Iterator
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps
from scipy.fft import dctn

from filters.hamming import distances
from filters.near_duplicates import DuplicateRules, hash_words
from filters.perceptual import perceptual_hashes

SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"}
SIDE, TILE, LEAST, CORRELATED = 320, 256, 64, 0.9


def coded(image: Image.Image, kind: str, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality)
    return Image.open(buffer).convert("RGB")


def scaled(image: Image.Image, across: float, down: float) -> Image.Image:
    size = (max(1, round(image.width * across)), max(1, round(image.height * down)))
    return image.resize(size, Image.Resampling.BICUBIC)


def cropped(image: Image.Image, share: float) -> Image.Image:
    dx, dy = round(image.width * share / 2), round(image.height * share / 2)
    return image.crop((dx, dy, image.width - dx, image.height - dy))


def text_bar(image: Image.Image) -> Image.Image:
    marked, height = image.copy(), max(8, round(image.height * 0.08))
    draw = ImageDraw.Draw(marked)
    draw.rectangle((0, image.height - height, image.width, image.height), fill="black")
    draw.text((4, image.height - height), "photo 2024", fill="white")
    return marked


def watermark(image: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    at = (image.width * 0.6, image.height * 0.8)
    ImageDraw.Draw(layer).text(at, "sample", fill=(255, 255, 255, 150), font_size=max(10, image.width // 12))
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def bordered(image: Image.Image, share: float) -> Image.Image:
    return ImageOps.expand(image, max(1, round(max(image.size) * share)), "black")


CORE: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg 90": lambda image: coded(image, "JPEG", 90),
    "jpeg 60": lambda image: coded(image, "JPEG", 60),
    "jpeg 30": lambda image: coded(image, "JPEG", 30),
    "webp 75": lambda image: coded(image, "WEBP", 75),
    "resize 0.25": lambda image: scaled(image, 0.25, 0.25),
    "resize 0.5": lambda image: scaled(image, 0.5, 0.5),
    "resize 2": lambda image: scaled(image, 2, 2),
    "aspect +5 %": lambda image: scaled(image, 1.05, 1),
    "aspect -5 %": lambda image: scaled(image, 0.95, 1),
    "brightness 1.15": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "contrast 0.7": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "gamma 0.7": lambda image: image.point([round(255 * (v / 255) ** 0.7) for v in range(256)] * 3),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "blur 1.5": lambda image: image.filter(ImageFilter.GaussianBlur(1.5)),
    "sharpen 3": lambda image: ImageEnhance.Sharpness(image).enhance(3),
}
EDITS = CORE | {
    "brightness 1.3": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "border 2 %": lambda image: bordered(image, 0.02),
    "text bar": text_bar,
    "watermark": watermark,
    "crop 2 %": lambda image: cropped(image, 0.02),
    "crop 10 %": lambda image: cropped(image, 0.1),
    "crop 20 %": lambda image: cropped(image, 0.2),
    "rotate 2 deg": lambda image: image.rotate(2, Image.Resampling.BICUBIC, fillcolor="white"),
    "mirror": ImageOps.mirror,
}


class Hashed(NamedTuple):
    """Hashes of one picture in every version: the base first, then the edits in order."""

    name: str
    phash: np.ndarray
    longer: np.ndarray
    rival: np.ndarray
    clear: np.ndarray
    square: np.ndarray


def rival_hash(grey: Image.Image) -> str:
    """imagededup's PHash by its definition: 8 x 8 of the DCT at or above the median of all but the first."""
    low = dctn(np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS), np.float64))[:8, :8].ravel()
    return np.packbits(low >= np.median(low[1:])).tobytes().hex()


def bases(path: Path) -> Iterator[Image.Image]:
    with Image.open(path) as opened:
        if opened.width * opened.height > 40e6 or max(opened.size) > 8 * min(opened.size):
            return
        image = ImageOps.exif_transpose(opened)
    if image.has_transparency_data:
        canvas = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(canvas, image.convert("RGBA"))
    image = image.convert("RGB")
    if min(image.size) < LEAST:
        return
    tiles = [(x, y) for y in range(0, image.height - TILE + 1, TILE) for x in range(0, image.width - TILE + 1, TILE)]
    if min(image.size) >= 2 * TILE and max(image.size) >= 3 * TILE:
        yield from (image.crop((x, y, x + TILE, y + TILE)) for x, y in tiles[:4])
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    if min(image.size) >= LEAST:
        yield image


def hashed(path: Path) -> list[Hashed]:
    warnings.simplefilter("ignore")
    found = []
    try:
        for image in bases(path):
            greys = [version.convert("L") for version in (image, *(edit(image) for edit in EDITS.values()))]
            pixels = [np.asarray(grey) for grey in greys]
            hashes = [perceptual_hashes(grey) for grey in pixels]
            found.append(
                Hashed(
                    str(path),
                    hash_words([made.phash for made in hashes], 64)[:, 0],
                    hash_words([made.phash256 for made in hashes], 256),
                    hash_words([rival_hash(grey) for grey in greys], 64)[:, 0],
                    np.array([made.clear_bits for made in hashes]),
                    np.asarray(greys[0].resize((64, 64), Image.Resampling.BOX), np.float32),
                )
            )
    except Exception as error:  # noqa: BLE001  # hostile pictures are among the data
        print(f"passed over {path.name}: {type(error).__name__}")
    return found


def distinct_files(folders: list[Path]) -> list[Path]:
    seen: dict[bytes, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink():
                seen.setdefault(hashlib.sha256(path.read_bytes()).digest(), path)
    return list(seen.values())


def unknown_pairs(names: list[str], squares: np.ndarray) -> np.ndarray:
    flat = squares.reshape(len(names), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
    families = np.array([family(name) for name in names])
    same = (families[:, None] == families[None, :]) & (families != "")[:, None]
    return (flat @ flat.T >= CORRELATED) | same | np.eye(len(names), dtype=bool)


def family(name: str) -> str:
    parts = Path(name).parts
    for root in ("hostile_images", "near_duplicates"):
        if root in parts:
            return "/".join(parts[parts.index(root) :][: 2 if root == "hostile_images" else 1])
    return ""


Matcher = Callable[[int], np.ndarray]


def methods(rules: DuplicateRules, table: Hashed) -> dict[str, Matcher]:
    """Each method, as a function of an edit's number: which base (row) it matches with which edited base (column)."""

    def apart(hashes: np.ndarray, edit: int) -> np.ndarray:
        return np.bitwise_count(hashes[:, :1] ^ hashes[:, edit][None, :])

    def ours(edit: int, least: int = rules.min_clear_bits) -> np.ndarray:
        clear = table.clear >= least
        near = (apart(table.phash, edit) <= rules.radius) & clear[:, :1] & clear[:, edit][None, :]
        rows, columns = np.nonzero(near)
        near[rows, columns] = distances(table.longer[rows, 0], table.longer[columns, edit]) <= rules.verify_radius
        return near

    return {
        "ours": ours,
        "plain too": lambda edit: ours(edit, 0),
        "phash<=10": lambda edit: apart(table.phash, edit) <= 10,
        "imagededup": lambda edit: apart(table.rival, edit) <= 10,
        "phash<=6": lambda edit: apart(table.phash, edit) <= 6,
        "phash=0": lambda edit: apart(table.phash, edit) == 0,
    }


def report(pictures: list[Hashed], rules: DuplicateRules) -> None:
    table = Hashed(*(np.stack(column) if name != "name" else column for name, column in
                     zip(Hashed._fields, zip(*pictures, strict=True), strict=True)))  # fmt: skip
    names = [picture.name for picture in pictures]
    unknown = unknown_pairs(names, table.square)
    clear = table.clear[:, 0] >= rules.min_clear_bits
    print(f"{len(names)} pictures from {len(set(names))} files; {int(clear.sum())} not plain; {rules}")
    print(f"{(int(unknown.sum()) - len(names)) // 2} of {len(names) * (len(names) - 1) // 2} pairs are unknown")
    found = methods(rules, table)
    heads = [*found, "ours/clear"]
    print(f"{'recall':18s}" + "".join(f"{head:>12s}" for head in heads))
    right, wrong, core = dict.fromkeys(found, 0), dict.fromkeys(found, 0), {head: [] for head in heads}
    for number, edit in enumerate(EDITS, 1):
        matched = {name: matcher(number) for name, matcher in found.items()}
        own = {name: np.diag(pairs) for name, pairs in matched.items()}
        shares = [own[name].mean() for name in found] + [own["ours"][clear].mean()]
        print(f"{edit:18s}" + "".join(f"{share:12.4f}" for share in shares) + ("" if edit in CORE else "  (not core)"))
        if edit in CORE:
            for head, share in zip(heads, shares, strict=True):
                core[head].append(share)
            for name, pairs in matched.items():
                right[name] += int(own[name].sum())
                wrong[name] += int((pairs & ~unknown).sum())
    print(f"{'mean of core':18s}" + "".join(f"{np.mean(core[head]):12.4f}" for head in heads))
    print(f"{'wrong matches':18s}" + "".join(f"{wrong[name]:12d}" for name in found))
    precise = [right[name] / max(1, right[name] + wrong[name]) for name in found]
    print(f"{'precision':18s}" + "".join(f"{share:12.5f}" for share in precise))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--images", type=int, help="at most so many files, evenly spread")
    arguments = parser.parse_args()
    files = distinct_files(arguments.folders)
    if arguments.images is not None and arguments.images < len(files):
        files = [files[i * len(files) // arguments.images] for i in range(arguments.images)]
    with Pool(2) as pool:
        pictures = [picture for found in pool.imap(hashed, files, chunksize=4) for picture in found]
    report(pictures, DuplicateRules())


if __name__ == "__main__":
    main()

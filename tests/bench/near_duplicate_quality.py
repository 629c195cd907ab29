"""Print recall per edit and precision over distinct pictures, for our rule and for what others do.

Run: ``python tests/bench/near_duplicate_quality.py [--images N] [--sheet FILE.png] [FOLDER ...]`` with folders of real
pictures. PDQ is measured where the package ``pdqhash`` can be imported, and named as absent where not.

Every decodable picture of distinct bytes with sides of at least 96 pixels is a base, shrunk to at most 256 pixels a
side. Each base is edited in every way of `EDITS`. A method's recall is the share of edited copies it matches with
their own base, over the bases that are not plain to us and over all. Its precision is over all matches of an edited
copy with any base, for all pairs, edits of `CORE` only. Each rival is shown at its default and, so that recall is
compared at one precision, at the largest of its thresholds whose precision is at least ours ("none": not even 0 bits).

Real sites and packages hold true duplicates. A pair of bases is set apart, neither right nor wrong, if their 64 x 64
grey pictures, whole or cut to what differs from the corner's tone, correlate by 0.9 or more (a test no hash here is
made of), or if both come from one folder of a test suite (``hostile_images/X``, ``near_duplicates``), which are many
versions of few pictures. ``near_duplicate_labels.tsv`` beside this file says of single pairs that our rule matched,
looked at one by one, where this test is wrong: "same" are one picture recoloured, shaded, annotated or with something
laid over it. "different" are forms of one site, alike but for what is filled in, and pictures alike in all but fine
detail: one ground with other bars or rivets on it, wheels with other spokes, another phase of the moon; and whatever is
in doubt. ``--sheet`` draws the matched pairs of different files, so that they can be looked at.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from filters.hamming import distances
from filters.near_duplicates import DuplicateRules, Images, agreements, closest, hash_words
from filters.perceptual import PerceptualHashes, perceptual_hashes, trimmed_hashes

try:
    import pdqhash
except ImportError:
    pdqhash = None

SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"}
DATA = Path(os.environ.get("HARUBANG_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
LABELS = Path(__file__).with_name("near_duplicate_labels.tsv")
SIDE, LEAST, CORRELATED, CORNER_TONES = 256, 96, 0.9, 24
AGREEMENTS = (-1.0, 0.88)
"""Our rule is shown with these, too: without tones, and more leniently."""
PDQ_LEAST_QUALITY = 50
"""PDQ's own documentation advises to leave hashes of less quality unmatched."""


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


def bordered(image: Image.Image, share: float, tone: str) -> Image.Image:
    return ImageOps.expand(image, max(1, round(max(image.size) * share)), tone)


def curved(image: Image.Image, gamma: float) -> Image.Image:
    return image.point([round(255 * (v / 255) ** gamma) for v in range(256)] * 3)


def turned(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor="white")


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
    "brightness 0.8": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    "brightness 1.15": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "contrast 0.7": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "contrast 1.3": lambda image: ImageEnhance.Contrast(image).enhance(1.3),
    "gamma 0.7": lambda image: curved(image, 0.7),
    "gamma 1.4": lambda image: curved(image, 1.4),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "blur 1.5": lambda image: image.filter(ImageFilter.GaussianBlur(1.5)),
    "sharpen 3": lambda image: ImageEnhance.Sharpness(image).enhance(3),
    "border 1 % black": lambda image: bordered(image, 0.01, "black"),
    "border 2 % white": lambda image: bordered(image, 0.02, "white"),
    "border 5 % black": lambda image: bordered(image, 0.05, "black"),
}
EDITS = CORE | {
    "border 10 % white": lambda image: bordered(image, 0.1, "white"),
    "brightness 1.3": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "text bar": text_bar,
    "watermark": watermark,
    "crop 2 %": lambda image: cropped(image, 0.02),
    "crop 5 %": lambda image: cropped(image, 0.05),
    "crop 10 %": lambda image: cropped(image, 0.1),
    "crop 20 %": lambda image: cropped(image, 0.2),
    "rotate 1 deg": lambda image: turned(image, 1),
    "rotate 2 deg": lambda image: turned(image, 2),
    "mirror": ImageOps.mirror,
}


class Hashed(NamedTuple):
    """One picture in every version, the base first, then the edits in order: hashes of shape (versions, ...)."""

    path: str
    sha256: str
    phash: np.ndarray
    """(versions, views), as longer (with 4 words) and clear."""
    longer: np.ndarray
    clear: np.ndarray
    tones: np.ndarray
    """(versions, views, 512)"""
    rival: np.ndarray
    pdq: np.ndarray
    pdq_quality: np.ndarray
    squares: np.ndarray
    """The base only: 64 x 64 grey, whole and cut."""


def rival_hash(grey: Image.Image) -> str:
    """imagededup's PHash by its definition: 8 x 8 of the DCT at or above the median of all but the first."""
    low = dctn(np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS), np.float64))[:8, :8].ravel()
    return np.packbits(low >= np.median(low[1:])).tobytes().hex()


def pdq_hash(image: Image.Image) -> tuple[np.ndarray, int]:
    if pdqhash is None:
        return np.zeros(4, np.uint64), 0
    bits, quality = pdqhash.compute(np.asarray(image))
    return np.packbits(bits).view(">u8").astype(np.uint64), quality


def base(path: Path) -> Image.Image | None:
    with Image.open(path) as opened:
        if opened.width * opened.height > 40e6 or max(opened.size) > 8 * min(opened.size):
            return None
        if min(opened.size) < LEAST:
            return None
        opened.draft("RGB", (2 * SIDE, 2 * SIDE))
        image = ImageOps.exif_transpose(opened)
    if image.has_transparency_data:
        canvas = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(canvas, image.convert("RGBA"))
    image = image.convert("RGB")
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3)
    return image if min(image.size) >= LEAST // 2 else None


def squares(grey: Image.Image) -> np.ndarray:
    pixels = np.asarray(grey, np.int16)
    other = np.abs(pixels - pixels[0, 0]) > CORNER_TONES
    rows, columns = np.flatnonzero(other.any(axis=1)), np.flatnonzero(other.any(axis=0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if rows.size > 0 else (0, 0, *grey.size)
    return np.stack([np.asarray(one.resize((64, 64), Image.Resampling.BOX)) for one in (grey, grey.crop(box))])


def hashed(path: Path) -> Hashed | None:
    warnings.simplefilter("ignore")
    try:
        image = base(path)
        if image is None:
            return None
        versions = [image, *(edit(image) for edit in EDITS.values())]
        greys = [version.convert("L") for version in versions]
        pixels = [np.asarray(grey) for grey in greys]
        whole = [perceptual_hashes(grey) for grey in pixels]
        seen: list[tuple[PerceptualHashes, ...]] = [
            (found, trimmed_hashes(grey) or found) for found, grey in zip(whole, pixels, strict=True)
        ]
        pdq = [pdq_hash(version) for version in versions]
        return Hashed(
            str(path),
            hashlib.sha256(path.read_bytes()).hexdigest(),
            np.stack([hash_words([view.phash for view in views], 64)[:, 0] for views in seen]),
            np.stack([hash_words([view.phash256 for view in views], 256) for views in seen]),
            np.array([[view.clear_bits for view in views] for views in seen]),
            np.array([[np.frombuffer(view.tones, np.uint8) for view in views] for views in seen]),
            hash_words([rival_hash(grey) for grey in greys], 64)[:, 0],
            np.stack([words for words, _ in pdq]),
            np.array([quality for _, quality in pdq]),
            squares(greys[0]),
        )
    except Exception as error:  # noqa: BLE001  # hostile pictures are among the data
        print(f"passed over {path.name}: {type(error).__name__}", file=sys.stderr)
        return None


def distinct_files(folders: list[Path]) -> list[Path]:
    seen: dict[bytes, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink():
                seen.setdefault(hashlib.sha256(path.read_bytes()).digest(), path)
    return list(seen.values())


def set_apart(table: Hashed) -> tuple[np.ndarray, int]:
    """Return which pairs of bases are neither right nor wrong, and how many of the labels were of use."""
    count = len(table.path)
    apart = np.eye(count, dtype=bool)
    for view in range(2):
        flat = table.squares[:, view].reshape(count, -1).astype(np.float32)
        flat -= flat.mean(axis=1, keepdims=True)
        flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
        apart |= flat @ flat.T >= CORRELATED
    families = np.array([family(name) for name in table.path])
    apart |= (families[:, None] == families[None, :]) & (families != "")[:, None]
    rows = {digest[:16]: row for row, digest in enumerate(table.sha256)}
    used = 0
    with LABELS.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            if line["one"] in rows and line["other"] in rows:
                one, other = rows[line["one"]], rows[line["other"]]
                apart[one, other] = apart[other, one] = line["verdict"] == "same"
                used += 1
    return apart, used


def family(name: str) -> str:
    parts = Path(name).parts
    for root in ("hostile_images", "near_duplicates"):
        if root in parts:
            return "/".join(parts[parts.index(root) :][: 2 if root == "hostile_images" else 1])
    return ""


def ours(table: Hashed, edit: int, rules: DuplicateRules) -> np.ndarray:
    """Return how well every base (row) and every edited base (column) that our rule compares by tones agree.

    It compares those of which some views are clear and near by both hashes, in the closest views; -2 where none are.
    """
    count = len(table.path)
    near = np.zeros((count, count), bool)
    for one in range(2):
        for other in range(2):
            a, b = table.phash[:, 0, one], table.phash[:, edit, other]
            close = np.bitwise_count(a[:, None] ^ b[None, :]) <= rules.radius
            close &= (table.clear[:, 0, one] >= rules.min_clear_bits)[:, None]
            close &= (table.clear[:, edit, other] >= rules.min_clear_bits)[None, :]
            rows, columns = np.nonzero(close)
            longer = distances(table.longer[rows, 0, one], table.longer[columns, edit, other])
            sure = longer <= rules.verify_radius
            near[rows[sure], columns[sure]] = True
    rows, columns = np.nonzero(near)
    versions = (table.phash, table.longer, table.clear, table.tones)
    phash, longer, clear, tones = (np.concatenate([column[:, 0], column[:, edit]]) for column in versions)
    images = Images(np.arange(2 * count), phash, longer, clear, np.zeros(2 * count, np.int64), tones)
    view = closest(images, rows, count + columns, rules).view
    agreed = np.full((count, count), -2, np.float32)
    agreed[rows, columns] = agreements(images, rows, count + columns, view, rules)
    return agreed


def bits(table: Hashed, method: str, edit: int) -> np.ndarray:
    """Return the bits between every base (row) and every edited base (column) by a rival's hash."""
    if method == "PDQ":
        words = (np.bitwise_count(table.pdq[:, 0, None, n] ^ table.pdq[None, :, edit, n]) for n in range(4))
        found = sum(word.astype(np.uint16) for word in words)
        poor = table.pdq_quality < PDQ_LEAST_QUALITY
        found[poor[:, 0]] = found[:, poor[:, edit]] = 256
        return found
    hashes = table.phash[:, :, 0] if method == "imagehash" else table.rival
    return np.bitwise_count(hashes[:, :1] ^ hashes[:, edit][None, :]).astype(np.uint16)


RIVALS = {"imagehash": 10, "imagededup": 10} | ({"PDQ": 31} if pdqhash is not None else {})


def fair_radius(own: np.ndarray, others: np.ndarray, precision: float) -> int:
    """Return the largest radius of at least this precision; -1 if none is. Both are counts per distance."""
    right, wrong = np.cumsum(own), np.cumsum(others)
    good = np.flatnonzero(right >= precision * (right + wrong))
    return int(good[-1]) if good.size > 0 else -1


def report(table: Hashed, rules: DuplicateRules, sheet: Path | None) -> None:
    count, apart_pairs, labels = len(table.path), *set_apart(table)
    clear = (table.clear[:, 0] >= rules.min_clear_bits).any(axis=1)
    _, kinds = connected_components(coo_array(apart_pairs), directed=False)
    print(f"{count} pictures of distinct bytes, {np.unique(kinds).size} if those set apart from each other count once;")
    print(f"{int(clear.sum())} are not plain")
    pairs = count * (count - 1) // 2
    print(f"{(int(apart_pairs.sum()) - count) // 2} of {pairs} pairs set apart; {labels} labels by eye; {rules}")
    if pdqhash is None:
        print("PDQ is absent: no package pdqhash")
    own = {method: np.zeros((len(EDITS), count), np.int64) for method in RIVALS}
    wrong = {method: np.zeros(257, np.int64) for method in RIVALS}
    least = sorted({rules.agreement, *AGREEMENTS})
    ours_own, ours_wrong = np.zeros((len(least), len(EDITS), count), bool), [0] * len(least)
    matched: Counter[tuple[int, int]] = Counter()
    for number, edit in enumerate(EDITS):
        agreed = ours(table, number + 1, rules)
        found = agreed >= rules.agreement
        for place, agreement in enumerate(least):
            ours_own[place, number] = np.diag(agreed) >= agreement
            if edit in CORE:
                ours_wrong[place] += int(((agreed >= agreement) & ~apart_pairs).sum())
        for method in RIVALS:
            distance = bits(table, method, number + 1)
            own[method][number] = np.diag(distance)
            if edit in CORE:
                wrong[method] += np.bincount(distance[~apart_pairs], minlength=257)
        if edit in CORE:
            matched.update((min(pair), max(pair)) for pair in np.argwhere(found).tolist() if pair[0] != pair[1])
    core = len(CORE)
    shown = {
        "ours" if agreement == rules.agreement else f"agreement {agreement}": (ours_own[place], ours_wrong[place])
        for place, agreement in enumerate(least)
    }
    right, false = int(shown["ours"][0][:core].sum()), shown["ours"][1]
    precision = right / max(1, right + false)
    for method, default in RIVALS.items():
        fair = fair_radius(np.bincount(own[method][:core].ravel(), minlength=257), wrong[method], precision)
        for radius in (default, fair):
            shown[f"{method}<={radius}" if radius >= 0 else f"{method} none"] = (
                own[method] <= radius,
                int(wrong[method][: radius + 1].sum()),
            )
    print_table(shown, clear)
    if sheet is not None:
        draw_sheet(table, matched, apart_pairs, sheet)


def print_table(shown: dict[str, tuple[np.ndarray, int]], clear: np.ndarray) -> None:
    print(f"\n{'recall, not plain':18s}" + "".join(f"{name:>16s}" for name in shown))
    for number, edit in enumerate(EDITS):
        shares = (own[number, clear].mean() for own, _ in shown.values())
        print(f"{edit:18s}" + "".join(f"{share:16.4f}" for share in shares) + ("" if edit in CORE else "  (not core)"))
    core = len(CORE)
    for title, of in (("mean of core", clear), ("and plain ones", np.ones_like(clear))):
        print(f"{title:18s}" + "".join(f"{own[:core, of].mean():16.4f}" for own, _ in shown.values()))
    print(f"{'wrong matches':18s}" + "".join(f"{wrong:16d}" for _, wrong in shown.values()))
    right = [(int(own[:core].sum()), wrong) for own, wrong in shown.values()]
    print(f"{'precision':18s}" + "".join(f"{good / max(1, good + bad):16.5f}" for good, bad in right))


def draw_sheet(table: Hashed, matched: Counter[tuple[int, int]], apart_pairs: np.ndarray, path: Path) -> None:
    """Draw the matched pairs of different bases beside one another, wrong ones first, and list their digests."""
    pairs = sorted(matched, key=lambda pair: (bool(apart_pairs[pair]), -matched[pair], pair))
    pairs = [pair for pair in pairs if not family(table.path[pair[0]])]
    tile, across = 120, 5
    if not pairs:
        return
    sheet = Image.new("RGB", (across * 2 * (tile + 4), -(-len(pairs) // across) * (tile + 14)), "grey")
    draw = ImageDraw.Draw(sheet)
    for number, pair in enumerate(pairs):
        x, y = number % across * 2 * (tile + 4), number // across * (tile + 14)
        for side, row in enumerate(pair):
            picture = base(Path(table.path[row]))
            assert picture is not None
            picture.thumbnail((tile, tile))
            sheet.paste(picture, (x + side * (tile + 2), y))
        kind = "apart" if apart_pairs[pair] else "WRONG"
        draw.text((x, y + tile), f"{number} {kind} {matched[pair]}", fill="yellow")
        print(number, kind, *(f"{table.sha256[row][:16]} {table.path[row][-40:]}" for row in pair), sep="\t")
    sheet.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, default=[DATA])
    parser.add_argument("--images", type=int, help="at most so many files, evenly spread")
    parser.add_argument("--sheet", type=Path, help="draw the matched pairs of different files here")
    arguments = parser.parse_args()
    files = distinct_files(arguments.folders)
    if arguments.images is not None and arguments.images < len(files):
        files = [files[i * len(files) // arguments.images] for i in range(arguments.images)]
    with Pool(2) as pool:
        pictures = [found for found in pool.imap(hashed, files, chunksize=4) if found is not None]
    columns = zip(Hashed._fields, zip(*pictures, strict=True), strict=True)
    table = Hashed(*(np.stack(column) if isinstance(column[0], np.ndarray) else column for _, column in columns))
    under = Counter(
        next(folder.name for folder in arguments.folders if folder in path.parents) for path in map(Path, table.path)
    )
    print("pictures by folder:", ", ".join(f"{name} {number}" for name, number in under.most_common()))
    report(table, DuplicateRules(), arguments.sheet)


if __name__ == "__main__":
    main()

"""The hash index of a release: what a later run needs to know of its images, without reading them.

``dataset/hashes/`` lists the pictures of the release's samples, and nothing of what the run dropped or took down. It
holds two tables beside ``index.json``:

- ``images-NNNNN.parquet``: each distinct picture, by content id, with the key of its sample (of several, the smallest);
  file n holds the ids whose first ``id_bits`` of 63 bits are n
  (no trimmed view where that is the whole picture)
- ``band=0/NNNNN.parquet``: their views, in the order of their pHashes as turned by table 0 of `filters.hamming_index`;
  file n holds those whose first ``prefix_bits`` bits are n. Of more than `filters.near_duplicates.MAX_LEADERS` views of
  one pHash it holds as many
- ``band=T/NNNNN.parquet``: the same pHashes as turned by table T, in that order and cut in that way; ``row`` is that of
  the view in the file of band 0 in which its pHash lies

The tables depend on the radius alone, so that every release of one radius is looked up in the same way.
`pipelines.index_writer` writes the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

import msgspec

from filters.near_duplicates import DuplicateRules
from filters.sorted_ids import Ids
from pipelines import storage
from pipelines.dataset import HASHES, INDEX, MANIFEST, DatasetFile, DatasetManifest
from pipelines.errors import InputRefused
from pipelines.parts import Part
from pipelines.stage import Committed

KEY: Final = "dedupe.against"
VERSION: Final = 6
"""Grows with every change of what the files hold or how images are hashed: releases of another are refused."""
IMAGES: Final = "hashed"
BANDS: Final = "bands"
"""The tables of the pack stage that the files are made of."""
KEY_COLUMN: Final = "key"
ROW: Final = "row"

_ROWS_PER_BUCKET: Final = 200_000
_ROWS_PER_BAND_FILE: Final = 1_000_000
_ROWS_PER_IMAGES_FILE: Final = 250_000


class HashIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What ``index.json`` says: by which rules and in which files the index was made."""

    version: int = VERSION
    rules: DuplicateRules
    prefix_bits: int
    id_bits: int


class Released(NamedTuple):
    """A release to dedupe against: how it is named, where its files lie, and what identifies their content.

    ``files`` are all of the index's, by (path, sha256 of the manifest).
    """

    label: str
    made: HashIndex
    images: dict[int, str]
    bands: dict[tuple[int, int], str]
    identity: list[Any]
    files: list[tuple[str, str]]


def prefix_bits(images: int) -> int:
    """Return into how many buckets, as a power of two, a band is cut so that a bucket fits in memory."""
    return min(8, max(0, (images // _ROWS_PER_BUCKET).bit_length()))


def file_bits(images: int) -> int:
    """Return into how many files, as a power of two, a band of an index is cut: new views are looked up in several."""
    return min(8, max(0, (images // _ROWS_PER_BAND_FILE).bit_length()))


def id_bits(images: int) -> int:
    """Return into how many files, as a power of two, the table of images is cut so that one fits in memory."""
    return min(16, max(0, (images // _ROWS_PER_IMAGES_FILE).bit_length()))


def index_bytes(rules: DuplicateRules, images: int) -> bytes:
    """Return ``index.json`` of a release of ``images`` samples."""
    index = HashIndex(rules=rules, prefix_bits=file_bits(images), id_bits=id_bits(images))
    return msgspec.json.format(msgspec.json.encode(index), indent=1)


def id_part(ids: Ids, bits: int) -> Ids:
    """Return the file of the table of images in which each content id is looked up."""
    return ids >> (63 - bits)


def band_part(number: int, prefix: int) -> int:
    """Return the partition that a bucket is as a part of its stage."""
    return number << 16 | prefix


def published(part: Part) -> str:
    """Return the path below the dataset of a part of one of the index's tables."""
    if part.table == BANDS:
        return f"{HASHES}/band={part.partition >> 16}/{part.partition & 0xFFFF:05d}.parquet"
    return f"{HASHES}/images-{part.partition:05d}.parquet"


def files_of(pack: Committed) -> list[tuple[DatasetFile, str]]:
    """Return the index's tables as (entry of the manifest, where the stage wrote it)."""
    return [
        (DatasetFile(published(part), part.size, part.sha256, part.rows), storage.join(pack.folder, part.path))
        for table in (IMAGES, BANDS)
        for part in pack.manifest.table(table)
    ]


def find_released(folders: Sequence[str], rules: DuplicateRules, own: str) -> list[Released]:
    """Return the releases to dedupe against, in order. ``own`` is the folder that this run will publish.

    Raises:
        InputRefused: a folder is no dataset with an index made by the same rules, or is ``own``.
    """
    return [_find(folder.rstrip("/"), rules, own) for folder in folders]


def _find(folder: str, rules: DuplicateRules, own: str) -> Released:
    where = f"{KEY}: {folder}"
    if folder == own or (not storage.is_remote(folder) and Path(folder).resolve() == Path(own).resolve()):
        raise InputRefused(f"{where}: is what this run publishes itself; give another --out")
    try:
        manifest = msgspec.json.decode(storage.read_bytes(storage.join(folder, MANIFEST)), type=DatasetManifest)
        listed = {file.path: file for file in manifest.files if file.path.startswith(f"{HASHES}/")}
        if INDEX not in listed:
            raise InputRefused(f"{where}: its release carries no {INDEX}; publish it again with this harubang")
        index = msgspec.json.decode(storage.read_bytes(storage.join(folder, INDEX)), type=HashIndex)
    except OSError as error:
        why = error.strerror or error
        raise InputRefused(f"{where}: is no dataset ({why}); give the folder that holds {MANIFEST}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise InputRefused(f"{where}: its {MANIFEST} or {INDEX} is not one of harubang's ({error})") from error
    if index.version != VERSION:
        raise InputRefused(f"{where}: its index is of version {index.version}, not {VERSION}; publish it again")
    for name in DuplicateRules.__struct_fields__:
        theirs, ours = getattr(index.rules, name), getattr(rules, name)
        if theirs != ours:
            raise InputRefused(f"{where}: was made with dedupe.{name} {theirs}, not {ours}; set it to {theirs}")
    _check_files(where, folder, listed)
    return _released(folder, manifest, listed, index)


def _check_files(where: str, folder: str, listed: dict[str, DatasetFile]) -> None:
    for name, file in listed.items():
        path = storage.join(folder, name)
        found = storage.find(path) if ".." not in PurePosixPath(name).parts else []
        if [entry.size for entry in found] != [file.bytes]:
            raise InputRefused(f"{where}: {name} is missing or not as its manifest has it; copy the release anew")


def check_bytes(releases: Sequence[Released]) -> None:
    """Read the files of the releases' indexes through: what one changed byte says of a picture would be believed.

    Raises:
        InputRefused: a file is not as the manifest of its release has it.
    """
    for release in releases:
        for path, sha256 in release.files:
            try:
                told = "" if storage.hash_file(path)[1] == sha256 else "its sha256 is not the manifest's"
            except OSError as error:
                told = f"cannot be read ({error.strerror or error})"
            if told:
                raise InputRefused(f"{KEY}: {path}: {told}; copy the release anew")


def _released(folder: str, manifest: DatasetManifest, listed: dict[str, DatasetFile], index: HashIndex) -> Released:
    images: dict[int, str] = {}
    bands: dict[tuple[int, int], str] = {}
    for name in sorted(listed):
        path = PurePosixPath(name)
        kind, _, number = path.stem.partition("-")
        if path.parent.name.startswith("band="):
            bands[int(path.parent.name.removeprefix("band=")), int(path.stem)] = storage.join(folder, name)
        elif kind == "images":
            images[int(number)] = storage.join(folder, name)
    identity = [manifest.name, manifest.root, sorted([file.path, file.sha256] for file in listed.values())]
    files = [(storage.join(folder, name), listed[name].sha256) for name in sorted(listed)]
    return Released(f"{manifest.name} {manifest.root[:8]}", index, images, bands, identity, files)

"""The released dataset: its manifest, its root, its card, and putting it in place.

``dataset/`` holds what researchers take away. Its manifest lists every file; the root is one sha256 over the files
that hold samples, so that two datasets with the same root hold the same samples in the same bytes. Lineage (times,
addresses, offsets) differs between two crawls of the same content: it is listed and checked, but is not in the root.
Nor is the hash index, by which later runs know what this release holds.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec

from pipelines import concept_counts, s3, storage
from pipelines.concept_counts import ConceptCounts
from pipelines.errors import StageFailed
from pipelines.ledger import Ledger
from pipelines.stage import Committed
from schemas.identity import fingerprint, sha256_hex

FOLDER = "dataset"
MANIFEST = "manifest.json"
CARD = "README.md"
HASHES = "hashes"
INDEX = f"{HASHES}/index.json"
_ENDINGS = {"shards": ".tar", "parquet": ".parquet", "lineage": ".parquet"}
_IN_ROOT = ("shards", "parquet")
_MOST_NAMED = 5  # concepts of a category that the card names
_JOURNAL = "publishing.json"  # on an object store, the names under dataset/ while they are replaced


class DatasetFile(msgspec.Struct, frozen=True):
    """One file of the dataset: path below ``dataset/``, size in bytes, sha256, and its samples, or a table's rows."""

    path: str
    bytes: int
    sha256: str
    rows: int


class DatasetManifest(msgspec.Struct, frozen=True, kw_only=True):
    """The commit record of a dataset. ``stages`` maps each stage to the fingerprint it was made by."""

    name: str
    root: str
    samples: int
    files: list[DatasetFile]
    ledger: Ledger
    stages: dict[str, str]
    harubang: str


def root_of(files: list[DatasetFile]) -> str:
    """Return the root: the sha256 of the canonical JSON of [path, sha256, rows] of every shard and Parquet file."""
    listed = sorted([f.path, f.sha256, f.rows] for f in files if f.path.split("/", 1)[0] in _IN_ROOT)
    return fingerprint(listed)


def files_of(pack: Committed) -> list[tuple[DatasetFile, str]]:
    """Return the dataset's data files as (entry, where the pack stage wrote it)."""
    files = []
    for table, ending in _ENDINGS.items():
        for part in pack.manifest.table(table):
            entry = DatasetFile(f"{table}/{part.partition:05d}{ending}", part.size, part.sha256, part.rows)
            files.append((entry, storage.join(pack.folder, part.path)))
    return files


def publish(
    out: str,
    pack: Committed,
    *,
    name: str,
    hashes: list[tuple[DatasetFile, str]],
    index: bytes,
    licence: str,
    ledger: Ledger,
    concepts: ConceptCounts,
    stages: dict[str, str],
    version: str,
    downloads: bool = False,
) -> DatasetManifest:
    """Put the packed files, the table of concepts and the card in place as ``out/dataset`` and return the manifest.

    ``hashes`` are the files of the hash index, and where they are; ``index`` says how it was made.

    On the local disk the new folder is filled beside the old one and swapped in whole. An object store cannot rename:
    there the old manifest goes first and the new one is written last, so that what lies between them is no dataset.
    What is there already with the same manifest is left alone.

    Raises:
        StageFailed: the files cannot be put in place.
    """
    listed = files_of(pack) + hashes
    entries = [entry for entry, _ in listed]
    samples = sum(entry.rows for entry in entries if entry.path.startswith("shards/"))
    root = root_of(entries)
    card = dataset_card(
        name=name,
        licence=licence,
        root=root,
        samples=samples,
        ledger=ledger,
        concepts=concepts,
        downloads=downloads,
    )
    written = {CARD: card.encode(), concept_counts.FILE: concept_counts.table_bytes(concepts.entries), INDEX: index}
    entries += [DatasetFile(path, len(data), sha256_hex(data), 0) for path, data in written.items()]
    manifest = DatasetManifest(
        name=name,
        root=root,
        samples=samples,
        files=sorted(entries, key=lambda entry: entry.path),
        ledger=ledger,
        stages=stages,
        harubang=version,
    )
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    try:
        put_in_place = _put_on_store if storage.is_remote(out) else _put_on_disk
        put_in_place(out, listed, {**written, MANIFEST: encoded})
    except (OSError, msgspec.MsgspecError) as error:
        raise StageFailed(f"pack: the dataset cannot be put in place: {error}") from error
    return manifest


def _put_on_disk(out: str, listed: list[tuple[DatasetFile, str]], written: dict[str, bytes]) -> None:
    target, fresh, old = (Path(out) / f"{FOLDER}{ending}" for ending in ("", ".new", ".old"))
    if old.exists() and not target.exists():  # a run was killed between the renames below
        old.rename(target)
    for leftover in (fresh, old):
        storage.remove_tree(str(leftover))
    if (target / MANIFEST).is_file() and (target / MANIFEST).read_bytes() == written[MANIFEST]:
        return
    for folder in _ENDINGS:
        (fresh / folder).mkdir(parents=True)
    for entry, source in listed:
        storage.link(source, str(fresh / entry.path))
    for path, data in written.items():
        storage.write_bytes(str(fresh / path), data)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    storage.remove_tree(str(old))


def _put_on_store(out: str, listed: list[tuple[DatasetFile, str]], written: dict[str, bytes]) -> None:
    """Replace the objects under ``out/dataset``. Every name that may lie there is noted first, so that a run that is
    killed in the middle leaves nothing that the next cannot name, and no listing is needed.
    """
    folder = storage.join(out, FOLDER)
    place, journal = storage.join(folder, MANIFEST), storage.join(folder, _JOURNAL)
    if storage.exists(place) and storage.read_bytes(place) == written[MANIFEST]:
        s3.delete([journal])
        return
    for entry, source in listed:
        found = s3.head(source)
        if found is None or found.size != entry.bytes:
            raise OSError(f"{source}: is missing or is not the file that was packed")
    before = read_dataset_manifest(out)
    names = {entry.path for entry in before.files} if before is not None else set()
    if storage.exists(journal):
        names.update(msgspec.json.decode(storage.read_bytes(journal), type=list[str]))
    wanted = {entry.path for entry, _ in listed} | written.keys() - {MANIFEST}
    storage.write_bytes(journal, msgspec.json.encode(sorted(names | wanted)))
    s3.delete([place])
    for entry, source in listed:
        target = storage.join(folder, entry.path)
        there = s3.head(target)
        if there is None or (there.size, there.metadata.get("sha256")) != (entry.bytes, entry.sha256):
            s3.copy(source, target)
    for name in sorted(written.keys() - {MANIFEST}):
        storage.write_bytes(storage.join(folder, name), written[name])
    s3.delete(storage.join(folder, name) for name in names - wanted)
    storage.write_bytes(place, written[MANIFEST])
    s3.delete([journal])


def read_dataset_manifest(out: str) -> DatasetManifest | None:
    """Return the manifest of the dataset in ``out``, or None where there is none.

    Raises:
        msgspec.MsgspecError: the file is not a manifest.
    """
    path = storage.join(out, FOLDER, MANIFEST)
    if not storage.exists(path):
        return None
    return msgspec.json.decode(storage.read_bytes(path), type=DatasetManifest)


_CONSENT = """Consent was asked of every page and image: robots.txt, X-Robots-Tag, robots meta tags and
text-and-data-mining reservations. Anything refused was not kept. The evidence is in each sample's JSON."""
_CONSENT_OF_DOWNLOADS = """

This holds for what harubang fetched. Samples whose `source_kind` is `img2dataset` come from a download that was made
before: nobody asked robots.txt or reservations of rights for them here, and their JSON holds no evidence of consent."""


def dataset_card(
    *,
    name: str,
    licence: str,
    root: str,
    samples: int,
    ledger: Ledger,
    concepts: ConceptCounts,
    downloads: bool = False,
) -> str:
    """Return the dataset card (Hugging Face's README with a YAML head). ``downloads``: some images came from one."""
    dropped = "\n".join(f"| {reason} | {number:,} |" for reason, number in sorted(ledger.dropped.items()))
    return f"""---
pretty_name: {name}
language: [ko]
license: {licence}
task_categories: [image-to-text, zero-shot-image-classification]
size_categories: [{_size_category(samples)}]
configs:
- config_name: parquet
  default: true
  data_files: parquet/*.parquet
- config_name: webdataset
  data_files: shards/*.tar
---
# {name}

{samples:,} pairs of an image and a Korean text written for it. Made by harubang from web pages: no text was translated
and no model trained elsewhere decided what was kept.

- `shards/00000.tar …`: WebDataset, `{{key}}.jpg`, `{{key}}.txt`, `{{key}}.json`
- `parquet/00000.parquet …`: the same samples; `image` loads as an Image feature
- `lineage/00000.parquet …`: by key, where and when each sample was found and fetched, and the licences its page names
- `hashes/`: perceptual hashes of the pictures in it, for a later release to leave out what this one has
- `concepts.parquet`: how many samples name each concept of the lexicon, with those that none names
- `manifest.json`: sha256 and samples of every file; root `{root}`

## How it came about
Of {ledger.candidates:,} candidates found, {ledger.kept:,} were kept; every other one has its reason:

| reason | candidates |
|---|---|
{dropped}

{_CONSENT}{_CONSENT_OF_DOWNLOADS if downloads else ""}

## What the captions name
{_concept_lines(concepts)}

## Personal data
Pages are public. A caption may name people. To have a sample removed, name its URL, key or sha256 to whoever
publishes this dataset; the workflow's `select.takedowns` removes it from the next release.
"""


def _concept_lines(concepts: ConceptCounts) -> str:
    met, entries = concepts.met(), Counter(entry.category for entry in concepts.entries)
    rows = [
        f"| {category} | {met[category]:,} of {entries[category]:,} | {samples:,} | "
        + ", ".join(f"{entry.name} {entry.samples:,}" for entry in concepts.most_named(category, _MOST_NAMED))
        + " |"
        for category, samples in concepts.categories.items()
    ]
    says = f"{met.total():,} of the {entries.total():,} concepts in the lexicon. A caption may name several."
    return "\n".join([says, "", "| category | concepts | samples | most named |", "|---|---|---|---|", *rows])


def _size_category(samples: int) -> str:
    for limit, label in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")):
        if samples < limit:
            return label
    return "n>1M"

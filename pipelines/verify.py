"""Verifying an output folder: every byte against its manifest, every sample against its twin, the books."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import concept_counts, storage
from pipelines.concept_counts import facts_of
from pipelines.dataset import FOLDER, MANIFEST, DatasetManifest, read_dataset_manifest, root_of
from pipelines.errors import StageFailed
from pipelines.ledger import Ledger, ledger_of
from pipelines.run import RunRecord, recorded_run
from pipelines.stage import Committed, read_manifest
from schemas.identity import sha256_hex
from schemas.reasons import Stage

_MEMBERS = ("jpg", "txt", "json")


class Verification(NamedTuple):
    """What a check found: the root as recomputed from the bytes, whether all is well, and each thing that is not."""

    root: str
    ok: bool
    problems: list[str]


def verify(out: str) -> Verification:
    """Check the dataset and every committed stage in ``out``.

    Raises:
        InputRefused: ``out`` holds no run.
    """
    record = recorded_run(out)
    problems: list[str] = []
    root = ""
    try:
        manifest = read_dataset_manifest(out)
    except msgspec.MsgspecError as error:
        manifest = None
        problems.append(f"{FOLDER}/{MANIFEST}: not a manifest: {error}")
    if manifest is None:
        problems.append(f"{FOLDER}/{MANIFEST}: there is no dataset; run the workflow to its end")
    else:
        root = _check_dataset(out, manifest, problems)
    problems += _stage_problems(out, record, manifest)
    return Verification(root, not problems, problems)


def _check_dataset(out: str, manifest: DatasetManifest, problems: list[str]) -> str:
    folder = storage.join(out, FOLDER)
    found = []
    for entry in manifest.files:
        if PurePosixPath(entry.path).is_absolute() or ".." in PurePosixPath(entry.path).parts:
            problems.append(f"{FOLDER}/{MANIFEST}: lists {entry.path}, which is no file of the dataset")
            continue
        try:
            size, digest = storage.hash_file(storage.join(folder, entry.path))
        except (FileNotFoundError, IsADirectoryError):
            problems.append(f"{FOLDER}/{entry.path}: is missing")
            continue
        if (size, digest) != (entry.bytes, entry.sha256):
            problems.append(f"{FOLDER}/{entry.path}: its bytes are not those of the manifest")
        found.append(msgspec.structs.replace(entry, bytes=size, sha256=digest))
    listed = {entry.path for entry in manifest.files} | {MANIFEST}
    problems += [
        f"{FOLDER}/{name}: is not in the manifest" for name in storage.files_below(folder) if name not in listed
    ]
    root = root_of(found)
    if root != manifest.root:
        problems.append(f"{FOLDER}/{MANIFEST}: root {manifest.root} but the files give {root}")
    if not manifest.ledger.balanced or manifest.ledger.kept != manifest.samples:
        problems.append(f"{FOLDER}/{MANIFEST}: the ledger keeps {manifest.ledger.kept} of {manifest.samples} samples")
    if not problems:
        problems += _sample_problems(folder, manifest)
    return root


def _sample_problems(folder: str, manifest: DatasetManifest) -> Iterator[str]:
    """Yield what is wrong inside files whose bytes are right."""
    previous = ""
    listed = {entry.path for entry in manifest.files}
    named: Counter[str] = Counter()
    for entry in manifest.files:
        if not entry.path.startswith("shards/"):
            continue
        name = entry.path.replace("shards/", "parquet/").replace(".tar", ".parquet")
        if name not in listed:
            yield f"{FOLDER}/{entry.path}: has no twin {name} in the manifest"
            continue
        with storage.open_to_read(storage.join(folder, name)) as file, pq.ParquetFile(file) as parquet:
            table: pa.Table = parquet.read(columns=["key", "caption", "sha256"])
        twins = {row["key"]: row for row in table.to_pylist()}
        keys = []
        for key, members in _samples(storage.join(folder, entry.path)):
            keys.append(key)
            where = f"{FOLDER}/{entry.path}: {key}"
            if tuple(members) != _MEMBERS:
                yield f"{where}: has {', '.join(members)} and not {', '.join(_MEMBERS)}"
                continue
            metadata = json.loads(members["json"])
            named.update(facts_of(members["json"]).names())
            if sha256_hex(members["jpg"]) != metadata["sha256"]:
                yield f"{where}: the image is not the one its metadata names"
            row = twins.get(key)
            if row is None or (row["caption"], row["sha256"]) != (members["txt"].decode(), metadata["sha256"]):
                yield f"{where}: the Parquet file holds another sample"
            if key <= previous:
                yield f"{where}: out of order"
            previous = key
        if len(keys) != entry.rows or len(twins) != entry.rows:
            yield f"{FOLDER}/{entry.path}: {len(keys)} samples, {len(twins)} rows, {entry.rows} in the manifest"
    yield from _concept_problems(folder, manifest, named)


def _concept_problems(folder: str, manifest: DatasetManifest, named: Counter[str]) -> Iterator[str]:
    """Yield what is wrong in the table of concepts; a dataset of before there was one has none."""
    if not any(entry.path == concept_counts.FILE for entry in manifest.files):
        return
    where = f"{FOLDER}/{concept_counts.FILE}"
    try:
        _, counted = concept_counts.read_table(storage.read_bytes(storage.join(folder, concept_counts.FILE)))
    except ValueError as error:
        yield f"{where}: {error}"
        return
    listed = {row.name: row.samples for row in counted}
    for name in sorted(listed.keys() | named.keys()):
        if listed.get(name, 0) != named[name]:
            yield f"{where}: {name} has {listed.get(name, 0)} samples but {named[name]} name it"


def _samples(path: str) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield (key, members by ending) of a tar, members of one key being neighbours."""
    current = ""
    members: dict[str, bytes] = {}
    with storage.open_to_read(path) as opened, tarfile.open(fileobj=opened) as tar:
        for info in tar:
            key, _, ending = info.name.partition(".")
            if key != current and members:
                yield current, members
                members = {}
            current = key
            file = tar.extractfile(info)
            members[ending] = file.read() if file is not None else b""
    if members:
        yield current, members


def _stage_problems(out: str, record: RunRecord, manifest: DatasetManifest | None) -> Iterator[str]:
    for stage, folder in record.folders.items():
        path = storage.join(out, "stages", folder, "manifest.json")
        name = f"stages/{folder}"
        if not storage.exists(path):
            yield f"{name}: is not committed"
            continue
        try:
            found = Committed(folder=storage.join(out, "stages", folder), manifest=read_manifest(path))
        except StageFailed as error:
            yield str(error)
            continue
        for part in found.manifest.parts:
            place = storage.join(found.folder, part.path)
            if not storage.exists(place):
                yield f"{name}/{part.path}: is missing"
            elif storage.hash_file(place) != (part.size, part.sha256):
                yield f"{name}/{part.path}: its bytes are not those of the manifest"
        if stage == Stage.SELECT and manifest is not None:
            yield from _ledger_problems(ledger_of(found), manifest.ledger, name)


def _ledger_problems(counted: Ledger, published: Ledger, name: str) -> Iterator[str]:
    if counted != published:
        yield f"{name}: its ledger is not the one in {FOLDER}/{MANIFEST}"

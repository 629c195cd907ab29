"""Images that earlier fetch stages of the same output have decoded and stored, looked up by the sha256 of their bytes.

What the decoder made of an image lies beside it in the staging tar, as a member of its own behind the picture. A fetch
stage that has earlier ones begins with a job that writes, from their rows, which bytes are stored where: 28 bytes an
image in files cut by the first bits of the sha256 and sorted by it. A worker maps the files (from an object store,
copies of them), so its memory is that of the system's cache. What is found is verified against the full sha256 of what
came and of what is stored; where either is missing or differs the image is decoded like any other.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import apache_beam as beam
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters.hamming_index import first_bits
from filters.near_duplicates import hash_words
from pipelines import coders, storage
from pipelines.decoded import Decoded
from pipelines.decoder import DecoderPool
from pipelines.exchange import Handle, Slice, group, read_columns, write_columns
from pipelines.hash_columns import read_table
from pipelines.parts import AttemptPlace, Done
from pipelines.stage import KEEP, Attempt, Committed
from pipelines.tar import padded
from pipelines.unit_of_work import count, reported
from schemas.identity import sha256_hex
from schemas.reasons import Outcome

TABLE: Final = "known"
_IMAGES_PER_FILE: Final = 1_000_000
_ROWS_PER_PIECE: Final = 200_000
"""Rows read as one unit of work. Their keys go to every file: of few rows each file would get next to nothing."""
_MAX_BITS: Final = 12
_READ: Final = ["outcome", "raw_sha256", "staging", "staging_offset", "staging_length"]
_KEYS: Final = ["first", "second"]
_PLACES: Final = ["tar", "block", "length"]
_FACTS_BYTES: Final = 4096
"""How far behind a picture its facts are looked for; they take about 2 kB."""
_FACTS: Final = msgspec.msgpack.Decoder(Decoded)
_CHUNK: Final = 1 << 20


class EarlierParts(NamedTuple):
    """Parts of the images of an earlier stage, by their paths, and that stage's folder."""

    folder: str
    paths: list[str]


coders.register(EarlierParts)


class KnownFiles(NamedTuple):
    """Where the files of known images lie, by the first bits of the sha256, and the list of the tars they speak of."""

    tars: str = ""
    files: tuple[str, ...] = ()

    def load(self) -> KnownImages | None:
        """Return the images, None where nothing is known. Files copied from an object store are copied once a process.

        Those on a disk are closed with the unit of work: a network file system cannot remove what is open.
        """
        if not self.files:
            return None
        return _load(self) if storage.is_remote(self.tars) else KnownImages(self)


NOTHING_KNOWN: Final = KnownFiles()


class Place(NamedTuple):
    """Where the bytes of a known image lie: bytes ``offset`` to ``offset + length`` of a tar, its facts behind them."""

    tar: str
    tar_bytes: int
    offset: int
    length: int


def facts_of(decoded: Decoded) -> tuple[str, bytes]:
    """Return what a staging tar has of an image beside its bytes: a name, made of its content, and that content."""
    facts = msgspec.msgpack.encode(decoded._replace(jpeg=b""))
    return f"{sha256_hex(facts)[:32]}.facts", facts


def index_earlier(attempt: Attempt, earlier: Sequence[Committed]) -> KnownFiles:
    """Write which bytes ``earlier`` fetch stages have stored, for this attempt only; nothing where there are none."""
    if not earlier:
        return NOTHING_KNOWN
    place = AttemptPlace(attempt.place.folder, f"{attempt.place.attempt}/exchange")
    parts = [(stage.folder, part) for stage in earlier for part in stage.manifest.table("staging")]
    tars = [(storage.join(folder, part.path), part.size) for folder, part in parts]
    listing = storage.join(place.path, f"{TABLE}.json")
    storage.write_bytes(listing, msgspec.json.encode(tars))
    rows = [piece for stage in earlier for piece in pieces_of(stage)]
    images = sum(stage.manifest.tallies.get(KEEP, 0) for stage in earlier)
    bits = min(_MAX_BITS, (images // _IMAGES_PER_FILE).bit_length())
    done = attempt.run(lambda p: expand(p, rows, place, tars=listing, bits=bits), unit="images", label=TABLE)
    files = [""] * (1 << bits)
    for part in done.parts:
        files[part.partition] = storage.join(place.folder, part.path)
    return KnownFiles(listing, tuple(files))


def pieces_of(stage: Committed) -> list[EarlierParts]:
    """Return the parts of the images of a stage, those of `_ROWS_PER_PIECE` rows together, the last part over it."""
    pieces: list[EarlierParts] = []
    room = 0
    for part in stage.manifest.table("images"):
        if room <= 0:
            pieces.append(EarlierParts(stage.folder, []))
            room = _ROWS_PER_PIECE
        pieces[-1].paths.append(storage.join(stage.folder, part.path))
        room -= part.rows
    return pieces


def expand(
    pipeline: beam.Pipeline, parts: list[EarlierParts], place: AttemptPlace, *, tars: str, bits: int
) -> beam.PCollection[Done]:
    """Wire the job over the parts of images of earlier stages; its files go to ``place``."""
    handles = pipeline | "earlier parts" >> beam.Create(parts) | "spread" >> beam.ParDo(SpreadKnown(place, tars, bits))
    done: beam.PCollection[Done] = group(handles, "by sha256") | "write" >> beam.ParDo(WriteKnown(place))
    return done


class SpreadKnown(beam.DoFn):
    """Spreads the keys and places of the images of some parts over the files."""

    def __init__(self, place: AttemptPlace, tars: str, bits: int) -> None:
        self._place = place
        self._tars = tars
        self._bits = bits

    def process(self, parts: EarlierParts) -> Iterator[Handle]:
        """Yield the handles of their slices."""
        numbers = _numbers(self._tars)
        table = pa.concat_tables(key_table(path, parts.folder, numbers) for path in parts.paths)
        yield from write_columns(self._place.path, table, first_bits(table["first"].to_numpy(), self._bits))


def key_table(path: str, folder: str, tars: dict[str, int]) -> pa.Table:
    """Return of each stored image of a part the first 128 bits of its sha256, and its place by the tar's number."""
    rows = read_table(path, _READ)
    rows = rows.filter(pc.equal(rows["outcome"], Outcome.KEEP.value))
    words = hash_words(rows["raw_sha256"].to_pylist(), 256)
    tar = (tars[storage.join(folder, name)] for name in rows["staging"].to_pylist())
    return pa.table(
        {
            "first": words[:, 0],
            "second": words[:, 1],
            "tar": np.fromiter(tar, np.uint32, rows.num_rows),
            "block": (rows["staging_offset"].to_numpy() // tarfile.BLOCKSIZE).astype(np.uint32),
            "length": rows["staging_length"].to_numpy().astype(np.uint32),
        }
    )


class WriteKnown(beam.DoFn):
    """Writes one file: each key once, in order, at the first of its places."""

    def __init__(self, place: AttemptPlace) -> None:
        self._place = place

    @reported("known")
    def process(self, element: tuple[int, Iterable[Slice]]) -> Iterator[Done]:
        """Write the file."""
        number, slices = element
        table = read_columns(slices)
        assert table is not None
        order = np.lexsort([table[name].to_numpy() for name in reversed(_KEYS + _PLACES)])
        keys = np.stack([table[name].to_numpy()[order] for name in _KEYS])
        new = np.r_[True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)]
        table = table.take(order[new]).combine_chunks()
        with storage.ContentFile(self._place.path) as content:
            with pa.ipc.new_file(content.file, table.schema) as writer:
                writer.write_table(table, max_chunksize=table.num_rows)
            file = content.publish(f"{TABLE}-{number:05d}", ".arrow")
        yield Done([self._place.part(TABLE, number, file, table.num_rows)], [])


@lru_cache(maxsize=1)
def _tars(path: str) -> list[tuple[str, int]]:
    return msgspec.json.decode(storage.read_bytes(path), type=list[tuple[str, int]])


@lru_cache(maxsize=1)
def _numbers(path: str) -> dict[str, int]:
    return {tar: number for number, (tar, _) in enumerate(_tars(path))}


@lru_cache(maxsize=1)
def _load(files: KnownFiles) -> KnownImages:
    return KnownImages(files)


class KnownImages:
    """The images that earlier stages stored. Files are mapped as they are first needed; any thread may ask."""

    def __init__(self, known: KnownFiles) -> None:
        self._known = known
        self._bits = len(known.files).bit_length() - 1
        self._open: dict[int, dict[str, npt.NDArray[np.unsignedinteger]]] = {}

    def find(self, digest: bytes) -> Place | None:
        """Return where the image of this sha256 lies, going by its first 128 bits; None where nothing has these."""
        first, second = (np.uint64(int.from_bytes(digest[at : at + 8], "big")) for at in (0, 8))
        number = int(first) >> (64 - self._bits)
        if not self._known.files[number]:
            return None
        columns = self._open.get(number)
        if columns is None:
            columns = self._open[number] = _mapped(self._known.files[number])
        start, end = (int(np.searchsorted(columns["first"], first, side)) for side in ("left", "right"))
        row = start + int(np.searchsorted(columns["second"][start:end], second))
        if row == end or columns["second"][row] != second:
            return None
        tar, block, length = (int(columns[name][row]) for name in _PLACES)
        path, size = _tars(self._known.tars)[tar]
        return Place(path, size, block * tarfile.BLOCKSIZE, length)


def _mapped(path: str) -> dict[str, npt.NDArray[np.unsignedinteger]]:
    """Return the columns of a file without reading it; one on an object store is copied first."""
    if not storage.is_remote(path):
        return _columns(path)
    with tempfile.NamedTemporaryFile() as copy, storage.open_to_read(path) as file:
        shutil.copyfileobj(file, copy, _CHUNK)
        copy.flush()
        return _columns(copy.name)  # which stays while it is mapped, and goes with the process


def _columns(path: str) -> dict[str, npt.NDArray[np.unsignedinteger]]:
    batch = pa.ipc.open_file(pa.memory_map(path)).get_batch(0)
    return {name: batch.column(name).to_numpy() for name in batch.schema.names}


def recall(place: Place, digest: bytes) -> Decoded | None:
    """Return what was made of the image with the sha256 ``digest``, its bytes too, if it lies at ``place``, whole."""
    wanted = padded(place.length) + _FACTS_BYTES
    try:
        data = storage.read_range(place.tar, place.offset, min(wanted, place.tar_bytes - place.offset))
        behind = data[padded(place.length) :]
        header = tarfile.TarInfo.frombuf(behind[: tarfile.BLOCKSIZE], "ascii", "strict")
        decoded = _FACTS.decode(behind[tarfile.BLOCKSIZE : tarfile.BLOCKSIZE + header.size])
    except (OSError, tarfile.HeaderError, msgspec.DecodeError):
        return None
    decoded = decoded._replace(jpeg=data[: place.length])
    whole = header.name == facts_of(decoded)[0] and sha256_hex(decoded.jpeg) == decoded.stored_sha256
    return decoded if whole and decoded.raw_sha256 == digest.hex() else None


class ImageDecoder:
    """Decodes images, but for those of which an earlier stage has the same bytes: these are ``recalled``."""

    def __init__(self, pool: DecoderPool, known: KnownImages | None) -> None:
        self._pool = pool
        self._known = known
        self.recalled = 0

    async def decode(self, data: bytes) -> Decoded:
        """Return what `DecoderPool.decode` makes of an image, made now or before."""
        if self._known is not None:
            digest = hashlib.sha256(data).digest()
            place = self._known.find(digest)
            found = await asyncio.to_thread(recall, place, digest) if place is not None else None
            if found is not None:
                self.recalled += 1
                return found
        decoded = await self._pool.decode(data)
        count("images_decoded", 0 if decoded.reason else 1)
        return decoded

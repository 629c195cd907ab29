"""One image out of a download that somebody made before: its bytes by the place that `download_shards` noted."""

from __future__ import annotations

import tarfile
from bisect import bisect_right
from collections.abc import Callable
from contextlib import ExitStack
from itertools import accumulate
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from filters.jpeg import with_orientation
from pipelines import storage
from pipelines.download_shards import decode_json, image_column_of, read_json, read_member

_EXIF: Final = "exif"
_TAG: Final = "Image Orientation"
_TURNS: Final = {
    "Mirrored horizontal": 2,
    "Rotated 180": 3,
    "Mirrored vertical": 4,
    "Mirrored horizontal then rotated 90 CCW": 5,
    "Rotated 90 CW": 6,
    "Mirrored horizontal then rotated 90 CW": 7,
    "Rotated 90 CCW": 8,
}
"""How exifread, and with it img2dataset's metadata, names the Exif orientations."""


class StoredImage(NamedTuple):
    """The bytes of an image as they lie there, and the Exif orientation that its metadata says it had, else 1."""

    data: bytes
    orientation: int

    def upright(self) -> bytes:
        """Return the bytes with the orientation that img2dataset lost when it encoded them anew."""
        return with_orientation(self.data, self.orientation)


class _Rows(NamedTuple):
    """An open Parquet file and the first row of each row group, with the group read last."""

    parquet: pq.ParquetFile
    starts: list[int]
    columns: list[str]
    number: int = -1
    table: pa.Table | None = None


class ImageReader:
    """Reads images by place. A context manager; the file and row group read last stay open: sort what you ask for."""

    def __init__(self, max_bytes: int) -> None:
        self._limit = max_bytes + 1  # the decoder refuses what is longer, and says so
        self._open = ExitStack()
        self._path = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def read(self, path: str, offset: int | None) -> StoredImage:
        """Return the image at a place. Of one longer than the limit, a byte more than the limit.

        Raises:
            OSError: there is no image, or it breaks off.
        """
        try:
            if offset is None:
                return self._from_file(path)
            if path != self._path:
                self._turn_to(path)
            return self._from_row(offset) if path.endswith(".parquet") else self._from_tar(offset)
        except (tarfile.TarError, pa.ArrowException, ValueError) as error:
            raise OSError(f"{type(error).__name__}: {error}"[:200]) from error

    def _turn_to(self, path: str) -> None:
        self._open.close()
        self._path = ""
        self._file = self._open.enter_context(storage.open_to_read(path))
        if path.endswith(".parquet"):
            self._rows = _rows_of(self._open.enter_context(pq.ParquetFile(self._file)))
        self._path = path

    def _from_file(self, path: str) -> StoredImage:
        with storage.open_to_read(path) as file:
            data = file.read(self._limit)
        return StoredImage(data, _orientation(lambda: read_json(f"{path.rpartition('.')[0]}.json", None)))

    def _from_tar(self, offset: int) -> StoredImage:
        self._file.seek(offset)
        tar = tarfile.open(fileobj=self._file, mode="r:")  # noqa: SIM115  # the file stays open
        member = tar.next()
        data = read_member(tar, member, self._limit)
        return StoredImage(data, _orientation(lambda: _metadata_after(tar, member)))

    def _from_row(self, row: int) -> StoredImage:
        rows = self._rows
        number = bisect_right(rows.starts, row) - 1
        if number != rows.number:
            table = rows.parquet.read_row_group(number, columns=rows.columns)
            rows = self._rows = rows._replace(number=number, table=table)
        assert rows.table is not None
        record: dict[str, Any] = next(iter(rows.table.slice(row - rows.starts[number], 1).to_pylist()), {})
        data = record.get(rows.columns[0])
        if not data:
            raise OSError(f"row {row} holds no image")
        return StoredImage(data[: self._limit], _orientation(lambda: record))


def _rows_of(parquet: pq.ParquetFile) -> _Rows:
    metadata = parquet.metadata
    sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    column = image_column_of(parquet)
    if not column:
        raise OSError("the table holds no images")
    columns = [column, _EXIF] if _EXIF in parquet.schema_arrow.names else [column]
    return _Rows(parquet, [0, *accumulate(sizes)][:-1], columns)


def _metadata_after(tar: tarfile.TarFile, image: tarfile.TarInfo | None) -> dict[str, Any]:
    """Return the JSON that follows an image in its sample, as webdataset writes them."""
    member = tar.next()
    if image is None or member is None or member.name != f"{image.name.rpartition('.')[0]}.json":
        return {}
    return decode_json(read_member(tar, member, member.size))


def _orientation(metadata: Callable[[], dict[str, Any]]) -> int:
    """Return what the ``exif`` text of a row says of the orientation; 1 where there is none that can be read."""
    try:
        text = metadata().get(_EXIF)
        return _TURNS.get(str(decode_json(text.encode()).get(_TAG)), 1) if isinstance(text, str) else 1
    except (OSError, tarfile.TarError, ValueError):
        return 1  # the picture is whole all the same

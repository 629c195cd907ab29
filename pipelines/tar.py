"""Tar files that are the same bytes for the same members: USTAR, fixed times, owners and modes."""

from __future__ import annotations

import tarfile
from typing import IO


class TarWriter:
    """Appends members to a tar; each `add` tells where the member's bytes lie.

    Nothing of a member is remembered, as `tarfile.TarFile` does of each.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._offset = 0

    def _write(self, data: bytes, block: int) -> None:
        self._file.write(data)
        self._file.write(bytes(-len(data) % block))
        self._offset += -(-len(data) // block) * block

    def add(self, name: str, data: bytes) -> int:
        """Append ``data`` as ``name`` (ASCII, at most 100 characters) and return the offset of its first byte."""
        info = tarfile.TarInfo(name)
        info.size = len(data)
        info.mode = 0o644
        self._write(info.tobuf(tarfile.USTAR_FORMAT), tarfile.BLOCKSIZE)
        offset = self._offset
        self._write(data, tarfile.BLOCKSIZE)
        return offset

    def close(self) -> None:
        """Write the end of the archive: two empty blocks, and what fills a record."""
        self._write(bytes(2 * tarfile.BLOCKSIZE), tarfile.BLOCKSIZE)
        self._file.write(bytes(-self._offset % tarfile.RECORDSIZE))

"""Tar files that are the same bytes for the same members: USTAR, fixed times, owners and modes."""

from __future__ import annotations

import io
import tarfile
from typing import IO


class TarWriter:
    """Appends members to a tar; each `add` tells where the member's bytes lie."""

    def __init__(self, file: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - closed by close

    def add(self, name: str, data: bytes) -> int:
        """Append ``data`` as ``name`` (ASCII, at most 100 characters) and return the offset of its first byte."""
        info = tarfile.TarInfo(name)
        info.size = len(data)
        info.mode = 0o644
        offset = self._tar.offset + len(info.tobuf(tarfile.USTAR_FORMAT))
        self._tar.addfile(info, io.BytesIO(data))
        return offset

    def close(self) -> None:
        """Write the end of the archive."""
        self._tar.close()

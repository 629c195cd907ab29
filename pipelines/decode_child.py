"""The decoder process: reads images from stdin, answers on stdout, and limits itself. Started by `pipelines.decoder`.

A frame is a little-endian 32-bit length and that many bytes. A request is the image; the answer is a msgpack
`Decoded`. The first frame out, empty, says that the process is ready. It ends when stdin ends, so it never outlives
its parent by more than one image.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
import warnings
from pathlib import Path
from typing import BinaryIO, Final

import cv2
import msgspec
import numpy as np
import simplejpeg
from PIL import Image

from pipelines.decoded import Decoded, ImageSettings
from pipelines.pixels import process
from schemas.identity import sha256_hex
from schemas.reasons import Reason

LENGTH: Final = struct.Struct("<I")
GRACE_SECONDS: Final = 1.0
"""The parent's deadline comes first; this process's own alarm is for when the parent is gone."""


def main() -> None:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes our stdin
    settings = msgspec.json.decode(sys.argv[1], type=ImageSettings)
    requests = sys.stdin.buffer
    with os.fdopen(os.dup(1), "wb", buffering=0) as answers:
        os.dup2(2, 1)  # nothing a library prints may reach the answers
        _warm_up(settings)
        _limit(settings)
        _send(answers, b"")
        _serve(requests, answers, settings)


def _serve(requests: BinaryIO, answers: BinaryIO, settings: ImageSettings) -> None:
    while (head := requests.read(LENGTH.size)) and len(head) == LENGTH.size:
        (size,) = LENGTH.unpack(head)
        data = requests.read(size)
        if len(data) != size:
            return
        signal.setitimer(signal.ITIMER_REAL, settings.decode_seconds + GRACE_SECONDS)
        answer, healthy = _answer(data, settings)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(answers, answer)
        if not healthy:
            return


def _answer(data: bytes, settings: ImageSettings) -> tuple[bytes, bool]:
    """Return the answer's frame, and whether the process is fit for another image."""
    try:
        return msgspec.msgpack.encode(process(data, settings)), True
    except MemoryError:
        reason, detail = Reason.DECODER_CRASHED, "MemoryError"
    except cv2.error as error:
        if error.code != cv2.Error.StsNoMem:
            reason, detail = Reason.RECORD_RAISED, f"cv2.error: {error}"
        else:
            reason, detail = Reason.DECODER_CRASHED, "MemoryError"
    except Exception as error:  # noqa: BLE001  # a fault of ours must not cost the run; it is in the ledger
        reason, detail = Reason.RECORD_RAISED, f"{type(error).__name__}: {error}"
    lost = Decoded(reason=reason, detail=detail[:200], raw_sha256=sha256_hex(data))
    return msgspec.msgpack.encode(lost), False


def _send(answers: BinaryIO, frame: bytes) -> None:
    view = memoryview(LENGTH.pack(len(frame)) + frame)
    while view:
        view = view[answers.write(view) :]


def _warm_up(settings: ImageSettings) -> None:
    """Take the path once, so that what libraries allocate for good is in the baseline of the memory limit."""
    cv2.setNumThreads(1)
    Image.MAX_IMAGE_PIXELS = settings.max_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.preinit()
    process(simplejpeg.encode_jpeg(np.zeros((64, 64, 3), np.uint8)), settings)


def _limit(settings: ImageSettings) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":  # elsewhere the limit is not enforced, and there is no statm to read
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + settings.memory_mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main()

"""Image files with Content Credentials, written as the standards say: JUMBF, CBOR, each format's place."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

UUID_TAIL = bytes.fromhex("00110010800000aa00389b71")


def cbor(value) -> bytes:
    def head(major, number):
        if number < 24:
            return bytes([major << 5 | number])
        size = next(n for n in range(4) if number < 256 ** (1 << n))
        return bytes([major << 5 | 24 + size]) + number.to_bytes(1 << size, "big")

    if isinstance(value, bool) or value is None:
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def superbox(kind: bytes, label: str, *content: bytes) -> bytes:
    description = kind + UUID_TAIL + b"\x03" + label.encode() + b"\0"
    return box(b"jumb", box(b"jumd", description) + b"".join(content))


def assertion(label: str, value, *, kind: bytes = b"cbor") -> bytes:
    return superbox(kind, label, box(kind, value if isinstance(value, bytes) else cbor(value)))


def training_mining(label: str = "c2pa.training-mining", **uses: str) -> bytes:
    """An assertion of entries, named without the label's own prefix: ``ai_training="notAllowed"``."""
    prefix = label.partition(".")[0]
    return assertion(label, {"entries": {f"{prefix}.{name}": {"use": use} for name, use in uses.items()}})


def manifest(*assertions: bytes, label: str = "urn:uuid:1") -> bytes:
    other = assertion("c2pa.hash.data", {"alg": "sha256", "hash": b"\x01" * 32, "pad": b"\0" * 8})
    claim = superbox(b"c2cl", "c2pa.claim", box(b"cbor", cbor({"dc:title": "사진", "claim_generator": "test"})))
    return superbox(b"c2ma", label, superbox(b"c2as", "c2pa.assertions", *assertions, other), claim)


def store(*manifests: bytes) -> bytes:
    return superbox(b"c2pa", "c2pa", *manifests)


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(out, kind)
    return out.getvalue()


def in_jpeg(stored: bytes, *, packet: int = 60_000) -> bytes:
    plain = picture("JPEG")
    pieces = [stored[at : at + packet] for at in range(8, len(stored), packet)] or [b""]
    segments = b""
    for number, piece in enumerate(pieces, 1):
        payload = b"JP" + struct.pack(">HI", 1, number) + stored[:8] + piece
        segments += b"\xff\xeb" + struct.pack(">H", 2 + len(payload)) + payload
    return plain[:2] + segments + plain[2:]


def in_png(stored: bytes) -> bytes:
    plain = picture("PNG")
    chunk = b"caBX" + stored
    return plain[:33] + struct.pack(">I", len(stored)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + plain[33:]


def in_webp(stored: bytes) -> bytes:
    # The chunk is put behind the picture; Pillow writes a simple file, which decoders read with chunks after it.
    plain = picture("WEBP")
    chunk = b"C2PA" + struct.pack("<I", len(stored)) + stored + b"\0" * (len(stored) % 2)
    return b"RIFF" + struct.pack("<I", len(plain) - 8 + len(chunk)) + plain[8:] + chunk


def in_gif(stored: bytes) -> bytes:
    plain = picture("GIF")
    blocks = b"".join(bytes([len(p)]) + p for p in (stored[at : at + 255] for at in range(0, len(stored), 255)))
    return plain[:-1] + b"\x21\xff\x0bC2PA_GIF\x01\x00\x00" + blocks + b"\0" + plain[-1:]


def in_avif(stored: bytes) -> bytes:
    plain = picture("AVIF")
    size = int.from_bytes(plain[:4], "big")
    content = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + b"\0\0\0\0manifest\0" + b"\0" * 8 + stored
    return plain[:size] + box(b"uuid", content) + plain[size:]


IN = {"JPEG": in_jpeg, "PNG": in_png, "WEBP": in_webp, "GIF": in_gif, "AVIF": in_avif}

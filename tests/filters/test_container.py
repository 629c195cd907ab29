import io

import pytest
from PIL import Image

from filters.container import KNOWN_FORMATS, declared_size, sniff


def saved(kind, size=(37, 19), **options):
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", KNOWN_FORMATS)
def test_each_format_is_known_by_its_bytes(kind):
    assert sniff(saved(kind)) == kind


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xd8", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<!doctype html>", b"RIFF\0\0\0\0WAVE", b"%PDF"],
)
def test_everything_else_is_unknown(data):
    assert sniff(data) == ""


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("GIF", {}), ("WEBP", {}), ("WEBP", {"lossless": True}), ("WEBP", {"exif": b"Exif\0\0II*\0"})],
)
@pytest.mark.parametrize("size", [(37, 19), (1, 1), (300, 2)])
def test_declared_sides_are_those_pillow_sees(kind, options, size):
    assert declared_size(saved(kind, size, **options), kind) == size


def test_a_format_that_declares_them_elsewhere_gives_none():
    assert declared_size(saved("JPEG"), "JPEG") is None


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_a_cut_off_header_is_refused(kind):
    data = saved(kind)
    shortest = {"PNG": 8, "GIF": 6, "WEBP": 12}[kind]
    for end in range(shortest, shortest + 4):
        with pytest.raises(ValueError, match=r"cut off|without"):
            declared_size(data[:end], kind)


def test_a_header_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="IHDR"):
        declared_size(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIDAT" + bytes(20), "PNG")
    with pytest.raises(ValueError, match="start code"):
        declared_size(b"RIFF\0\0\0\0WEBPVP8 " + bytes(20), "WEBP")
    with pytest.raises(ValueError, match="image chunk"):
        declared_size(b"RIFF\0\0\0\0WEBPEXIF" + bytes(20), "WEBP")
    with pytest.raises(ValueError, match="cut off"):
        declared_size(b"RIFF\0\0\0\0WEBPVP8X" + bytes(10), "WEBP")

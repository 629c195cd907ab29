import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from filters.jpeg import MAX_SEGMENTS, read_header, strip_metadata, with_orientation

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def picture(mode="RGB", size=(40, 24)):
    gradient = np.add.outer(np.arange(size[1]) * 5, np.arange(size[0]) * 3).astype(np.uint8)
    channels = (gradient, gradient[::-1], 255 - gradient)
    return Image.fromarray(np.stack(channels, -1)).convert(mode)


def jpeg(mode="RGB", **options):
    out = io.BytesIO()
    picture(mode).save(out, "JPEG", **options)
    return out.getvalue()


def exif_bytes(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SAMSUNG"
    exif.get_ifd(0x8825)[1] = "N"
    return exif.tobytes()


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def segment(marker, payload):
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def with_segments(data, *segments):
    return data[:2] + b"".join(segments) + data[2:]


def test_a_baseline_header_is_read():
    header = read_header(jpeg())
    assert (header.width, header.height, header.components, header.precision) == (40, 24, 3, 8)
    assert (header.process, header.scans, header.orientation, header.adobe_transform) == (0xC0, 1, 1, -1)
    assert header.icc == b""


def test_a_progressive_header_counts_its_scans():
    header = read_header(jpeg(progressive=True))
    assert header.process == 0xC2
    assert header.scans == 10


def test_grey_and_cmyk_have_one_and_four_components():
    assert read_header(jpeg("L")).components == 1
    assert read_header(jpeg("CMYK")).components == 4
    assert read_header(jpeg("CMYK")).adobe_transform == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_read(orientation):
    assert read_header(jpeg(exif=exif_bytes(orientation))).orientation == orientation


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_read_in_both_byte_orders(order):
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0)
    assert read_header(with_segments(jpeg(), segment(0xE1, b"Exif\0\0" + tiff))).orientation == 6


@pytest.mark.parametrize(
    "tiff",
    [
        b"",
        b"II*\0",
        b"XX*\0\x08\0\0\0",
        b"II*\0\xff\xff\xff\x7f",
        b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, 9, 0),
        b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, 0, 0),
        b"II*\0" + struct.pack("<IHHHIHH", 8, 65535, 0x0110, 3, 1, 6, 0),
    ],
)
def test_a_broken_orientation_is_upright(tiff):
    assert read_header(with_segments(jpeg(), segment(0xE1, b"Exif\0\0" + tiff))).orientation == 1


def test_a_profile_in_two_chunks_is_joined_in_order():
    data = with_segments(
        jpeg(), segment(0xE2, b"ICC_PROFILE\0\x02\x02" + b"second"), segment(0xE2, b"ICC_PROFILE\0\x01\x02" + b"first")
    )
    assert read_header(data).icc == b"firstsecond"


def test_a_profile_with_a_chunk_missing_is_none():
    assert read_header(with_segments(jpeg(), segment(0xE2, b"ICC_PROFILE\0\x02\x02second"))).icc == b""


def test_metadata_goes_and_the_picture_stays_bit_for_bit():
    data = jpeg(
        exif=exif_bytes(6), icc_profile=PROFILE, comment="비밀", xmp=b"<x:xmpmeta/>", quality=90, progressive=True
    )
    data = with_segments(data, segment(0xED, b"Photoshop 3.0\0"), segment(0xE0, b"JFXX\0\x10thumb")) + b"trailing video"
    stripped = strip_metadata(data, read_header(data))
    for word in (b"Exif", b"ICC_PROFILE", b"xmpmeta", b"Photoshop", b"JFXX", b"video", "비밀".encode(), b"SAMSUNG"):
        assert word in data
        assert word not in stripped
    assert np.array_equal(pixels(stripped), pixels(data))
    scan = data.index(b"\xff\xda")
    assert stripped.endswith(data[scan : data.index(b"\xff\xd9", scan) + 2])
    image = Image.open(io.BytesIO(stripped))
    assert not image.getexif()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "progressive", "progression"}


def test_the_jfif_thumbnail_goes():
    plain = jpeg()
    end = 2 + 2 + int.from_bytes(plain[4:6], "big")
    thumbnail = segment(0xE0, plain[6:18] + b"\x01\x01" + b"RGB")
    data = plain[:2] + thumbnail + plain[end:]
    assert strip_metadata(data, read_header(data)) == plain


def test_adobes_colour_transform_stays():
    data = jpeg("CMYK")
    stripped = strip_metadata(data, read_header(data))
    assert np.array_equal(pixels(stripped), pixels(data))
    assert read_header(stripped).adobe_transform == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_is_written_and_the_picture_stays(orientation):
    data = with_orientation(jpeg(), orientation)
    assert read_header(data).orientation == orientation
    assert Image.open(io.BytesIO(data)).getexif().get(0x0112, 1) == orientation
    assert np.array_equal(pixels(data), pixels(jpeg()))


@pytest.mark.parametrize("data", [jpeg(exif=exif_bytes(3)), b"\xff\xd8 torn", b"no JPEG", b""])
def test_an_orientation_is_not_written_over_another_or_into_what_is_no_jpeg(data):
    assert with_orientation(data, 6) == data


def test_stripping_twice_changes_nothing():
    data = jpeg(exif=exif_bytes(3))
    once = strip_metadata(data, read_header(data))
    assert strip_metadata(once, read_header(once)) == once


def test_the_scan_parameters_of_a_sequential_file_are_put_right():
    good = jpeg()
    scan = good.index(b"\xff\xda")
    last = scan + 2 + int.from_bytes(good[scan + 2 : scan + 4], "big")
    odd = good[: last - 3] + b"\x00\x00\x00" + good[last:]
    assert strip_metadata(odd, read_header(odd)) == good


def test_junk_and_fill_between_segments_are_passed_over():
    data = jpeg()
    for junk in (b"\xff\xff", b"\x00junk\xff\x00"):
        assert strip_metadata(data[:2] + junk + data[2:], read_header(data[:2] + junk + data[2:])) == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no start of image"),
        (b"GIF89a", "no start of image"),
        (b"\xff\xd8", "no end of image"),
        (b"\xff\xd8\xff\xd9", "0 frame headers"),
        (b"\xff\xd8\xff\xe0\x00\x01\xff\xd9", "cut off inside a segment"),
        (b"\xff\xd8\xff\xe0\xff\xff\xff\xd9", "cut off inside a segment"),
        (b"\xff\xd8" + segment(0xC0, b"\x08\0\x01\0\x01\x01\x01\x11\0") + b"\xff\xd9", "no scan"),
        (b"\xff\xd8" + segment(0xC0, b"\x08") + segment(0xDA, b"") + b"\xff\xd9", "frame header too short"),
    ],
)
def test_what_is_no_whole_jpeg_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        read_header(data)


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_cut_off_file_is_refused(keep):
    data = jpeg()
    with pytest.raises(ValueError, match=r"cut off|no end"):
        read_header(data[: int(len(data) * keep)])


def test_two_frames_are_refused():
    data = jpeg()
    frame = data.index(b"\xff\xc0")
    with pytest.raises(ValueError, match="2 frame headers"):
        read_header(data[:2] + data[frame : frame + 19] + data[2:])


def test_a_file_of_empty_segments_is_refused():
    with pytest.raises(ValueError, match=f"over {MAX_SEGMENTS} segments"):
        read_header(with_segments(jpeg(), *[segment(0xFE, b"")] * (MAX_SEGMENTS + 1)))


GOOD = jpeg(exif=exif_bytes(6), icc_profile=PROFILE, progressive=True)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.integers(0, len(GOOD)))
def test_any_mutant_is_read_or_refused(position, value, end):
    mutant = bytearray(GOOD)
    mutant[position] = value
    data = bytes(mutant[:end])
    try:
        header = read_header(data)
    except ValueError:
        return
    assert 1 <= header.orientation <= 8
    assert strip_metadata(data, header).startswith(b"\xff\xd8")

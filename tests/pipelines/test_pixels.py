import io
import zlib

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from filters.jpeg import read_header, strip_metadata
from pipelines.decoded import ImageSettings
from pipelines.pixels import encode, oriented, process, resized
from schemas.identity import sha256_hex
from schemas.reasons import Reason
from schemas.records import Consent
from tests.content_credentials import in_png, manifest, store, training_mining

SETTINGS = ImageSettings()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def scene(width=320, height=200):
    """A smooth picture that is different in every corner, so that a turn or a flip shows."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    channels = (230 * across, 230 * down, 120 + 100 * np.sin(9 * across * down))
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def shown(decoded):
    image = Image.open(io.BytesIO(decoded.jpeg))
    assert (image.format, image.mode) == ("JPEG", "RGB")
    return np.asarray(image, np.int16)


def psnr(one, other):
    return 10 * np.log10(255**2 / max(1e-9, np.mean((np.asarray(one, float) - np.asarray(other, float)) ** 2)))


def oriented_exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def test_a_small_jpeg_is_kept_bit_for_bit_and_recorded():
    data = saved(scene(), "JPEG", quality=80)
    decoded = process(data, SETTINGS)
    assert decoded.reason == decoded.detail == ""
    assert decoded.jpeg == strip_metadata(data, read_header(data))
    assert not decoded.reencoded
    assert (decoded.width, decoded.height) == (decoded.original_width, decoded.original_height) == (320, 200)
    assert (decoded.raw_format, decoded.orientation, decoded.frames) == ("JPEG", 1, 1)
    assert decoded.raw_sha256 == sha256_hex(data)
    assert decoded.stored_sha256 == sha256_hex(decoded.jpeg)
    image = Image.open(io.BytesIO(decoded.jpeg))
    assert (decoded.phash, decoded.dhash) == (str(imagehash.phash(image)), str(imagehash.dhash(image)))
    assert decoded.scores[0] == ("short_side", 200.0)


@pytest.mark.parametrize("size", [(512, 300), (300, 512), (512, 512)])
def test_the_largest_side_itself_is_not_resized(size):
    decoded = process(saved(scene(*size), "JPEG"), SETTINGS)
    assert not decoded.reencoded
    assert (decoded.width, decoded.height) == size


@pytest.mark.parametrize(
    ("size", "stored"),
    [((513, 300), (512, 299)), ((800, 601), (512, 385)), ((601, 800), (385, 512)), ((2000, 1), (512, 1))],
)
def test_larger_pictures_shrink_in_proportion(size, stored):
    decoded = process(saved(scene(*size), "JPEG"), SETTINGS)
    assert decoded.reencoded
    assert (decoded.width, decoded.height) == stored == Image.open(io.BytesIO(decoded.jpeg)).size
    assert (decoded.original_width, decoded.original_height) == size


def test_a_large_jpeg_equals_opencvs_way():
    rough = np.random.default_rng(3).integers(0, 256, (75, 100, 3), dtype=np.uint8)
    data = saved(Image.fromarray(rough).resize((1000, 750), Image.Resampling.BICUBIC), "JPEG", quality=90)
    reference = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    reference = cv2.resize(reference, (512, 384), interpolation=cv2.INTER_AREA)
    reference = cv2.imdecode(cv2.imencode(".jpg", reference, [cv2.IMWRITE_JPEG_QUALITY, 95])[1], cv2.IMREAD_COLOR)
    assert psnr(shown(process(data, SETTINGS)), reference[..., ::-1]) > 43


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(320, 200), (900, 600)])
def test_orientation_is_applied(orientation, size):
    data = saved(scene(*size), "JPEG", quality=95, exif=oriented_exif(orientation))
    decoded = process(data, SETTINGS)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert (decoded.original_width, decoded.original_height) == upright.size
    assert decoded.orientation == orientation
    assert decoded.reencoded == (orientation != 1 or max(size) > 512)
    assert psnr(shown(decoded), upright.resize((decoded.width, decoded.height), Image.Resampling.BOX)) > 30
    assert b"Exif" not in decoded.jpeg


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_orientation_of_other_formats_is_applied_too(kind):
    decoded = process(saved(scene(), kind, exif=oriented_exif(6), lossless=True), SETTINGS)
    assert (decoded.orientation, decoded.width, decoded.height) == (6, 200, 320)


def test_oriented_is_pillows_for_every_value():
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    for orientation in range(1, 9):
        image = Image.fromarray(pixels)
        image.getexif()[0x0112] = orientation
        assert np.array_equal(oriented(pixels, orientation), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("PNG", "LA"), ("WEBP", "RGBA"), ("GIF", "RGBA")])
def test_what_is_transparent_is_white(kind, mode):
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 32, 64))
    decoded = process(saved(image.convert(mode), kind, lossless=True), SETTINGS)
    pixels = shown(decoded)
    assert pixels[:, 40:].min() > 245
    assert pixels[:, :24].max() < 10


def test_half_transparent_is_half_white():
    decoded = process(saved(Image.new("RGBA", (64, 64), (0, 0, 0, 128)), "PNG"), SETTINGS)
    assert abs(shown(decoded) - 127).max() <= 2


def test_a_transparent_colour_of_a_png_is_white():
    image = Image.new("RGB", (64, 64), (10, 20, 30))
    decoded = process(saved(image, "PNG", transparency=(10, 20, 30)), SETTINGS)
    assert shown(decoded).min() > 250


@pytest.mark.parametrize("mode", ["1", "L", "P"])
@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_grey_and_palette_have_three_channels(mode, kind):
    image = scene().convert(mode)
    decoded = process(saved(image, kind), SETTINGS)
    assert psnr(shown(decoded), image.convert("RGB")) > 20
    assert decoded.reencoded


def test_a_grey_jpeg_is_encoded_anew_in_three_components():
    decoded = process(saved(scene().convert("L"), "JPEG"), SETTINGS)
    assert decoded.reencoded
    assert psnr(shown(decoded), scene().convert("L").convert("RGB")) > 40


def test_sixteen_bits_keep_their_range():
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (64, 1))
    pixels = shown(process(saved(Image.fromarray(ramp), "PNG"), SETTINGS))
    assert abs(pixels[..., 0] - np.arange(256)).max() <= 2


def test_sixteen_bit_colour_keeps_its_range():
    ramp = np.zeros((64, 256, 3), np.uint16)
    ramp[..., 0] = np.linspace(0, 65535, 256)
    data = cv2.imencode(".png", ramp[..., ::-1])[1].tobytes()
    pixels = shown(process(data, SETTINGS))
    assert abs(pixels[..., 0] - np.arange(256)).mean() < 3


def test_cmyk_is_shown_as_pillow_shows_it():
    data = saved(scene().convert("CMYK"), "JPEG", quality=95)
    decoded = process(data, SETTINGS)
    assert decoded.reencoded
    assert psnr(shown(decoded), Image.open(io.BytesIO(data)).convert("RGB")) > 35
    assert psnr(shown(decoded), scene()) > 30


def test_an_srgb_profile_does_not_cost_an_encoding():
    decoded = process(saved(scene(), "JPEG", icc_profile=SRGB), SETTINGS)
    assert not decoded.reencoded
    assert b"ICC_PROFILE" not in decoded.jpeg


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_another_profile_is_applied(kind):
    profile = bytearray(SRGB)
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    decoded = process(saved(Image.new("RGB", (64, 64), (255, 0, 0)), kind, icc_profile=bytes(profile)), SETTINGS)
    assert decoded.reencoded
    assert shown(decoded)[0, 0, 2] > 200
    assert b"ICC_PROFILE" not in decoded.jpeg


def test_metadata_of_other_formats_does_not_come_along():
    data = saved(scene(), "PNG", exif=oriented_exif(1), icc_profile=SRGB)
    assert set(Image.open(io.BytesIO(process(data, SETTINGS).jpeg)).info) <= {
        "jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_stored_and_all_are_counted(kind):
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "lime", "blue")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100, lossless=True)
    decoded = process(data, SETTINGS)
    assert decoded.frames == 3
    assert abs(shown(decoded)[20, 20] - (255, 0, 0)).max() <= 3


def test_an_animation_broken_after_its_first_frame_keeps_it():
    rough = [Image.fromarray(np.random.default_rng(n).integers(0, 256, (64, 64), dtype=np.uint8)) for n in range(3)]
    data = saved(rough[0], "GIF", save_all=True, append_images=rough[1:])
    decoded = process(data[: len(data) * 2 // 3], SETTINGS)
    assert decoded.reason == ""
    assert 1 <= decoded.frames <= 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!doctype html><title>404</title>",
        saved(scene(), "BMP"),
        saved(scene(), "TIFF"),
        saved(scene(), "AVIF"),
        saved(scene(), "ICO"),
    ],
)
def test_formats_off_the_list_are_refused(data):
    decoded = process(data, SETTINGS)
    assert decoded.reason == Reason.IMAGE_FORMAT_REFUSED
    assert decoded.detail == (decoded.raw_format or "unknown content")
    assert decoded.jpeg == b""
    assert decoded.raw_sha256 == sha256_hex(data)


@pytest.mark.parametrize("kind", ["AVIF", "BMP", "TIFF"])
def test_formats_on_the_list_are_read(kind):
    decoded = process(saved(scene(), kind), ImageSettings(formats=(kind,)))
    assert (decoded.reason, decoded.raw_format, decoded.width) == ("", kind, 320)
    assert process(saved(scene(), "JPEG"), ImageSettings(formats=(kind,))).reason == Reason.IMAGE_FORMAT_REFUSED


def png_header(width, height):
    chunk = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + chunk + zlib.crc32(chunk).to_bytes(4, "big")


@pytest.mark.parametrize("side", [(20_000, 1), (1, 16_385), (10_000, 5_001), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_by_the_header_alone(side):
    decoded = process(png_header(*side), SETTINGS)
    assert decoded.reason == Reason.IMAGE_TOO_MANY_PIXELS
    assert decoded.detail == f"declares {side[0]}x{side[1]}"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF"])
def test_pixels_at_the_limit_are_taken_and_one_more_is_not(kind):
    data = saved(scene(100, 60), kind)
    settings = {"formats": (kind,), "max_side": 64}
    assert process(data, ImageSettings(**settings, max_pixels=6000, max_dimension=100)).reason == ""
    for limit in ({"max_pixels": 5999}, {"max_dimension": 99}):
        assert process(data, ImageSettings(**settings, **limit)).reason == Reason.IMAGE_TOO_MANY_PIXELS


def test_a_progressive_file_may_not_ask_for_many_passes():
    data = saved(scene(100, 60), "JPEG", progressive=True)  # 10 scans
    assert process(data, ImageSettings(max_pixels=6000)).reason == ""
    scan = data.rindex(b"\xff\xda")
    many = data[:scan] + data[scan:-2] * 12 + b"\xff\xd9"
    decoded = process(many, ImageSettings(max_pixels=6000))
    assert (decoded.reason, decoded.detail) == (Reason.IMAGE_TOO_MANY_PIXELS, "declares 100x60 in 21 scans")


def test_a_file_over_the_limit_is_refused():
    data = saved(scene(), "JPEG")
    assert process(data, ImageSettings(max_bytes=len(data))).reason == ""
    decoded = process(data, ImageSettings(max_bytes=len(data) - 1))
    assert (decoded.reason, decoded.detail) == (Reason.BODY_TOO_LARGE, f"{len(data)} bytes")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("keep", [0.05, 0.5, 0.95])
def test_a_cut_off_file_is_refused(kind, keep):
    rough = Image.fromarray(np.random.default_rng(1).integers(0, 256, (120, 160, 3), dtype=np.uint8))
    data = saved(rough, kind)
    decoded = process(data[: int(len(data) * keep)], SETTINGS)
    assert decoded.reason == Reason.IMAGE_UNDECODABLE
    assert decoded.detail != ""


def test_a_jpeg_closed_too_early_is_refused():
    data = saved(scene(), "JPEG")
    decoded = process(data[: len(data) // 2] + b"\xff\xd9", SETTINGS)
    assert (decoded.reason, decoded.detail) == (
        Reason.IMAGE_UNDECODABLE,
        "Corrupt JPEG data: premature end of data segment",
    )


def test_damage_inside_a_scan_is_refused():
    data = bytearray(saved(scene(), "JPEG"))
    start = data.index(b"\xff\xda") + 200
    data[start : start + 64] = bytes(range(1, 65))
    assert process(bytes(data), SETTINGS).reason == Reason.IMAGE_UNDECODABLE


def test_the_answer_is_the_same_each_time():
    data = saved(scene(900, 700), "PNG")
    assert process(data, SETTINGS) == process(data, SETTINGS)


def test_resized_and_encoded_alone():
    pixels = np.asarray(scene(600, 300))
    assert resized(pixels, 600) is pixels
    assert resized(pixels, 599).shape == (300, 599, 3)
    assert encode(pixels, 50) != encode(pixels, 95)


def test_what_an_image_says_of_its_own_use_is_heard_before_it_is_decoded():
    refused = process(in_png(store(manifest(training_mining(ai_training="constrained")))), ImageSettings())
    assert (refused.reason, refused.detail, refused.jpeg, refused.phash) == (Reason.OPTED_OUT, "c2pa", b"", "")
    assert (refused.raw_format, len(refused.raw_sha256)) == ("PNG", 64)
    (said,) = refused.consent
    assert said == Consent("c2pa", 'c2pa.training-mining {"c2pa.ai_training":"constrained"}', allowed=False)
    allowed = process(in_png(store(manifest(training_mining(ai_training="allowed")))), ImageSettings())
    assert (allowed.reason, [said.allowed for said in allowed.consent]) == ("", [True])
    unread = ImageSettings(formats=("JPEG",))
    assert process(in_png(store(manifest(training_mining(ai_training="notAllowed")))), unread).reason == refused.reason

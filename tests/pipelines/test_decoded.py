import msgspec
import pytest

from pipelines.decoded import Decoded, ImageSettings


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"max_side": 0}, "max_side is 0: it must be at least 1"),
        ({"max_pixels": 0}, "max_pixels is 0"),
        ({"max_dimension": -1}, "max_dimension is -1"),
        ({"max_bytes": 0}, "max_bytes is 0"),
        ({"memory_mib": 0}, "memory_mib is 0"),
        ({"quality": 0}, "quality is 0: it must be from 1 to 100"),
        ({"quality": 101}, "quality is 101"),
        ({"decode_seconds": 0.0}, "decode_seconds is 0.0: it must be above 0"),
        ({"decode_seconds": float("nan")}, "decode_seconds is nan"),
        ({"processes": -1}, "processes is -1"),
        ({"formats": ("JPEG", "SVG")}, "formats has 'SVG': known are AVIF, BMP, GIF, JPEG, PNG, TIFF, WEBP"),
    ],
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        ImageSettings(**setting)


def test_an_unknown_setting_is_refused():
    with pytest.raises(msgspec.ValidationError, match="max_sides"):
        msgspec.json.decode(b'{"max_sides": 512}', type=ImageSettings)


def test_settings_and_answers_survive_the_wire():
    settings = ImageSettings(max_side=256, formats=("JPEG",))
    assert msgspec.json.decode(msgspec.json.encode(settings), type=ImageSettings) == settings
    answer = Decoded(reason="", jpeg=b"\xff\xd8", width=3)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(answer), type=Decoded) == answer

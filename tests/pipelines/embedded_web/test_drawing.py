import io
from itertools import combinations

import imagehash
import pytest
from PIL import Image

from pipelines.embedded_web.backdrop import BACKDROPS
from pipelines.embedded_web.canvas import generator
from pipelines.embedded_web.drawing import PHASH_GAP, distinct, draw, encode, jpeg, preview_hash, random_look, rounded
from pipelines.embedded_web.kinds import KINDS


def look_of(kind, salt="test"):
    return random_look(kind, generator(kind, salt), f"{kind}/{salt}")


def test_there_are_many_kinds():
    assert len(KINDS) >= 24
    assert len({kind.name for kind in KINDS.values()}) == len(KINDS)
    assert {"돌하르방", "한복", "첨성대", "김치", "비빔밥", "한옥"} <= {kind.name for kind in KINDS.values()}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_in_each_of_its_backdrops(kind):
    of = KINDS[kind]
    for backdrop in of.backdrops:
        assert backdrop in BACKDROPS
        look = look_of(kind)._replace(backdrop=backdrop)
        image = draw(look, 120, 90)
        assert (image.mode, image.size) == ("RGB", (120, 90))
        assert len(image.getcolors(120 * 90)) > 500


def test_the_same_look_is_the_same_picture_and_another_salt_another():
    look = look_of("dolhareubang")
    assert draw(look, 200, 150).tobytes() == draw(look, 200, 150).tobytes()
    assert draw(look, 200, 150).tobytes() != draw(look._replace(salt="other"), 200, 150).tobytes()


@pytest.mark.parametrize(("form", "kind"), [("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"), ("gif", "GIF")])
def test_encode(form, kind):
    with Image.open(io.BytesIO(encode(look_of("hanok"), 260, 200, form))) as image:
        assert (image.format, image.size) == (kind, (260, 200))
        assert getattr(image, "n_frames", 1) == (2 if form == "gif" else 1)
        if form == "png":
            assert image.getchannel("A").getextrema() == (0, 255)


def test_encode_refuses_another_form():
    with pytest.raises(ValueError, match="tiff"):
        encode(look_of("hanok"), 260, 200, "tiff")


def test_transparent_is_the_thing_alone():
    image = draw(look_of("hahoetal"), 200, 200, transparent=True)
    assert image.mode == "RGBA"
    assert image.getpixel((0, 0))[3] == 0
    assert image.getchannel("A").getextrema() == (0, 255)


def test_jpeg_writes_its_orientation():
    data = jpeg(Image.new("RGB", (20, 10)), orientation=6)
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif()[0x0112] == 6
    with Image.open(io.BytesIO(jpeg(Image.new("RGB", (20, 10))))) as image:
        assert 0x0112 not in image.getexif()


def test_rounded_clears_the_corners_only():
    image = rounded(Image.new("RGB", (60, 60), (9, 9, 9)))
    assert (image.getpixel((0, 0))[3], image.getpixel((30, 30))[3]) == (0, 255)


def test_distinct_resalts_what_is_too_near():
    taken = []
    look = look_of("pine")
    first, second = distinct(look, taken), distinct(look, taken)
    assert first == look
    assert second.salt != look.salt
    assert taken == [preview_hash(first), preview_hash(second)]


@pytest.mark.parametrize(("bits", "stays"), [(13, False), (14, True)])
def test_distinct_asks_for_more_than_thirteen_bits(bits, stays):
    look = look_of("pine")
    near = preview_hash(look) ^ ((1 << bits) - 1)
    assert (distinct(look, [near]) == look) == stays


def test_distinct_pictures_are_no_near_duplicates_at_full_size():
    taken = []
    looks = [distinct(look_of(kind, str(k)), taken) for kind in ("kimchi", "hallasan", "dalhangari") for k in range(8)]
    hashes = [imagehash.phash(draw(look, 640, 480)) for look in looks]
    assert min(one - other for one, other in combinations(hashes, 2)) > PHASH_GAP

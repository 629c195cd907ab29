import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.download_shards import Downloaded, read_shard
from pipelines.link_table import LinkTable
from pipelines.stored_image import ImageReader
from tests.pipelines.download_maker import FORMS, picture, sample, write_download

EXIF_NAMES = {
    1: "Horizontal (normal)",
    2: "Mirrored horizontal",
    3: "Rotated 180",
    4: "Mirrored vertical",
    5: "Mirrored horizontal then rotated 90 CCW",
    6: "Rotated 90 CW",
    7: "Mirrored horizontal then rotated 90 CW",
    8: "Rotated 90 CCW",
}


def places(shard):
    rows = read_shard(shard, LinkTable(path="x"))
    return [(row.source, row.offset) for row in rows if isinstance(row, Downloaded) and not row.reason]


@pytest.mark.parametrize("form", FORMS)
def test_images_are_read_in_any_order_and_cut_at_the_limit(form, tmp_path):
    samples = [sample(n, picture(n)) for n in range(250)]  # three row groups of img2dataset's Parquet
    found = list(zip(places(write_download(tmp_path / "out", form, samples)), samples, strict=True))
    limit = max(len(image) for _, image in samples)
    with ImageReader(limit) as images:
        for place, (_, image) in found[::-7] + found[::50]:
            assert images.read(*place).data == image
    with ImageReader(1_000) as images:
        assert len(images.read(*found[0][0]).data) == 1_001


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", EXIF_NAMES)
def test_the_orientation_that_img2dataset_lost_comes_back(form, orientation, tmp_path):
    """img2dataset encodes the pixels as coded, without Exif; only its metadata remembers how they are to be shown."""
    exif = json.dumps({"Image Orientation": EXIF_NAMES[orientation], "Image Make": "SAMSUNG"})
    shard = write_download(tmp_path / "out", form, [sample(0, picture(0), exif=exif)])
    with ImageReader(1 << 20) as images:
        (place,) = places(shard)
        image = images.read(*place)
    assert image.data == picture(0)
    assert Image.open(io.BytesIO(image.upright())).getexif().get(0x0112, 1) == orientation
    assert np.array_equal(*(np.asarray(Image.open(io.BytesIO(data))) for data in (image.data, image.upright())))


def test_an_image_with_exif_of_its_own_is_left_as_it_is(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    data = picture(0, exif=exif)
    row = sample(0, data, exif=json.dumps({"Image Orientation": "Rotated 90 CW"}))
    shard = write_download(tmp_path / "out", "webdataset", [row])
    with ImageReader(1 << 20) as images:
        assert images.read(*places(shard)[0]).upright() == data


@pytest.mark.parametrize(
    "exif", [None, "{}", "{torn", "[]", '{"Image Orientation": "sideways"}', '{"Image Orientation": 6}']
)
def test_metadata_that_says_nothing_of_it_leaves_the_image_upright(exif, tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", [sample(0, picture(0), exif=exif)])
    with ImageReader(1 << 20) as images:
        assert images.read(*places(shard)[0]).orientation == 1


def test_what_is_not_there_is_refused(tmp_path):
    tar = Path(write_download(tmp_path / "out", "webdataset", [sample(0, picture(0))]) + ".tar")
    with tarfile.open(tar) as archive:
        member = archive.getmember("000000000.jpg")
        text = archive.getmember("000000000.txt")
    table = write_download(tmp_path / "rows", "parquet", [sample(0, picture(0)), sample(1)]) + ".parquet"
    bare = str(tmp_path / "out" / "00000.parquet")
    gone = str(tmp_path / "gone.jpg")
    with ImageReader(1 << 20) as images:
        for place in [(gone, None), (str(tar), 7), (table, 1), (table, 2), (bare, 0), (str(tmp_path / "no.tar"), 0)]:
            with pytest.raises(OSError, match=r"."):
                images.read(*place)
        assert images.read(str(tar), member.offset).data == picture(0)
        assert images.read(str(tar), text.offset).data.decode().startswith("공원에")
    tar.write_bytes(tar.read_bytes()[: member.offset_data + 99])
    with ImageReader(1 << 20) as images, pytest.raises(OSError, match="unexpected end"):
        images.read(str(tar), member.offset)

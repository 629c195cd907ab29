"""Writes download folders with img2dataset's own writers. Its package asks the network on import, so they are loaded
by themselves."""

import importlib.util
import io
import json
import sys
import types

import numpy as np
import pyarrow as pa
from PIL import Image

FORMS = {"webdataset": "WebDatasetSampleWriter", "files": "FilesSampleWriter", "parquet": "ParquetSampleWriter"}
NAMES = ("key", "status", "error_message", "width", "height", "original_width", "original_height", "exif", "sha256")


def picture(seed, size=(320, 240), kind="JPEG", **options):
    rough = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC).save(out, kind, **options)
    return out.getvalue()


def writers():
    """Return img2dataset's writer module."""
    spec = importlib.util.find_spec("img2dataset")
    package = types.ModuleType("img2dataset")
    package.__path__ = list(spec.submodule_search_locations)
    before = sys.modules.get("img2dataset")
    sys.modules["img2dataset"] = package
    try:
        return importlib.import_module("img2dataset.writer")
    finally:
        sys.modules.pop("img2dataset")
        if before is not None:
            sys.modules["img2dataset"] = before


def sample(number, image=None, **changes):
    """Return (row, image bytes or None) as img2dataset has them; without an image the download failed."""
    row = dict.fromkeys(NAMES) | {
        "url": f"http://a.test/{number}.jpg",
        "caption": f"공원에 선 돌하르방 {number}",
        "page": f"http://a.test/page/{number}",
        "key": f"{number:09d}",
        "status": "success" if image else "failed_to_download",
        "error_message": None if image else "HTTP Error 404: Not Found",
    }
    return row | changes, image


def write_download(folder, form, samples, *, shard=0, count=None):
    """Write one shard and its statistics."""
    folder.mkdir(exist_ok=True)
    columns = [("url", "string"), ("caption", "string"), ("page", "string"), *((name, "string") for name in NAMES)]
    schema = pa.schema([(name, "int32" if name.endswith(("width", "height")) else kind) for name, kind in columns])
    if form == "parquet":
        schema = schema.append(pa.field("txt", pa.string()))
    writer = getattr(writers(), FORMS[form])(shard, str(folder), True, 5, schema, "jpg")
    for row, image in samples:
        writer.write(image, row["key"], row["caption"], dict(row))
    writer.close()
    stats = {"count": len(samples) if count is None else count, "start_time": 1.0, "end_time": 1767225600.5}
    (folder / f"{shard:05d}_stats.json").write_text(json.dumps(stats))
    return str(folder / f"{shard:05d}")

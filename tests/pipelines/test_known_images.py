"""What an earlier stage stored is found by its bytes, as the decoder gave it, or not at all."""

import asyncio
import io
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines import known_images, storage
from pipelines.decoded import ImageSettings
from pipelines.decoder import DecoderPool
from pipelines.image_row import stage_row
from pipelines.known_images import ImageDecoder, KnownImages, facts_of, index_earlier, pieces_of, recall
from pipelines.parts import AttemptPlace, Part
from pipelines.pixels import process
from pipelines.stage import Attempt, Committed, StageManifest, StagePlan
from pipelines.staging import Staging
from pipelines.web_client import Fetched
from schemas.reasons import NO_REASON

SETTINGS = ImageSettings(processes=1)


def picture(seed, kind="JPEG"):
    rough = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(rough).resize((64, 48), Image.Resampling.BICUBIC).save(out, kind)
    return out.getvalue()


PICTURES = [picture(seed) for seed in range(7)] + [picture(7, "PNG")]


def stage(folder, pictures, host="a.kr", partition=0):
    """Store pictures as a fetch stage does, what cannot be decoded too; return the stage, committed."""
    place = AttemptPlace(str(folder), "attempt-1")
    urls = {f"http://{host}/{number}.jpg": data for number, data in enumerate(pictures)}

    async def store():
        for url, data in urls.items():
            found = Fetched(url, url, "2026-01-01T00:00:00Z", "127.0.0.1", 200, (), data, NO_REASON, "", (), ())
            await stage_row(found, process(data, SETTINGS), staging)
        await staging.save()

    with Staging(place, partition, urls) as staging:
        asyncio.run(store())
        (done,) = staging.done()
    tallies = {tally.heading: tally.number for tally in done.tallies}
    manifest = StageManifest(stage="fetch", fingerprint="", covers={}, parts=done.parts, tallies=tallies)
    return Committed(folder=str(folder), manifest=manifest)


def look_up(known, data):
    digest = sha256(data).digest()
    place = KnownImages(known).find(digest)
    return recall(place, digest) if place is not None else None


def tar_of(committed):
    return Path(committed.folder, committed.manifest.table("staging")[0].path)


def test_what_is_recalled_is_what_the_decoder_gave(tmp_path, attempt, monkeypatch):
    monkeypatch.setattr(known_images, "_IMAGES_PER_FILE", 2)
    text = b"not an image"
    earlier = [stage(tmp_path / "1", [*PICTURES[:5], text]), stage(tmp_path / "2", PICTURES[3:], "b.kr")]
    known = index_earlier(attempt, earlier)
    assert len(known.files) == 8
    assert [look_up(known, data) for data in PICTURES] == [process(data, SETTINGS) for data in PICTURES]
    assert look_up(known, text) is look_up(known, b"") is look_up(known, picture(99)) is None
    rows = sum(len(known_images._mapped(path)["first"]) for path in known.files if path)
    assert rows == len(PICTURES)  # those of both stages once


def test_parts_are_read_many_at_a_time(monkeypatch):
    monkeypatch.setattr(known_images, "_ROWS_PER_PIECE", 4)
    parts = [Part("images", number, f"saved/{number}", 1, "", rows) for number, rows in enumerate((3, 1, 3, 3, 0, 5))]
    manifest = StageManifest(stage="fetch", fingerprint="", covers={}, parts=parts, tallies={})
    pieces = pieces_of(Committed(folder="/x", manifest=manifest))
    assert [piece.paths for piece in pieces] == [
        ["/x/saved/0", "/x/saved/1"],
        ["/x/saved/2", "/x/saved/3"],
        ["/x/saved/4", "/x/saved/5"],
    ]


def test_a_stage_without_earlier_ones_knows_nothing_and_writes_nothing(tmp_path, attempt):
    known = index_earlier(attempt, [])
    assert (known.files, known.load(), list(tmp_path.iterdir())) == ((), None, [])


def test_an_earlier_stage_without_images_is_none(tmp_path, attempt):
    known = index_earlier(attempt, [stage(tmp_path / "1", [b"not an image"])])
    assert look_up(known, b"not an image") is None


def damage_facts(tar, decoded):
    _, facts = facts_of(decoded)
    at = tar.read_bytes().index(facts)
    return tar.read_bytes()[:at] + facts.replace(b"JPEG", b"WEBP") + tar.read_bytes()[at + len(facts) :]


DAMAGES = {
    "the tar is cut off": lambda tar, _: tar.read_bytes()[:700],
    "a byte of the picture differs": lambda tar, decoded: tar.read_bytes().replace(decoded.jpeg, decoded.jpeg[::-1]),
    "a byte of the facts differs": damage_facts,
    "there are no facts": lambda tar, decoded: tar.read_bytes().replace(facts_of(decoded)[1], b""),
    "the header of the facts differs": lambda tar, _: tar.read_bytes().replace(b".facts", b".fakes"),
}


def test_what_is_not_there_or_not_whole_is_decoded(tmp_path, attempt):
    earlier = stage(tmp_path / "old", PICTURES[:1])
    known = index_earlier(attempt, [earlier])
    expected = process(PICTURES[0], SETTINGS)
    tar = tar_of(earlier)
    whole = tar.read_bytes()
    for damage, changed in DAMAGES.items():
        tar.write_bytes(changed(tar, expected))
        assert tar.read_bytes() != whole
        assert look_up(known, PICTURES[0]) is None, damage
        tar.write_bytes(whole)
    assert look_up(known, PICTURES[0]) == expected
    tar.unlink()

    async def decode():
        async with DecoderPool(SETTINGS) as pool:
            decoder = ImageDecoder(pool, KnownImages(known))
            return await decoder.decode(PICTURES[0]), decoder.recalled

    assert asyncio.run(decode()) == (expected, 0)


def test_bytes_of_one_prefix_and_another_sha256_are_not_taken_for_the_same(tmp_path, attempt):
    known = index_earlier(attempt, [stage(tmp_path / "old", PICTURES[:1])])
    digest = sha256(PICTURES[0]).digest()
    other = digest[:16] + bytes(16)
    place = KnownImages(known).find(other)
    assert place == KnownImages(known).find(digest)
    assert recall(place, other) is None


def test_two_files_of_one_stored_picture_have_each_their_own_facts_or_none(tmp_path, attempt):
    plain = PICTURES[0]
    commented = plain[:2] + b"\xff\xfe\x00\x07hello" + plain[2:]
    known = index_earlier(attempt, [stage(tmp_path / "old", [plain, commented])])
    stored = [process(data, SETTINGS).stored_sha256 for data in (plain, commented)]
    assert stored[0] == stored[1]
    assert look_up(known, plain) == process(plain, SETTINGS)
    assert look_up(known, commented) is None


def test_an_object_store_is_asked_once_a_file_and_once_a_known_image(tmp_path, s3_proxy, s3_folder, attempt):
    earlier = stage(f"{s3_folder}/stages/fetch-1", PICTURES)
    known = index_earlier(
        Attempt(plan=StagePlan(stage="fetch", covers={}, root=s3_folder), name="a", options=attempt.options),
        [earlier],
    )
    assert all(map(storage.is_remote, [known.tars, *known.files]))
    images = KnownImages(known)
    s3_proxy.asked.clear()
    for seed in range(100, 110):
        assert images.find(sha256(picture(seed)).digest()) is None
    assert [method for method, _ in s3_proxy.asked] == ["HEAD", "GET"]  # the file of keys is copied
    s3_proxy.asked.clear()
    for data in PICTURES:
        digest = sha256(data).digest()
        assert recall(images.find(digest), digest) == process(data, SETTINGS)
    asked = [(method, path.partition("?")[0].rpartition(".")[2]) for method, path in s3_proxy.asked]
    assert asked == [("GET", "tar")] * len(PICTURES)

import asyncio
import io
import tarfile

import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image

from filters.suppression import Suppression
from pipelines import fetch, saved
from pipelines.decoded import ImageSettings
from pipelines.decoder import DecoderPool
from pipelines.download_shards import read_shard
from pipelines.exchange import Exchange, read_slices
from pipelines.fetch import (
    STRETCH_BYTES,
    WANTED,
    FetchPartition,
    ReadPartition,
    RegroupWanted,
    Wanted,
    by_host,
    by_place,
    fetch_all,
    one_a_url,
)
from pipelines.known_images import ImageDecoder, KnownImages, index_earlier
from pipelines.link_table import LinkTable
from pipelines.parts import AttemptPlace, read_rows, write_part
from pipelines.pixels import process
from pipelines.progress import ProgressNotes
from pipelines.runner import make_pipeline
from pipelines.stage import Committed, StageManifest
from pipelines.staging import Staging
from pipelines.storage import read_range
from pipelines.suppression_list import NOTHING_LISTED, compile_list
from schemas.identity import sha256_hex
from schemas.reasons import Reason
from schemas.records import Consent, ImageRow, ScreenedRow
from tests.content_credentials import in_jpeg, manifest, store, training_mining
from tests.pipelines.download_maker import FORMS, sample, write_download
from tests.pipelines.hostile_server import Server, network, redirect, reply

SETTINGS = ImageSettings(processes=1)


def picture(seed, kind="JPEG", size=(320, 240)):
    rough = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC).save(out, kind)
    return out.getvalue()


ROUTES = {
    "a.kr/1.jpg": reply(200, picture(1), "Content-Type: image/jpeg"),
    "a.kr/2.png": reply(200, picture(2, "PNG"), "Content-Type: image/png"),
    "b.kr/1.jpg": redirect("http://a.kr/1.jpg"),
    "b.kr/text.jpg": reply(200, b"not an image", "Content-Type: image/jpeg"),
    "b.kr/private/1.jpg": reply(200, picture(3), "Content-Type: image/jpeg"),
    "b.kr/robots.txt": reply(200, b"User-agent: *\nDisallow: /private/\n"),
    "b.kr/noai.jpg": reply(200, picture(4), "Content-Type: image/jpeg", "X-Robots-Tag: noai"),
}
URLS = [
    "http://b.kr/text.jpg",
    "http://a.kr/1.jpg",
    "http://a.kr/2.png",
    "http://b.kr/1.jpg",
    "http://b.kr/gone.jpg",
    "http://b.kr/private/1.jpg",
    "http://b.kr/noai.jpg",
    "http://a.kr/1.jpg",
]


# Fetching


def names(data):
    if not data:  # no image was stored, and no tar begun
        return []
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def fetched(urls, folder, routes=ROUTES, opt_outs=None, known=None, recalled=None, **changes):
    """Fetch from a server of ``routes``; return the rows, the staging tar and the server.

    How many images were not decoded but ``known`` is added to ``recalled``.
    """
    place = AttemptPlace(str(folder), "attempt-1")

    async def run():
        wanted = one_a_url(url if isinstance(url, Wanted) else Wanted(url) for url in urls)
        with Staging(place, 0, (row.image_url for row in wanted)) as staging:
            async with Server(dict(routes)) as server, DecoderPool(SETTINGS) as pool:
                notes = ProgressNotes(place.path)
                decoder = ImageDecoder(pool, known)
                await fetch_all(wanted, network(server, **changes), opt_outs, decoder, staging, notes)
                if recalled is not None:
                    recalled.append(decoder.recalled)
            await staging.save()
            return list(staging.done()), server

    reports, server = asyncio.run(run())
    parts = [part for report in reports for part in report.parts]
    rows = [row for part in parts if part.table == "images" for row in read_rows(str(folder / part.path), ImageRow)]
    tars = [(folder / part.path).read_bytes() for part in parts if part.table == "staging"]
    return rows, b"".join(tars), server


def test_every_url_has_one_row_and_every_kept_image_lies_in_the_tar(tmp_path):
    rows, staging, server = fetched(URLS, tmp_path)
    assert {row.image_url: row.reason for row in rows} == {
        "http://a.kr/1.jpg": "",
        "http://a.kr/2.png": "",
        "http://b.kr/1.jpg": "",
        "http://b.kr/text.jpg": Reason.IMAGE_FORMAT_REFUSED,
        "http://b.kr/gone.jpg": Reason.HTTP_STATUS,
        "http://b.kr/private/1.jpg": Reason.ROBOTS_DISALLOWED,
        "http://b.kr/noai.jpg": Reason.OPTED_OUT,
    }
    assert [row.image_url for row in rows] == sorted(set(URLS))
    assert "b.kr/private/1.jpg" not in server.requests
    for row in rows:
        stored = staging[row.staging_offset : row.staging_offset + row.staging_length]
        assert (row.outcome == "keep") == (row.stored_sha256 == sha256_hex(stored) and stored[:2] == b"\xff\xd8")
    kept = {row.image_url: row for row in rows if row.outcome == "keep"}
    assert kept["http://a.kr/1.jpg"].raw_sha256 == kept["http://b.kr/1.jpg"].raw_sha256 == sha256_hex(picture(1))
    assert kept["http://b.kr/1.jpg"].final_url == "http://a.kr/1.jpg"
    pictures, facts = names(staging)[::2], names(staging)[1::2]
    assert sorted(pictures) == sorted({f"{row.stored_sha256[:32]}.jpg" for row in kept.values()})
    assert len(pictures) == 2 < len(kept)
    assert [name.rpartition(".")[2] for name in facts] == ["facts"] * 2


def test_two_runs_give_the_same_rows_but_for_the_time_and_the_place_in_the_tar(tmp_path):
    ways = ((tmp_path / "1", URLS, 8), (tmp_path / "2", URLS[::-1], 1))
    found = [fetched(urls, folder, connections=connections) for folder, urls, connections in ways]
    rows = [[row._replace(fetched_at="", staging="", staging_offset=0) for row in rows] for rows, _, _ in found]
    assert rows[0] == rows[1]
    tars = [sorted(names(tar)) for _, tar, _ in found]
    assert tars[0] == tars[1]


def test_one_host_asked_one_url_at_a_time_fills_the_same_tar_byte_for_byte(tmp_path):
    urls = [url for url in URLS if "a.kr" in url]
    tars = [fetched(urls, tmp_path / name, connections_per_host=1)[1] for name in "12"]
    assert tars[0] == tars[1]


def committed_in(folder):
    """Return what `fetched` left in a folder as a committed stage."""
    records = saved.records(saved.place_of(AttemptPlace(str(folder), ""), "00000"))
    parts = [part for parts in records for part in parts]
    rows = sum(part.rows for part in parts if part.table == "images")
    manifest = StageManifest(stage="fetch", fingerprint="", covers={}, parts=parts, tallies={"keep": rows})
    return Committed(folder=str(folder), manifest=manifest)


def test_bytes_that_an_earlier_stage_has_are_not_decoded_and_their_row_is_that_of_a_first_fetch(tmp_path, attempt):
    allowed = in_jpeg(store(manifest(training_mining("cawg.training-mining", ai_training="allowed"))))
    shown = {"1.jpg": picture(1), "2.png": picture(2, "PNG"), "3.jpg": allowed, "4.jpg": picture(4, size=(900, 600))}
    before = {f"a.kr/{name}": reply(200, data, "X-Robots-Tag: all") for name, data in shown.items()}
    fetched([f"http://{name}" for name in before], tmp_path / "old", before)

    # Other hosts serve the same bytes: one says no in a header, one is led there, one image is on a list, one is new.
    routes = {f"b.kr/{name}": reply(200, data) for name, data in shown.items()} | {
        "c.kr/1.jpg": redirect("http://b.kr/1.jpg"),
        "c.kr/noai.jpg": reply(200, picture(1), "X-Robots-Tag: noai"),
        "c.kr/new.jpg": reply(200, picture(9)),
    }
    opt_outs = listing(tmp_path, sha256=(sha256_hex(shown["2.png"]),)).load()
    urls, recalled = [f"http://{name}" for name in routes], []
    anew, _, _ = fetched(urls, tmp_path / "anew", routes, opt_outs, None, recalled)
    known = KnownImages(index_earlier(attempt, [committed_in(tmp_path / "old")]))
    again, _, server = fetched(urls, tmp_path / "again", routes, opt_outs, known, recalled)
    assert recalled == [0, 5]
    placed = {"fetched_at": "", "staging": "", "staging_offset": 0}
    assert [row._replace(**placed) for row in again] == [row._replace(**placed) for row in anew]
    rows = {row.image_url: row for row in again}
    assert {url: row.reason for url, row in rows.items() if row.reason} == {
        "http://b.kr/2.png": Reason.OPT_OUT_LISTED,
        "http://c.kr/noai.jpg": Reason.OPTED_OUT,
    }
    assert [said.channel for said in rows["http://b.kr/3.jpg"].consent] == ["robots.txt", "c2pa"]
    assert server.requests.count("b.kr/1.jpg") == 2


def test_nothing_to_fetch(tmp_path):
    rows, staging, server = fetched([], tmp_path)
    assert (rows, staging, server.requests) == ([], b"", [])


def test_an_image_that_refuses_training_inside_is_not_stored_and_not_asked_for_by_another_name(tmp_path):
    data = in_jpeg(store(manifest(training_mining("cawg.training-mining", ai_training="notAllowed"))))
    routes = {"a.kr/1.jpg": reply(200, data), "b.kr/1.jpg": redirect("http://a.kr/1.jpg")}
    rows, staging, server = fetched(["http://a.kr/1.jpg", "http://b.kr/1.jpg"], tmp_path, routes)
    assert [(row.reason, row.detail, row.staging_length) for row in rows] == [(Reason.OPTED_OUT, "c2pa", 0)] * 2
    for row in rows:
        assert (row.consent[-1].channel, row.consent[-1].allowed) == ("c2pa", False)
    assert staging == b""
    assert server.requests.count("a.kr/1.jpg") == 1


def listing(folder, **suppression):
    return compile_list(Suppression(**suppression), str(folder), key="network.opt_out", radius=6)


def test_what_an_opt_out_list_names_is_not_asked_for_or_not_stored(tmp_path):
    phash = process(picture(2, "PNG"), SETTINGS).phash
    near = f"{int(phash, 16) ^ 0b111111:016x}"
    held = listing(
        tmp_path, urls=("http://b.kr/1.jpg",), hosts=("c.kr",), sha256=(sha256_hex(picture(1)),), phash=(near,)
    )
    urls = ["http://a.kr/1.jpg", "http://a.kr/2.png", "http://b.kr/1.jpg", "http://www.c.kr/1.jpg", "http://d.kr/1.jpg"]
    routes = ROUTES | {"d.kr/1.jpg": redirect("http://a.kr/1.jpg")}
    rows, staging, server = fetched(urls, tmp_path, routes, held.load())
    assert {row.image_url: row.detail for row in rows} == {
        urls[0]: f"sha256 {sha256_hex(picture(1))} (network.opt_out.sha256:1)",
        urls[1]: f"phash {near}, 6 bits from {phash} (network.opt_out.phash:1)",
        urls[2]: "url b.kr/1.jpg (network.opt_out.urls:1)",
        urls[3]: "host c.kr (network.opt_out.hosts:1)",
        urls[4]: f"sha256 {sha256_hex(picture(1))} (network.opt_out.sha256:1)",
    }
    for row in rows:
        assert (row.reason, row.staging_length) == (Reason.OPT_OUT_LISTED, 0)
        assert row.consent[-1] == Consent("opt-out list", row.detail, allowed=False)
    assert names(staging) == []
    assert server.requests.count("a.kr/1.jpg") == 1
    assert not [asked for asked in server.requests if asked.startswith(("b.kr", "www.c.kr"))]


def test_an_image_that_only_listed_pages_show_is_not_asked_for(tmp_path):
    why = "host b.kr (list.txt:1)"
    wanted = [
        Wanted("http://a.kr/1.jpg", listed=why),
        Wanted("http://a.kr/1.jpg"),
        Wanted("http://a.kr/2.png", listed=why),
        Wanted("http://a.kr/2.png", listed="url b.kr/x (list.txt:2)"),
    ]
    rows, _, server = fetched(wanted, tmp_path)
    assert [(row.reason, row.detail) for row in rows] == [("", ""), (Reason.OPT_OUT_LISTED, why)]
    assert "a.kr/2.png" not in server.requests


# The stage


def test_only_the_urls_of_kept_candidates_are_wanted_each_once(tmp_path, screened):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    rows = [
        screened._replace(image_url="http://a.kr/1.jpg"),
        screened._replace(image_url="http://a.kr/1.jpg"),
        screened._replace(image_url="http://a.kr/2.jpg", outcome="drop"),
        screened._replace(image_url="http://a.kr/3.jpg", outcome="unknown"),
        screened._replace(image_url="http://a.kr/4.jpg", source_kind="img2dataset", source="/d/0.tar", source_offset=9),
    ]
    part = write_part(place, "screened", 0, ScreenedRow, rows)
    exchange = Exchange(place.exchange, Wanted, by_host, 8)
    handles = list(RegroupWanted(exchange).process(str(tmp_path / part.path)))
    assert list(read_slices([piece for _, piece in handles], Wanted)) == [
        Wanted("http://a.kr/1.jpg"),
        Wanted("http://a.kr/4.jpg", "/d/0.tar", 9),
    ]


def test_a_listed_page_s_images_are_wanted_with_the_evidence(tmp_path, screened):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    rows = [screened._replace(image_url="http://a.kr/1.jpg", page_url=f"http://{page}.kr/") for page in ("b", "c")]
    part = write_part(place, "screened", 0, ScreenedRow, rows)
    regroup = RegroupWanted(Exchange(place.exchange, Wanted, by_host, 8), listing(tmp_path, hosts=("c.kr",)))
    pieces = [piece for _, piece in regroup.process(str(tmp_path / part.path))]
    evidence = "host c.kr (network.opt_out.hosts:1)"
    wanted = Wanted("http://a.kr/1.jpg")
    assert sorted(read_slices(pieces, Wanted)) == [wanted, wanted._replace(listed=evidence)]


def test_a_host_is_in_one_partition():
    assert by_host(Wanted("http://a.kr/1.jpg")) == by_host(Wanted("https://a.kr:8443/x")) == "a.kr"


def test_a_partition_reports_its_rows_its_tar_and_its_books(tmp_path, screened):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    exchange = Exchange(place.exchange, Wanted, by_host, 1)
    ((_, piece),) = exchange.write((Wanted(url) for url in URLS if "b.kr" in url), source=WANTED)

    async def serve(stop, started):
        async with Server(dict(ROUTES)) as server:
            started.set_result(server)
            await stop.wait()

    def work(server):
        do_fn = FetchPartition(place, network(server), SETTINGS, exchange)
        do_fn.setup()
        try:
            return [found.value for found in do_fn.process((3, [piece]))]
        finally:
            do_fn.teardown()

    async def run():
        stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serve(stop, started))
        try:
            return await asyncio.to_thread(work, await started)
        finally:
            stop.set()
            await task

    (done,) = asyncio.run(run())
    assert [(part.table, part.partition, part.rows) for part in done.parts] == [
        ("images", 3, 5),
        ("refusals", 3, 1),
        ("staging", 3, 1),
    ]
    assert dict(done.tallies) == {
        "in": 5,
        "keep": 1,
        "drop:http_status": 1,
        "drop:image_format_refused": 1,
        "drop:opted_out": 1,
        "drop:robots_disallowed": 1,
    }
    rows = {row.image_url: row for row in read_rows(str(tmp_path / done.parts[0].path), ImageRow)}
    kept = rows.pop("http://b.kr/1.jpg")
    assert kept.staging == done.parts[2].path
    stored = read_range(str(tmp_path / kept.staging), kept.staging_offset, kept.staging_length)
    assert sha256_hex(stored) == kept.stored_sha256
    assert {row.staging for row in rows.values()} == {""}


@pytest.mark.parametrize("outcomes", [[], ["drop", "drop"]])
def test_a_screen_that_kept_nothing_asks_nobody(tmp_path, screened, outcomes):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    rows = [screened._replace(outcome=outcome) for outcome in outcomes]
    part = write_part(place, "screened", 0, ScreenedRow, rows)
    with make_pipeline(PipelineOptions([])) as pipeline:
        paths = [str(tmp_path / part.path)]
        fetch.expand(pipeline, paths, place=place, network=network(None), settings=SETTINGS, partitions=8)
    assert [path.name for path in (tmp_path / "attempt-1").iterdir()] == [part.path.split("/")[1]]


# Images that are there already


def read_there(tmp_path, wanted, settings=SETTINGS, opt_outs=NOTHING_LISTED):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    ((_, piece),) = Exchange(place.exchange, Wanted, by_place, 1).write(wanted)
    do_fn = ReadPartition(place, settings, opt_outs, first=8)
    do_fn.setup()
    try:
        (done,) = do_fn.process((0, [piece]))
    finally:
        do_fn.teardown()
    return done, list(read_rows(str(tmp_path / done.parts[0].path), ImageRow))


@pytest.mark.parametrize("form", FORMS)
def test_images_of_a_download_are_decoded_and_staged_without_a_request(form, tmp_path):
    kept, text, gone = sample(0, picture(1)), sample(1, b"not an image"), sample(2, picture(2))
    turned = sample(3, picture(4), exif='{"Image Orientation": "Rotated 90 CW"}')
    shard = write_download(tmp_path / "out", form, [kept, text, gone, turned])
    found = [row for row in read_shard(shard, LinkTable(path="x")) if not row.reason]
    wanted = [Wanted(row.link.url, row.source, row.offset) for row in found]
    wanted[2] = wanted[2]._replace(source=str(tmp_path / "gone.tar"))
    done, rows = read_there(tmp_path, wanted)
    assert [row.reason for row in rows] == ["", Reason.IMAGE_FORMAT_REFUSED, Reason.IMAGE_MISSING, ""]
    assert (rows[0].raw_sha256, rows[0].raw_bytes) == (sha256_hex(picture(1)), len(picture(1)))
    assert (rows[0].fetched_at, rows[0].http_status, rows[0].address, rows[0].consent) == ("", None, "", [])
    assert rows[0].final_url == rows[0].image_url == "http://a.test/0.jpg"
    assert (rows[3].width, rows[3].height, rows[3].orientation) == (240, 320, 6)
    assert rows[3].raw_sha256 == sha256_hex(picture(4))
    stored = read_range(str(tmp_path / rows[3].staging), rows[3].staging_offset, rows[3].staging_length)
    assert Image.open(io.BytesIO(stored)).size == (240, 320)
    assert [(part.table, part.partition, part.rows) for part in done.parts] == [("images", 8, 4), ("staging", 8, 2)]
    assert dict(done.tallies) == {"in": 4, "keep": 2, "drop:image_format_refused": 1, "drop:image_missing": 1}


def test_an_image_above_the_limit_is_refused(tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", [sample(0, picture(1))])
    (row,) = read_shard(shard, LinkTable(path="x"))
    small = ImageSettings(processes=1, max_bytes=1_000)
    _, (image,) = read_there(tmp_path, [Wanted(row.link.url, row.source, row.offset)], small)
    assert (image.reason, image.detail) == (Reason.BODY_TOO_LARGE, "1001 bytes")


def test_what_is_there_is_handed_on_once_and_not_fetched(tmp_path):
    place = AttemptPlace(str(tmp_path), "attempt-1")
    hosts, there = (Exchange(place.exchange, Wanted, key, 1) for key in (by_host, by_place))
    url = "http://a.kr/1.jpg"
    ((_, piece),) = hosts.write([Wanted(url), Wanted(url, "/d/1.tar", 0), Wanted(url, "/d/0.tar", 512)], source=WANTED)
    do_fn = FetchPartition(place, network(None), SETTINGS, there)  # never set up: nothing is fetched
    (found,) = do_fn.process((0, [piece]))
    assert found.tag == "handles"
    assert list(read_slices([found.value[1]], Wanted)) == [Wanted(url, "/d/0.tar", 512)]


def test_neighbours_in_a_tar_are_read_together_and_far_ones_apart():
    near, far = Wanted("http://a.kr/1.jpg", "/d/0.tar", 1024), Wanted("http://a.kr/2.jpg", "/d/0.tar", STRETCH_BYTES)
    assert by_place(near) == by_place(near._replace(offset=STRETCH_BYTES - 1)) != by_place(far)


def test_a_downloaded_image_that_refuses_training_is_refused(tmp_path):
    refusing = in_jpeg(store(manifest(training_mining("cawg.training-mining", ai_training="notAllowed"))))
    shard = write_download(tmp_path / "out", "webdataset", [sample(0, refusing)])
    (row,) = read_shard(shard, LinkTable(path="x"))
    _, (image,) = read_there(tmp_path, [Wanted(row.link.url, row.source, row.offset)])
    assert image.reason == Reason.OPTED_OUT
    assert [evidence.allowed for evidence in image.consent] == [False]


def test_a_downloaded_image_that_an_opt_out_list_names_is_refused(tmp_path):
    shard = write_download(tmp_path / "out", "webdataset", [sample(n, picture(n)) for n in range(4)])
    wanted = [Wanted(row.link.url, row.source, row.offset) for row in read_shard(shard, LinkTable(path="x"))]
    wanted[3] = wanted[3]._replace(listed="host b.kr (list.txt:1)")
    held = listing(tmp_path, urls=(wanted[0].image_url,), sha256=(sha256_hex(picture(1)),))
    done, images = read_there(tmp_path, wanted, opt_outs=held)
    assert [image.detail.partition(" ")[0] for image in images] == ["url", "sha256", "", "host"]
    assert [image.reason for image in images] == [
        Reason.OPT_OUT_LISTED,
        Reason.OPT_OUT_LISTED,
        "",
        Reason.OPT_OUT_LISTED,
    ]
    assert dict(done.tallies) == {"in": 4, "keep": 1, "drop:opt_out_listed": 3}

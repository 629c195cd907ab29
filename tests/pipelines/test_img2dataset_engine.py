"""Both fetch engines over the same web: the same rows, the same bytes; and how img2dataset ends badly."""

import asyncio
import io
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filters.suppression import Suppression
from pipelines import img2dataset_engine
from pipelines.decoder import DecoderPool, ImageSettings
from pipelines.download_shards import Downloaded
from pipelines.errors import InputRefused, StageFailed
from pipelines.fetch import ENGINES, Wanted, fetch_all
from pipelines.img2dataset_engine import _environment, _had, by_turns, installed_version
from pipelines.known_images import ImageDecoder
from pipelines.link_table import LinkRow
from pipelines.parts import AttemptPlace, read_rows
from pipelines.progress import ProgressNotes
from pipelines.staging import Staging
from pipelines.stored_image import ImageReader
from pipelines.suppression_list import compile_list
from pipelines.web_client import Fetched
from schemas.identity import sha256_hex
from schemas.reasons import Reason
from schemas.records import ImageRow
from tests.content_credentials import in_jpeg, manifest, store, training_mining
from tests.pipelines.hostile_server import Server, network, redirect, reply

SETTINGS = ImageSettings(processes=1)


def picture(seed, kind="JPEG", size=(320, 240), **options):
    rough = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC).save(out, kind, **options)
    return out.getvalue()


def sideways():
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture(5, exif=exif)


def refusing_inside():
    return in_jpeg(store(manifest(training_mining("cawg.training-mining", ai_training="notAllowed"))))


async def cut_short(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + picture(1)[:900])
    await writer.drain()


async def silent(writer):
    await asyncio.sleep(5)


WEB = {  # address: (answer, the reason it ends with)
    **{f"a.kr/{number}.jpg": (reply(200, picture(number)), "") for number in range(10)},
    "a.kr/a.png": (reply(200, picture(20, "PNG")), ""),
    "a.kr/a.webp": (reply(200, picture(21, "WEBP")), ""),
    "a.kr/a.gif": (reply(200, picture(22, "GIF")), ""),
    "a.kr/large.jpg": (reply(200, picture(23, size=(900, 600))), ""),
    "a.kr/sideways.jpg": (reply(200, sideways()), ""),
    "a.kr/q.jpg?a=1,2;b=%22x%22&c=%ED%95%9C": (reply(200, picture(24)), ""),
    "a.kr/to": (redirect("/1.jpg"), ""),
    "a.kr/to2": (redirect("http://b.kr/to3", 301), ""),
    "b.kr/to3": (redirect("//a.kr/2.jpg", 307), ""),
    "b.kr/to4": (redirect("http://a.kr/3.jpg", 308), ""),
    "b.kr/gone.jpg": (reply(404, b"gone"), Reason.HTTP_STATUS),
    "b.kr/forbidden.jpg": (reply(403), Reason.HTTP_STATUS),
    "b.kr/broken.jpg": (reply(500), Reason.HTTP_STATUS),
    "b.kr/empty.jpg": (reply(200, b""), Reason.IMAGE_FORMAT_REFUSED),
    "b.kr/text.jpg": (reply(200, b"<html>not an image</html>"), Reason.IMAGE_FORMAT_REFUSED),
    "b.kr/torn.jpg": (reply(200, picture(25)[:600]), Reason.IMAGE_UNDECODABLE),
    "b.kr/short.jpg": (cut_short, Reason.BODY_INVALID),
    "b.kr/silent.jpg": (silent, Reason.TIMED_OUT),
    "b.kr/huge.jpg": (reply(200, bytes(200_001)), Reason.BODY_TOO_LARGE),
    "b.kr/private/1.jpg": (reply(200, picture(26)), Reason.ROBOTS_DISALLOWED),
    "b.kr/to-private": (redirect("/private/1.jpg"), Reason.ROBOTS_DISALLOWED),
    "b.kr/noai.jpg": (reply(200, picture(27), "X-Robots-Tag: noai"), Reason.OPTED_OUT),
    "b.kr/noindex.jpg": (reply(200, picture(28), "X-Robots-Tag: otherbot: all, NoIndex"), ""),
    "b.kr/agent.jpg": (reply(200, picture(29), "X-Robots-Tag: harubang: noimageai"), Reason.OPTED_OUT),
    "b.kr/tdm.jpg": (reply(200, picture(30), "tdm-reservation: 1"), Reason.OPTED_OUT),
    "b.kr/usage.jpg": (reply(200, picture(31), "Content-Usage: train-ai=n"), Reason.OPTED_OUT),
    "b.kr/to-noai": (redirect("/noai.jpg"), Reason.OPTED_OUT),
    "b.kr/refusing-inside.jpg": (reply(200, refusing_inside()), Reason.OPTED_OUT),
    "b.kr/to-10": (redirect("http://10.0.0.1/1.jpg"), Reason.ADDRESS_REFUSED),
    "b.kr/to-metadata": (redirect("http://169.254.169.254/latest"), Reason.ADDRESS_REFUSED),
    "b.kr/to-file": (redirect("file:///etc/passwd"), Reason.REDIRECT_REFUSED),
    "b.kr/to-nowhere": (reply(302), Reason.REDIRECT_REFUSED),
    "b.kr/loop": (redirect("/loop"), Reason.TOO_MANY_REDIRECTS),
    "b.kr/far": (redirect("/far1"), Reason.TOO_MANY_REDIRECTS),
    **{f"b.kr/far{n}": (redirect(f"/far{n + 1}"), "" if n > 3 else Reason.TOO_MANY_REDIRECTS) for n in range(1, 8)},
    "b.kr/far8": (redirect("http://a.kr/4.jpg"), ""),
    "b.kr/listed.jpg": (reply(200, picture(32)), Reason.OPT_OUT_LISTED),
    "b.kr/to-listed": (redirect("/listed.jpg"), Reason.OPT_OUT_LISTED),
    "a.kr/listed-bytes.jpg": (reply(200, picture(33)), Reason.OPT_OUT_LISTED),
    "127.0.0.3/1.jpg": (b"", Reason.ROBOTS_UNREACHABLE),
    "192.168.1.1/1.jpg": (b"", Reason.ADDRESS_REFUSED),
}
ROBOTS = {"b.kr/robots.txt": reply(200, b"User-agent: *\nDisallow: /private/\n")}
LISTED = Suppression(urls=("http://b.kr/listed.jpg",), sha256=(sha256_hex(picture(33)),))


def gone_through(engine, folder, urls, routes, opt_outs=None, tls=None, **changes):
    """Fetch with an engine; return the rows by URL, the stored images by URL and the server."""
    place = AttemptPlace(str(folder), "attempt-1")

    async def run():
        wanted = [Wanted(url) for url in urls]
        with Staging(place, 0, urls) as staging:
            async with Server(dict(routes), tls) as server, DecoderPool(SETTINGS) as pool:
                settings = network(server, max_body_bytes=200_000, **changes)
                notes = ProgressNotes(place.path)
                await fetch_all(
                    wanted, settings, opt_outs, ImageDecoder(pool, None), staging, notes, engine=ENGINES[engine]
                )
            await staging.save()
            return list(staging.done()), server

    reports, server = asyncio.run(run())
    parts = [part for report in reports for part in report.parts]
    rows = [row for part in parts if part.table == "images" for row in read_rows(str(folder / part.path), ImageRow)]
    stored = {}
    for row in rows:
        if row.staging:
            tar = (folder / row.staging).read_bytes()
            stored[row.image_url] = tar[row.staging_offset : row.staging_offset + row.staging_length]
    return {row.image_url: row for row in rows}, stored, server


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What each engine makes of the same web."""
    folder = tmp_path_factory.mktemp("engines")
    opt_outs = compile_list(LISTED, str(folder), key="network.opt_out", radius=6).load()
    urls = [f"http://{address}" for address in WEB]
    routes = {address: answer for address, (answer, _) in WEB.items()} | ROBOTS
    return {
        engine: gone_through(engine, folder / engine, urls, routes, opt_outs, host_failures=100) for engine in ENGINES
    }


def test_every_url_ends_for_its_reason_with_either_engine(both):
    reasons = {f"http://{address}": reason for address, (_, reason) in WEB.items()}
    assert len(reasons) > 50
    for rows, _, _ in both.values():
        assert {url: row.reason for url, row in rows.items()} == reasons


def test_the_rows_are_the_same_but_for_the_time_and_the_place(both):
    ours, theirs = (
        {url: row._replace(fetched_at="", staging="", staging_offset=0) for url, row in rows.items()}
        for rows, _, _ in both.values()
    )
    assert theirs == ours


def test_what_is_stored_is_the_same_byte_for_byte(both):
    (_, ours, _), (_, theirs, _) = both.values()
    assert theirs == ours
    assert len(ours) > 20


def test_the_same_addresses_are_asked_and_none_that_may_not_be(both):
    (_, _, ours), (_, _, theirs) = both.values()
    assert sorted(theirs.requests) == sorted(ours.requests)
    assert not {"b.kr/private/1.jpg", "b.kr/listed.jpg"} & set(theirs.requests)
    for address in ("b.kr/noai.jpg", "b.kr/agent.jpg", "b.kr/tdm.jpg", "b.kr/usage.jpg", "b.kr/refusing-inside.jpg"):
        assert theirs.requests.count(address) == 1
    for head in theirs.heads:
        assert "\r\nUser-Agent: harubang/0.1\r\n" in head


def test_nothing_of_the_download_stays(both, tmp_path):
    rows, _, _ = gone_through("img2dataset", tmp_path, ["http://a.kr/1.jpg"], {"a.kr/1.jpg": WEB["a.kr/1.jpg"][0]})
    assert rows["http://a.kr/1.jpg"].outcome == "keep"
    saved = tmp_path / "saved" / "00000"
    assert sorted({path.name.partition("-")[0] for path in saved.rglob("*")}) == ["images", "record", "staging"]


def test_no_url_at_all(tmp_path):
    assert gone_through("img2dataset", tmp_path, [], {})[0] == {}


def test_shards_are_staged_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(
        img2dataset_engine,
        "_ARGUMENTS",
        (
            *(said for said in img2dataset_engine._ARGUMENTS if "number_sample" not in said),
            "--number_sample_per_shard=3",
        ),
    )
    monkeypatch.setattr(img2dataset_engine, "SHARD_ROWS", 3)
    addresses = [f"a.kr/{number}.jpg" for number in range(10)]
    routes = {address: WEB[address][0] for address in addresses}
    urls = [f"http://{address}" for address in addresses]
    rows, stored, server = gone_through("img2dataset", tmp_path, urls, routes)
    assert [row.outcome for row in rows.values()] == ["keep"] * 10
    assert {url: len(image) for url, image in stored.items()}.keys() == set(urls)
    assert sorted(server.requests) == sorted([*addresses, "a.kr/robots.txt"])


def test_where_the_engines_differ(tmp_path):
    """img2dataset's bytes are judged once the shard is done, and it follows ten redirects at the most."""
    routes = {
        "a.kr/1.jpg": reply(200, refusing_inside()),
        "b.kr/2.jpg": redirect("http://a.kr/1.jpg"),
        "c.kr/3.jpg": redirect("http://a.kr/1.jpg"),
        **{f"d.kr/{number}": redirect(f"/{number + 1}") for number in range(11)},
        "d.kr/11": reply(200, picture(1)),
    }
    urls = ["http://a.kr/1.jpg", "http://b.kr/2.jpg", "http://c.kr/3.jpg", "http://d.kr/0", "http://d.kr/1"]
    opted_out = [Reason.OPTED_OUT] * 3
    rows, _, server = gone_through("harubang", tmp_path / "ours", urls, routes, max_redirects=20)
    assert [rows[url].reason for url in urls] == [*opted_out, "", ""]
    assert server.requests.count("a.kr/1.jpg") == 1
    rows, _, server = gone_through("img2dataset", tmp_path / "theirs", urls, routes, max_redirects=20)
    assert [rows[url].reason for url in urls] == [*opted_out, Reason.DOWNLOAD_FAILED, ""]
    assert server.requests.count("a.kr/1.jpg") == 3


def test_one_url_of_each_host_in_turn():
    urls = ["http://b.kr/1", "http://a.kr/2", "http://a.kr/1", "https://a.kr:8443/3", "http://c.kr/1"]
    assert by_turns(urls) == [
        "http://a.kr/1",
        "http://b.kr/1",
        "http://c.kr/1",
        "http://a.kr/2",
        "https://a.kr:8443/3",
    ]
    assert by_turns([]) == []


def left_running(folder):
    """The processes that work in a folder below ``folder``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            found += [str(entry)] if str(entry.readlink()).startswith(str(folder)) else []
    return found


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("_ARGUMENTS", ("--output_format=none",), "img2dataset ended with 1 before it was done: .*"),
        ("_SILENT_SECONDS", 0.2, "img2dataset was silent for 0.2 s before it was done: it said nothing"),
    ],
)
def test_a_download_that_does_not_finish_fails_the_stage_and_is_gone(name, value, why, tmp_path, monkeypatch):
    arguments = img2dataset_engine._ARGUMENTS
    monkeypatch.setattr(img2dataset_engine, name, (*arguments, *value) if isinstance(value, tuple) else value)
    with pytest.raises(StageFailed, match=f"^fetch: {why}$"):
        gone_through("img2dataset", tmp_path, ["http://a.kr/1.jpg"], {"a.kr/1.jpg": WEB["a.kr/1.jpg"][0]})
    assert left_running(tmp_path) == []
    assert not list(tmp_path.rglob(".work-*"))


def test_what_img2dataset_lost_is_told():
    found = Fetched("http://a.kr/1.jpg", "http://b.kr/1.jpg", "", "127.0.0.1", 200, (), b"", "", "", (), ())
    there = Downloaded(LinkRow(0, "http://x.invalid/0", "", "", ""), "0.jpg", "no.tar", 0, "", "", "")
    failed = there._replace(reason=Reason.TIMED_OUT, detail="failed_to_download: timed out")
    with ImageReader(10) as images:

        def ends(*what):
            end = _had("http://a.kr/1.jpg", *what, images)
            return end.reason, end.detail[:40], end.status

        assert ends(found, None) == (Reason.DOWNLOAD_FAILED, "img2dataset has no row of it", 200)
        assert ends(found, failed) == (Reason.TIMED_OUT, "failed_to_download: timed out", 200)
        assert ends(found, there) == (Reason.IMAGE_MISSING, "[Errno 2] No such file or directory: 'no", 200)
        assert ends(None, failed) == (Reason.DOWNLOAD_FAILED, "failed_to_download: timed out", None)
        assert ends(None, there) == (Reason.DOWNLOAD_FAILED, "img2dataset has no row of it", None)
        refused = found._replace(reason=Reason.OPTED_OUT, detail="x-robots-tag")
        assert ends(refused, there) == (Reason.OPTED_OUT, "x-robots-tag", 200)


def test_the_only_way_out_is_the_proxy(monkeypatch):
    for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "*")
    environment = _environment("http://127.0.0.1:9")
    assert {name: value for name, value in environment.items() if name.lower().endswith("_proxy")} == dict.fromkeys(
        ("http_proxy", "https_proxy", "ftp_proxy"), "http://127.0.0.1:9"
    )
    assert (environment["NO_ALBUMENTATIONS_UPDATE"], environment["WANDB_MODE"]) == ("1", "disabled")


def test_what_is_not_installed_says_how_to_install_it(monkeypatch):
    assert installed_version() == version("img2dataset")
    monkeypatch.setattr(img2dataset_engine, "IMG2DATASET", "no-such-package")
    with pytest.raises(InputRefused, match=r"^fetch.engine: img2dataset is not installed; .*'\.\[img2dataset\]'"):
        installed_version()

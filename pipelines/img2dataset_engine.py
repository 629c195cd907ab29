"""The second fetch engine: img2dataset, in a process of its own, through a proxy that checks what it asks for.

It downloads into shards of `SHARD_ROWS`; each is read as soon as it is done, by the same code that reads a download
that was made before, and its images go the way of all images. See `checking_proxy` on what leaves this machine.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from pathlib import Path
from typing import Final

from filters.suppression import SuppressionTable
from filters.url import host_of
from pipelines import storage
from pipelines.checking_proxy import CheckingProxy
from pipelines.download_shards import Downloaded, read_shard
from pipelines.errors import InputRefused, StageFailed
from pipelines.image_row import ACCEPT, in_lanes, said, stage_row
from pipelines.known_images import ImageDecoder
from pipelines.link_table import LinkTable
from pipelines.network import Network
from pipelines.progress import ProgressNotes
from pipelines.saved import ROWS
from pipelines.staging import Staging
from pipelines.stored_image import ImageReader
from pipelines.web_client import OPT_OUTS, Fetched, WebClient, heard, not_asked
from schemas.reasons import Reason

IMG2DATASET: Final = "img2dataset"
"""What ``fetch.engine`` calls it, and its package."""
SHARD_ROWS: Final = ROWS
"""URLs of one shard of img2dataset: what a run that is killed does again, and what lies on disk as it came."""
_SILENT_SECONDS: Final = 300.0
"""Without a request for so long, and without an end, img2dataset is stuck."""
_LOOK_SECONDS: Final = 0.1
_COLUMNS: Final = LinkTable(path="")
_LINKS, _OUT, _LOG = "links.txt", "out", "log.txt"
_ARGUMENTS: Final = (
    f"--url_list={_LINKS}",
    f"--output_folder={_OUT}",
    "--output_format=webdataset",
    "--disable_all_reencoding=True",
    "--resize_mode=no",
    "--extract_exif=False",
    "--compute_hash=None",
    "--processes_count=1",
    f"--number_sample_per_shard={SHARD_ROWS}",
    "--timeout=86400",  # the proxy holds every limit, and a host's turn may be long in coming
    "--retries=0",
    "--max_shard_retry=0",
)


def installed_version() -> str:
    """Return the version of img2dataset.

    Raises:
        InputRefused: it is not installed.
    """
    try:
        return version(IMG2DATASET)
    except PackageNotFoundError as error:
        command = "python -m pip install -e '.[img2dataset]'"
        raise InputRefused(
            f"fetch.engine: img2dataset is not installed; install it with: {command} (or use harubang)"
        ) from error


async def download_each(
    urls: Sequence[str],
    network: Network,
    opt_outs: SuppressionTable | None,
    decoder: ImageDecoder,
    staging: Staging,
    notes: ProgressNotes,
) -> None:
    """Download with img2dataset, decode and stage every URL.

    Raises:
        StageFailed: img2dataset ended without having finished, or is stuck.
    """
    urls = by_turns(urls)
    if not urls:
        return
    async with (
        WebClient(network, opt_outs, staging.refusals()) as client,
        CheckingProxy(client, urls, accept=ACCEPT, seconds=network.total_seconds) as proxy,
    ):

        async def take(place: tuple[int, Downloaded | None, ImageReader]) -> None:
            row, there, images = place
            found, decoded = _had(urls[row], proxy.found.get(row), there, images), None
            if not found.reason:
                decoded = await decoder.decode(found.body)
                found = heard(found, said(decoded, opt_outs))
            if found.reason in OPT_OUTS:
                client.remember(found)
            await stage_row(found, decoded, staging)
            notes.advance()

        with staging.workspace() as folder, _img2dataset(folder, proxy, len(urls), network.connections) as process:
            for first in range(0, len(urls), SHARD_ROWS):
                shard = str(folder / _OUT / f"{first // SHARD_ROWS:05d}")
                await _until_done(shard, process, proxy, folder / _LOG)
                rows = (row for row in read_shard(shard, _COLUMNS) if isinstance(row, Downloaded))
                there = {proxy.row_of(row.link.url): row for row in rows}
                with ImageReader(network.max_body_bytes) as images:
                    numbers = range(first, min(first + SHARD_ROWS, len(urls)))
                    await in_lanes([(row, there.get(row), images) for row in numbers], take)
                await asyncio.to_thread(os.unlink, f"{shard}.tar")


def by_turns(urls: Sequence[str]) -> list[str]:
    """Return the URLs sorted, one of each host in turn: img2dataset asks for them in the order it is given."""
    hosts: dict[str, list[str]] = {}
    for url in sorted(urls):
        hosts.setdefault(host_of(url), []).append(url)
    return [url for turn in zip_longest(*hosts.values()) for url in turn if url is not None]


def _had(url: str, found: Fetched | None, there: Downloaded | None, images: ImageReader) -> Fetched:
    """Return what the proxy saw of a URL with the body that img2dataset wrote, or with why there is none."""
    if found is None or there is None:
        lost = found or not_asked(url)
        if lost.reason:
            return lost
        detail = there.detail if there is not None else ""
        return lost._replace(reason=Reason.DOWNLOAD_FAILED, detail=detail or "img2dataset has no row of it")
    if found.reason:
        return found
    if there.reason:
        return found._replace(reason=there.reason, detail=there.detail)
    try:
        return found._replace(body=images.read(there.source, there.offset).data)
    except OSError as error:
        return found._replace(reason=Reason.IMAGE_MISSING, detail=str(error)[:200])


@contextmanager
def _img2dataset(folder: Path, proxy: CheckingProxy, count: int, threads: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run img2dataset in ``folder`` on the proxy's rows. In the end all its processes are gone."""
    (folder / _LINKS).write_text("".join(f"{proxy.stand_in(row)}\n" for row in range(count)))
    with (folder / _LOG).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and constants
            [sys.executable, "-P", "-m", "img2dataset.main", *_ARGUMENTS, f"--thread_count={min(threads, count)}"],
            cwd=folder,
            env=_environment(proxy.address),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def _until_done(shard: str, process: subprocess.Popen[bytes], proxy: CheckingProxy, log: Path) -> None:
    """Wait for the statistics of a shard, which are written last."""
    while True:
        ended = process.poll()
        proxy.raise_failure()
        if storage.exists(f"{shard}_stats.json"):
            return
        if ended is not None or proxy.idle() > _SILENT_SECONDS:
            why = f"was silent for {_SILENT_SECONDS:g} s" if ended is None else f"ended with {ended}"
            raise StageFailed(f"fetch: img2dataset {why} before it was done: {_last_line(log)}")
        await asyncio.sleep(_LOOK_SECONDS)


def _environment(proxy: str) -> dict[str, str]:
    """Return our environment with ``proxy`` as the only way out, and without the calls home of what it imports."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ways = dict.fromkeys(("http_proxy", "https_proxy", "ftp_proxy"), proxy)
    return {**kept, **ways, "NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled"}


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"

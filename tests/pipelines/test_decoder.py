import asyncio
import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.decoder import DecoderPool, ImageSettings
from pipelines.pixels import process
from schemas.identity import sha256_hex
from schemas.reasons import Reason


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo(seed=1, size=(640, 480)):
    rough = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return saved(Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC), "JPEG")


GOOD = photo()
SLOW = saved(Image.new("L", (7000, 7000)), "PNG")  # most of a second to decode, in 60 kB


def children(pid=None):
    """Return the ids of the living decoders of ``pid``, which may have other children: servers of other tests."""
    found = set()
    for listing in Path(f"/proc/{pid or os.getpid()}/task").glob("*/children"):
        found.update(map(int, listing.read_text().split()))
    return {child for child in found if b"decode_child" in command(child)}


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until_gone(pids, seconds):
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


def pool_children(before):
    return children() - before


async def in_pool(work, **settings):
    before = children()
    async with DecoderPool(ImageSettings(**{"processes": 1, **settings})) as pool:
        result = await work(pool)
        started = pool_children(before)
    assert wait_until_gone(started, 0)
    return result


def test_the_pool_answers_as_the_function_does():
    async def work(pool):
        return await pool.decode(GOOD)

    assert asyncio.run(in_pool(work)) == process(GOOD, ImageSettings())


def test_many_calls_share_the_processes_and_keep_their_answers():
    images = [photo(seed) for seed in range(40)]

    async def work(pool):
        answers = await asyncio.gather(*(pool.decode(data) for data in images))
        return answers, len(children())

    answers, processes = asyncio.run(in_pool(work, processes=2))
    assert [answer.raw_sha256 for answer in answers] == [sha256_hex(data) for data in images]
    assert processes == 2


def test_bad_images_are_answered_and_not_raised():
    async def work(pool):
        return [
            await pool.decode(data) for data in (b"", b"<html>", GOOD[:500], b"\xff\xd8\xff" + os.urandom(5000), GOOD)
        ]

    reasons = [answer.reason for answer in asyncio.run(in_pool(work))]
    assert reasons == [
        Reason.IMAGE_FORMAT_REFUSED,
        Reason.IMAGE_FORMAT_REFUSED,
        Reason.IMAGE_UNDECODABLE,
        Reason.IMAGE_UNDECODABLE,
        "",
    ]


def test_a_large_answer_and_a_large_request_pass_through_the_pipes():
    noise = np.random.default_rng(1).integers(0, 256, (1400, 1400, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), "PNG")

    async def work(pool):
        return await pool.decode(data)

    decoded = asyncio.run(in_pool(work, max_side=1400, quality=100))
    assert len(data) > 5_000_000
    assert len(decoded.jpeg) > 2_000_000
    assert decoded.reason == ""


def test_a_file_over_the_limit_is_not_even_sent():
    async def work(pool):
        return await pool.decode(GOOD)

    decoded = asyncio.run(in_pool(work, max_bytes=len(GOOD) - 1))
    assert (decoded.reason, decoded.detail) == (Reason.BODY_TOO_LARGE, f"{len(GOOD)} bytes")
    assert decoded.raw_sha256 == sha256_hex(GOOD)


def test_an_image_over_its_time_costs_one_sample():
    async def work(pool):
        start = time.monotonic()
        late = await pool.decode(SLOW)
        taken = time.monotonic() - start
        return late, taken, await pool.decode(GOOD[:300])

    late, taken, after = asyncio.run(in_pool(work, decode_seconds=0.1, max_pixels=10**8))
    assert (late.reason, late.detail) == (Reason.DECODER_TIMED_OUT, "over 0.1 s")
    assert late.raw_sha256 == sha256_hex(SLOW)
    assert taken < 0.5
    assert after.reason == Reason.IMAGE_UNDECODABLE


@pytest.mark.parametrize(("number", "name"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGKILL, "SIGKILL")])
def test_a_crash_costs_one_sample_and_no_sibling(number, name):
    async def work(pool):
        slow = asyncio.create_task(pool.decode(SLOW))
        await asyncio.sleep(0.15)
        siblings = asyncio.gather(*(pool.decode(photo(seed)) for seed in range(10)))
        busiest = max(
            children(), key=lambda pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
        )
        os.kill(busiest, number)
        return await slow, await siblings

    crashed, siblings = asyncio.run(in_pool(work, processes=2, max_pixels=10**8))
    assert (crashed.reason, crashed.detail) == (Reason.DECODER_CRASHED, name)
    assert [sibling.reason for sibling in siblings] == [""] * 10


def test_an_image_beyond_the_memory_limit_costs_one_sample():
    async def work(pool):
        return await pool.decode(SLOW), await pool.decode(GOOD)

    starved, good = asyncio.run(in_pool(work, memory_mib=64, max_pixels=10**8))
    assert (starved.reason, starved.detail) == (Reason.DECODER_CRASHED, "MemoryError")
    assert good.reason == ""


@pytest.mark.parametrize(
    ("reason", "settings"),
    [(Reason.DECODER_TIMED_OUT, {"decode_seconds": 0.1}), (Reason.DECODER_CRASHED, {"memory_mib": 64})],
)
def test_images_waiting_behind_a_lost_one_are_decoded_all_the_same(reason, settings):
    async def work(pool):
        small = [photo(seed, (64, 48)) for seed in range(3)]
        return await asyncio.gather(*(pool.decode(data) for data in (SLOW, *small, SLOW, GOOD[:300])))

    answers = asyncio.run(in_pool(work, max_pixels=10**8, **settings))
    assert [answer.reason for answer in answers] == [reason, "", "", "", reason, Reason.IMAGE_UNDECODABLE]


def test_a_process_that_died_idle_is_replaced():
    async def work(pool):
        (child,) = children()
        os.kill(child, signal.SIGKILL)
        lost = await pool.decode(GOOD)
        return lost, await pool.decode(GOOD)

    lost, good = asyncio.run(in_pool(work))
    assert lost.reason in ("", Reason.DECODER_CRASHED)
    assert good.reason == ""


def test_a_cancelled_call_leaves_the_pool_fit():
    async def work(pool):
        slow = asyncio.create_task(pool.decode(SLOW))
        await asyncio.sleep(0.1)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        return await pool.decode(GOOD)

    assert asyncio.run(in_pool(work, max_pixels=10**8)).raw_sha256 == sha256_hex(GOOD)


@pytest.mark.parametrize("program", ["/bin/false", "/nonexistent/python"])
def test_a_decoder_that_cannot_start_is_an_error_and_no_drop(monkeypatch, program):
    monkeypatch.setattr(sys, "executable", program)

    async def start():
        async with DecoderPool(ImageSettings(processes=1)):
            pass

    with pytest.raises(RuntimeError, match="does not start"):
        asyncio.run(start())


def test_closing_in_the_middle_of_an_image_leaves_no_process():
    before = children()

    async def leave():
        async with DecoderPool(ImageSettings(processes=2, max_pixels=10**8)) as pool:
            slow = asyncio.create_task(pool.decode(SLOW))
            await asyncio.sleep(0.1)
            started = pool_children(before)
        await slow
        return started

    started = asyncio.run(leave())
    assert len(started) >= 2
    assert wait_until_gone(started | pool_children(before), 1)


def test_it_works_in_a_threads_event_loop_and_across_calls_from_other_threads():
    loop = asyncio.new_event_loop()
    answers = []

    def run(coroutine):
        answers.append(loop.run_until_complete(coroutine))

    pool = DecoderPool(ImageSettings(processes=1))
    for step in (pool.__aenter__, lambda: pool.decode(GOOD), lambda: pool.decode(GOOD)):
        thread = threading.Thread(target=run, args=(step(),))
        thread.start()
        thread.join()
    loop.run_until_complete(pool.__aexit__(None, None, None))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    assert [answer.reason for answer in answers[1:]] == ["", ""]


@pytest.mark.parametrize("busy", [False, True])
def test_no_process_outlives_a_killed_parent(busy, tmp_path):
    image = tmp_path / "image"
    image.write_bytes(SLOW if busy else GOOD)
    program = """
        import asyncio, sys
        from pathlib import Path
        from pipelines.decoder import DecoderPool, ImageSettings

        async def main():
            async with DecoderPool(ImageSettings(processes=2, max_pixels=10**8)) as pool:
                await pool.decode(Path(sys.argv[1]).read_bytes()[:100])
                task = asyncio.create_task(pool.decode(Path(sys.argv[1]).read_bytes()))
                await asyncio.sleep(0.05)
                print("ready", flush=True)
                await asyncio.sleep(60)

        asyncio.run(main())
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(image)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    with parent:
        parent.stdout.readline()
        started = children(parent.pid)
        assert len(started) == 2
        parent.kill()
    assert wait_until_gone(started, 7)

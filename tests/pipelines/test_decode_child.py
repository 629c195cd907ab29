import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from pipelines.decode_child import GRACE_SECONDS, LENGTH
from pipelines.decoded import Decoded, ImageSettings
from schemas.reasons import Reason


def saved(image, kind):
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


GOOD = saved(Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)), "JPEG")


@pytest.fixture
def child():
    processes = []

    def start(**settings):
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.decode_child", msgspec.json.encode(ImageSettings(**settings)).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        processes.append(process)
        assert receive(process) == b""  # ready
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def receive(process):
    head = process.stdout.read(LENGTH.size)
    return process.stdout.read(LENGTH.unpack(head)[0]) if head else None


def ask(process, data):
    process.stdin.write(LENGTH.pack(len(data)) + data)
    process.stdin.flush()
    return msgspec.msgpack.decode(receive(process), type=Decoded)


def limits(process):
    text = Path(f"/proc/{process.pid}/limits").read_text()
    return {line[:26].strip(): line[26:].split()[0] for line in text.splitlines()[1:]}


def test_it_answers_image_after_image(child):
    process = child()
    assert [ask(process, data).reason for data in (GOOD, b"", GOOD)] == ["", Reason.IMAGE_FORMAT_REFUSED, ""]


def test_it_ends_well_when_its_input_ends(child):
    process = child()
    process.stdin.close()
    assert process.wait(5) == 0


def test_it_ends_when_its_input_ends_inside_an_image(child):
    process = child()
    process.stdin.write(LENGTH.pack(1000) + b"half")
    process.stdin.close()
    assert process.wait(5) == 0


def test_it_limits_itself(child):
    process = child(memory_mib=300)
    bound = limits(process)
    assert (bound["Max core file size"], bound["Max file size"]) == ("0", "0")
    mapped = int(Path(f"/proc/{process.pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    assert 250 * 2**20 < int(bound["Max address space"]) - mapped <= 300 * 2**20


def test_it_has_one_thread(child):
    process = child()
    ask(process, GOOD)
    assert len(list(Path(f"/proc/{process.pid}/task").iterdir())) == 1


def test_it_leaves_after_running_out_of_memory(child):
    process = child(memory_mib=32, max_pixels=10**8)
    answer = ask(process, saved(Image.new("L", (6000, 6000)), "PNG"))
    assert (answer.reason, answer.detail) == (Reason.DECODER_CRASHED, "MemoryError")
    assert process.wait(5) == 0


def test_without_a_parent_to_kill_it_it_ends_itself(child):
    process = child(decode_seconds=0.01, max_pixels=10**8)
    slow = saved(Image.new("L", (9000, 9000)), "PNG")
    process.stdin.write(LENGTH.pack(len(slow)) + slow)
    process.stdin.flush()
    time.sleep(0.2)
    process.send_signal(signal.SIGSTOP)  # it hangs
    time.sleep(GRACE_SECONDS)
    process.send_signal(signal.SIGCONT)
    assert receive(process) is None
    assert process.wait(1) == -signal.SIGALRM


def test_nothing_a_library_prints_reaches_the_answers(child):
    process = child()
    assert Path(f"/proc/{process.pid}/fd/1").readlink() == Path(f"/proc/{process.pid}/fd/2").readlink()


def test_no_beam_is_loaded_to_decode_an_image():
    program = "import sys, pipelines.decode_child; print(sorted({m.partition('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    for package in ("apache_beam", "asyncio", "pyarrow", "aiohttp"):
        assert f"'{package}'" not in loaded.stdout

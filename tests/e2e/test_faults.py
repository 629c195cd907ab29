"""Whatever goes wrong, the books balance: unreadable and vanished sources, a full disk, a record that raises."""

import gzip
import json
import os
import shutil
import subprocess
from collections import Counter

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from filters import harvest
from pipelines import extract
from pipelines.errors import StageFailed
from pipelines.run import Run
from pipelines.status import current_ledger
from pipelines.warc import WarcWriter
from pipelines.workflow import load_workflow
from schemas.reasons import Reason

PAGE = "<html><body><img src='/{n}.jpg' alt='바닷가 마을 {n}번지 돌담 너머로 보이는 유채꽃'></body></html>"


def write_warc(path, numbers):
    with path.open("wb") as file:
        writer = WarcWriter(file)
        for number in numbers:
            writer.add(
                url=f"http://127.0.0.1:9/{number}.html",
                fetched_at="2026-01-01T00:00:00Z",
                address="",
                status=200,
                headers=[("Content-Type", "text/html; charset=utf-8")],
                body=PAGE.format(n=number).encode(),
            )


@pytest.fixture
def folder(tmp_path):
    write_warc(tmp_path / "good.warc.gz", range(5))
    whole = (tmp_path / "good.warc.gz").read_bytes()
    (tmp_path / "cut.warc.gz").write_bytes(whole[:-90])
    (tmp_path / "noise.warc.gz").write_bytes(gzip.compress(b"no archive at all"))
    (tmp_path / "gone.warc.gz").write_bytes(whole)
    (tmp_path / "workflow.yaml").write_text(
        f"name: faults\nsources: {{warc: ['{tmp_path}/*.warc.gz']}}\n"
        "network: {allow_loopback: true, delay_seconds: 0, connect_seconds: 1, total_seconds: 2, max_tries: 1}\n"
    )
    return tmp_path


def run(folder, out="out"):
    task = Run(load_workflow(str(folder / "workflow.yaml")), str(folder / out), PipelineOptions([]))
    (folder / out).mkdir(exist_ok=True)
    task.execute()
    return current_ledger(str(folder / out))


def test_sources_that_cannot_be_read_are_rows_of_a_balanced_ledger(folder, monkeypatch):
    real = extract.ExtractUnit.process

    def vanishing(self, element):
        (folder / "gone.warc.gz").unlink(missing_ok=True)
        return real(self, element)

    monkeypatch.setattr(extract.ExtractUnit, "process", vanishing)
    books = run(folder)
    assert books.balanced
    assert books.candidates == books.kept + sum(books.dropped.values())
    assert books.dropped[Reason.SOURCE_UNREADABLE] == 1
    assert books.dropped[Reason.SOURCE_MISSING] == 1
    assert books.dropped.get(Reason.RECORD_UNREADABLE, 0) + books.dropped.get(Reason.DUPLICATE_CANDIDATE, 0) >= 1


def test_a_record_that_raises_costs_itself_only(folder, monkeypatch):
    def raising(html, page_url, **_):
        if page_url.endswith("/3.html"):
            raise ZeroDivisionError("주민번호가 여기 있을 수도 있다")
        return harvest.harvest(html, page_url)

    monkeypatch.setattr(extract, "harvest", raising)
    books = run(folder)
    assert books.balanced
    assert books.dropped[Reason.RECORD_RAISED] >= 1
    written = b"".join(p.read_bytes() for p in (folder / "out").rglob("*") if p.is_file() and p.suffix == ".json")
    assert "주민번호가".encode() not in written


def test_a_page_that_makes_the_screen_raise_costs_itself_only(folder, monkeypatch):
    from pipelines import screen

    real = screen.judge

    def raising(batch, *rest):
        if any("/2.jpg" in item.image_url for item in batch):
            raise KeyError("x")
        return real(batch, *rest)

    monkeypatch.setattr(screen, "judge", raising)
    books = run(folder)
    assert books.balanced
    assert books.dropped[Reason.RECORD_RAISED] == 1


def test_what_is_told_of_a_stage_that_fails_quotes_no_resident_number(folder, monkeypatch):
    number = "900101-1234567"  # made up: the check digit does not fit
    quoting = f"cannot read '<p>홍길순 {number}'\n{number.replace('-', '')}"

    def raising(text):
        raise RuntimeError(quoting)

    monkeypatch.setattr(extract, "has_hangul", raising)
    with pytest.raises(StageFailed, match=r"RuntimeError: cannot read '<p>홍길순 \[주민등록번호\]'") as failed:
        run(folder)
    assert number not in str(failed.value)
    (told,) = (folder / "out").glob("stages/extract-*/attempt-*/error.txt")
    assert "in raising" in told.read_text()
    assert "extract.py" in told.read_text()
    for path in (folder / "out").rglob("*"):
        assert not path.is_file() or not any(digits in path.read_bytes() for digits in (b"1234567", b"900101"))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 600 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here: not root, or not allowed in this container")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_ends_in_one_line_and_the_run_resumes(folder, small_disk, run_harubang):
    filler = small_disk / "filler"
    filler.write_bytes(os.urandom(500 * 1024))
    out = small_disk / "out"
    done = run_harubang("run", folder / "workflow.yaml", "--out", out)
    message = done.stderr.decode()
    assert done.returncode == 3, message
    assert "No space left on device" in message
    assert "Traceback" not in message
    assert not list(out.glob("dataset*"))
    filler.unlink()
    assert run_harubang("run", folder / "workflow.yaml", "--out", out).returncode == 0
    books = json.loads(run_harubang("ledger", out, "--json").stdout)
    assert books["balanced"]
    assert books["candidates"] == books["kept"] + sum(books["dropped"].values())
    assert json.loads(run_harubang("verify", out, "--json").stdout)["ok"]
    assert not list(out.rglob(".writing-*"))


def test_after_every_committed_stage_the_ledger_balances(folder):
    run(folder)
    for stage in ("select", "screen"):
        assert current_ledger(str(folder / "out")).balanced
        (path,) = (folder / "out" / "stages").glob(f"{stage}-*")
        shutil.rmtree(path)
    books = current_ledger(str(folder / "out"))
    assert books.balanced
    assert Counter(books.dropped).total() + books.kept == books.candidates

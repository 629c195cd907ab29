"""The demo's outcome against the table of its cases, each by its name; and the run's own account of itself."""

import json
from collections import Counter

import pytest

from pipelines.embedded_web.cases import CASES
from pipelines.parts import read_rows
from pipelines.run import read_run_record
from pipelines.status import committed_at
from schemas.reasons import Reason
from schemas.records import OutcomeRow
from tests.e2e.conftest import root_of


@pytest.fixture(scope="module")
def outcomes(demo):
    record = read_run_record(str(demo))
    select = committed_at(str(demo), record.folders["select"])
    return [row for path in select.paths("outcomes") for row in read_rows(path, OutcomeRow)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case, outcomes):
    found = [
        (row.outcome, row.reason)
        for row in outcomes
        if row.page_url == case.page_url and row.image_url == case.image_url
    ]
    assert (case.outcome, case.reason) in found, f"{case.note}: {found}"


def test_the_books_balance_and_every_reason_is_there(demo, run_harubang):
    books = json.loads(run_harubang("ledger", demo, "--json").stdout)
    assert list(books) == ["candidates", "kept", "dropped", "balanced"]
    assert books["balanced"]
    assert books["candidates"] == books["kept"] + sum(books["dropped"].values())


def test_the_log_adds_up_to_the_books(demo):
    (log,) = (demo / "log").iterdir()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines[-1]["event"] == "published"
    for line in lines[:-1]:
        units = [unit for unit in lines if unit["event"] == "unit" and unit["stage"] == line["stage"]]
        if line["event"] == "committed":
            for account in ("rows", "bytes", "counts"):
                sums = Counter()
                for unit in units:
                    sums.update(unit[account])
                assert sums == line[account], (line["stage"], account)
            assert line["seconds"] >= max(unit["seconds"] for unit in units)


def test_it_verifies(demo, run_harubang):
    answer = json.loads(run_harubang("verify", demo, "--json").stdout)
    assert answer == {
        "root": root_of(demo),
        "ok": True,
        "problems": [],
    }


def test_one_flipped_bit_is_found_and_exits_1(demo, tmp_path, run_harubang):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(demo, copy)
    shard = copy / "dataset" / "shards" / "00000.tar"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    done = run_harubang("verify", copy, "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["ok"]) == (1, False)
    assert any("shards/00000.tar" in problem for problem in answer["problems"])


def test_a_sample_is_traced_by_key_url_and_digest(demo, outcomes, run_harubang):
    kept = min((row for row in outcomes if row.outcome == "keep"), key=lambda row: row.candidate_id)
    by_key = json.loads(run_harubang("trace", demo, kept.candidate_id, "--json").stdout)
    (image,) = by_key["images"]
    for identity in (kept.image_url, kept.page_url, image["stored_sha256"], image["raw_sha256"]):
        story = json.loads(run_harubang("trace", demo, identity, "--json").stdout)
        assert kept.candidate_id in {row["candidate_id"] for row in story["outcomes"]}, identity
    assert by_key["lineage"][0]["source_offset"] is not None
    assert by_key["images"][0]["fetched_at"]
    assert b"outcome  keep" in run_harubang("trace", demo, kept.candidate_id).stdout


def test_a_dropped_one_tells_its_reason(demo, outcomes, run_harubang):
    lost = min((row for row in outcomes if row.reason == Reason.OPTED_OUT), key=lambda row: row.candidate_id)
    story = json.loads(run_harubang("trace", demo, lost.image_url, "--json").stdout)
    assert {row["reason"] for row in story["outcomes"] if row["candidate_id"] == lost.candidate_id} == {"opted_out"}
    assert any(not evidence["allowed"] for row in story["images"] for evidence in row["consent"])


def test_an_unknown_id_is_told(demo, run_harubang):
    done = run_harubang("trace", demo, "f" * 32)
    assert done.returncode == 2
    assert b"nothing in" in done.stderr


def test_status_names_every_stage(demo, run_harubang):
    answer = json.loads(run_harubang("status", demo, "--json").stdout)
    assert [stage["stage"] for stage in answer["stages"]] == [
        "crawl",
        "extract",
        "screen",
        "fetch",
        "dedupe",
        "select",
        "pack",
    ]
    assert {stage["state"] for stage in answer["stages"]} == {"committed"}


def test_the_report_is_one_page_that_asks_the_network_for_nothing(demo):
    page = (demo / "report.html").read_text(encoding="utf-8")
    for asking in ('src="http', "src='http", 'href="http', "@import", "<script", "url(http"):
        assert asking not in page
    assert "돌하르방" in page


def test_no_caption_holds_what_the_design_forbids(outcomes):
    assert all("\ufffd" not in row.caption for row in outcomes if row.outcome == "keep")


def test_captions_are_explained_line_by_line(run_harubang):
    lines = "제주 돌문화공원 입구에 서 있는 돌하르방\nIMG_2034.jpg\n\n"
    answers = [json.loads(line) for line in run_harubang("caption", "--json", stdin=lines.encode()).stdout.splitlines()]
    assert [answer["raw"] for answer in answers] == lines.splitlines()
    assert list(answers[0]) == ["raw", "caption", "outcome", "reason", "scores", "concepts", "redactions"]
    assert [answer["outcome"] for answer in answers] == ["keep", "drop", "drop"]
    assert answers[1]["reason"] == "caption_file_name"

from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import trace as trace_module
from pipelines.errors import InputRefused
from pipelines.parts import Done, read_rows, write_part
from pipelines.stage import Attempt, StagePlan
from pipelines.trace import tell, trace
from schemas.reasons import Reason
from schemas.records import ImageRow

TABLES = ["crawled", "pages", "candidates", "screened", "images", "clusters", "outcomes", "lineage"]


def counts(story):
    return {name: len(story[name]) for name in TABLES if story[name]}


def test_a_sample_s_key_gives_its_whole_story_and_nobody_else_s(output):
    story = trace(output.folder, "0" * 32)
    assert list(story) == ["id", *TABLES, "earlier"]
    assert story["id"] == "0" * 32
    assert counts(story) == dict.fromkeys(TABLES[1:], 1)
    assert {row["candidate_id"] for name in ("candidates", "screened", "outcomes") for row in story[name]} == {"0" * 32}
    assert story["images"][0]["image_url"] == story["clusters"][0]["image_url"] == "http://a.test/0.jpg"
    assert story["lineage"][0]["key"] == "0" * 32
    assert story["images"][0]["consent"] == [{"channel": "robots.txt", "value": "sha256:00", "allowed": True}]
    assert story["outcomes"][0]["outcome"] == "keep"


def test_a_dropped_candidate_ends_in_its_reason(output):
    story = trace(output.folder, output.dropped.candidate_id)
    assert counts(story) == {"pages": 1, "candidates": 1, "screened": 1, "outcomes": 1}
    assert (story["outcomes"][0]["stage"], story["outcomes"][0]["reason"]) == ("screen", "caption_too_short")


@pytest.mark.parametrize("digest", ["raw_sha256", "stored_sha256"])
def test_the_sha256_of_an_image_leads_to_its_sample(output, digest):
    found = trace(output.folder, "1" * 32)["images"][0]
    story = trace(output.folder, found[digest])
    assert [row["candidate_id"] for row in story["candidates"]] == ["1" * 32]
    assert [row["key"] for row in story["lineage"]] == ["1" * 32]
    assert trace(output.folder, found[digest].upper())["images"] == story["images"]


def test_the_digest_of_a_page_leads_to_all_that_stood_on_it(output):
    assert counts(trace(output.folder, "d" * 64)) == {
        "pages": 1,
        "candidates": 3,
        "screened": 3,
        "images": 2,
        "clusters": 2,
        "outcomes": 3,
        "lineage": 2,
    }


def test_the_url_of_an_image_in_any_form(output):
    for url in ("http://a.test/1.jpg", "HTTP://A.test:80/x/../1.jpg"):
        story = trace(output.folder, url)
        assert [row["candidate_id"] for row in story["candidates"]] == ["1" * 32]
        assert [row["image_url"] for row in story["images"]] == ["http://a.test/1.jpg"]


def test_the_url_of_a_page_leads_to_its_images(output):
    story = trace(output.folder, "http://a.test/")
    assert counts(story)["candidates"] == 3
    assert [row["image_url"] for row in story["images"]] == ["http://a.test/0.jpg", "http://a.test/1.jpg"]


@pytest.mark.parametrize("identity", ["f" * 32, "f" * 64, "http://a.test/none", "돌하르방", ""])
def test_what_nothing_has_is_told(output, identity):
    with pytest.raises(InputRefused, match="has this identity; give a sample key, candidate id, URL or sha256"):
        trace(output.folder, identity)


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(InputRefused, match="holds no run of harubang"):
        trace(str(tmp_path), "0" * 32)


def test_what_a_run_that_did_not_finish_knows_is_told(output):
    for stage in ("fetch", "dedupe", "select", "pack"):
        (Path(output.stages[stage].folder) / "manifest.json").unlink()
    assert counts(trace(output.folder, "0" * 32)) == {"pages": 1, "candidates": 1, "screened": 1}


def test_an_answer_has_a_limit(output, monkeypatch):
    monkeypatch.setattr(trace_module, "_LIMIT", 2)
    assert counts(trace(output.folder, "http://a.test/"))["candidates"] == 2


def test_the_story_of_a_sample_as_lines(output):
    lines = list(tell(trace(output.folder, "0" * 32)))
    assert lines[0] == "0" * 32
    text = "\n".join(lines)
    for told in (
        "page       http://a.test/  in /data/a.warc.gz@17  utf-8",
        f"candidate  {'0' * 32}  http://a.test/0.jpg",
        "caption  돌하르방 0  [alt] alt",
        "outcome  keep",
        "image      http://a.test/0.jpg  2026-01-01T00:00:01Z  HTTP 200  400x300",
        "consent  allowed by robots.txt: sha256:00",
        f"sample     {'0' * 32}  from /data/a.warc.gz@17",
    ):
        assert told in text
    assert "licence" not in text
    assert all("\n" not in line for line in lines)


def test_the_licences_of_a_sample_are_told(output):
    story = trace(output.folder, "0" * 32)
    assert story["lineage"][0]["licences"] == ""
    story["lineage"][0]["licences"] = "kogl:1 https://creativecommons.org/licenses/by/4.0/"
    assert list(tell(story))[-1] == "    licence  kogl:1 https://creativecommons.org/licenses/by/4.0/"


def test_a_page_that_was_lost_whole_has_no_caption(output):
    story = trace(output.folder, "0" * 32)
    story["screened"][0] |= {"unit": "page", "image_url": "", "caption": ""}
    story["pages"][0]["source_offset"] = None
    lines = list(tell(story))
    assert f"  page       {'0' * 32}" in lines
    assert "  page       http://a.test/  in /data/a.warc.gz  utf-8" in lines
    assert not any("caption" in line for line in lines)


def test_the_story_of_a_dropped_candidate_as_lines(output):
    assert "    outcome  drop caption_too_short" in list(tell(trace(output.folder, output.dropped.candidate_id)))


def test_a_loser_s_line_names_its_winner_and_a_refusal_its_channel(output):
    story = trace(output.folder, "0" * 32)
    story["outcomes"][0] |= {"outcome": "drop", "reason": "duplicate_near", "detail": "", "winner_id": "w"}
    story["images"][0] |= {"stored_sha256": "", "reason": "opted_out"}
    story["images"][0]["consent"][0]["allowed"] = False
    story["crawled"] = [
        {"page_url": "http://a.test/", "captured_at": "", "http_status": 200, "reason": "", "detail": ""}
    ]
    text = "\n".join(tell(story))
    assert "outcome  drop duplicate_near  (preferred: w)" in text
    assert "HTTP 200  opted_out" in text
    assert "consent  refused by robots.txt" in text
    assert "crawled    http://a.test/    HTTP 200  archived" in text


def test_what_an_earlier_stage_had_from_the_same_url_is_told_once(output):
    row = next(read_rows(output.stages["fetch"].paths("images")[0], ImageRow))
    failed = row._replace(outcome="drop", reason=Reason.TIMED_OUT, fetched_at="2025-01-01T00:00:00Z", staging="")
    for version in (7, 8):
        plan = StagePlan(stage="fetch", covers={"version": version}, root=output.folder)
        earlier = Attempt(plan=plan, name="attempt-1", options=PipelineOptions([]))
        part = write_part(earlier.place, "images", 0, ImageRow, [failed, row, row._replace(image_url="http://b.test/")])
        earlier.commit(Done([part], []))
    story = trace(output.folder, row.image_url)
    assert [found["reason"] for found in story["images"]] == [""]
    (told,) = story["earlier"]
    assert (told["reason"], told["image_url"], told["stage"][:6]) == ("timed_out", row.image_url, "fetch-")
    (line,) = (line for line in tell(story) if line.startswith("  earlier"))
    assert "timed_out  in fetch-" in line

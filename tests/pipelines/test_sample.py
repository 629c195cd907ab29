import json

from pipelines.sample import selected_row
from schemas.records import Contender, Verdict


def numbered(contender, identity, **image):
    screened = contender.screened._replace(candidate_id=identity * 32, caption=f"돌하르방 {identity}")
    return Contender(
        screened,
        contender.image._replace(**image),
        contender.cluster,
        [Verdict("image_min_side@1", "keep", "", 300.0, 200.0)],
    )


def test_a_sample_holds_its_whole_record_and_the_captions_that_lost(contender, image):
    winner = numbered(contender, "2", raw_sha256="c" * 64)
    sample = selected_row(winner, [numbered(contender, "1"), numbered(contender, "3")])
    metadata = json.loads(sample.metadata)
    assert sample.metadata == json.dumps(metadata, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert (metadata["key"], metadata["caption"], metadata["url"]) == ("2" * 32, "돌하르방 2", "http://a.test/1.jpg")
    assert (metadata["sha256"], metadata["raw_sha256"]) == (image.stored_sha256, "c" * 64)
    assert (metadata["width"], metadata["original_width"], metadata["format"]) == (400, 800, "JPEG")
    assert not any(value is None or isinstance(value, list) for value in metadata.values())
    assert metadata["concepts"] == "돌하르방"
    assert metadata["licences"] == ""
    details = json.loads(metadata["details"])
    assert details["captions"] == [{"dom_path": "/html/body/img", "kind": "alt", "text": "공원에 선 돌하르방"}]
    assert details["consent"] == [{"channel": "robots.txt", "value": "sha256:00", "allowed": True}]
    assert metadata["scores"] == {"short_side": 300.0}
    assert [judged["filter_id"] for judged in details["verdicts"]] == ["caption_length@1", "image_min_side@1"]
    assert [metadata[f"source_{name}"] for name in ("kind", "name", "digest")] == ["warc", "a.warc.gz", "d" * 64]
    assert [(lost["candidate_id"][0], lost["caption"]) for lost in details["duplicates"]] == [
        ("1", "돌하르방 1"),
        ("3", "돌하르방 3"),
    ]
    assert (sample.staging, sample.staging_offset, sample.staging_length) == (image.staging, 512, 900)
    assert (sample.lineage.fetched_at, sample.lineage.source_offset) == (image.fetched_at, 17)


def test_the_licences_that_the_page_names_are_in_the_sample_and_in_its_lineage(contender):
    named = "kogl:1 https://creativecommons.org/licenses/by/4.0/"
    sample = selected_row(contender._replace(screened=contender.screened._replace(licences=named)), [])
    assert json.loads(sample.metadata)["licences"] == sample.lineage.licences == named


def test_nothing_that_differs_between_two_crawls_of_one_content_is_in_the_metadata(contender):
    one = numbered(contender, "1")
    again = one._replace(
        screened=one.screened._replace(captured_at="2027-01-01T00:00:00Z", source="/mnt/a.warc.gz", source_offset=9),
        image=one.image._replace(fetched_at="2027-01-01T00:00:00Z", address="127.0.0.2", staging="x", staging_offset=1),
    )
    first, second = (selected_row(c, []) for c in (one, again))
    assert first.metadata == second.metadata
    assert first.lineage != second.lineage


def test_the_files_of_a_crawl_are_not_named_in_the_metadata(contender):
    named = contender.screened._replace(source_kind="crawl", source="/x/warc-00001-abc.warc.gz")
    sample = selected_row(contender._replace(screened=named), [])
    assert json.loads(sample.metadata)["source_name"] == "crawl"

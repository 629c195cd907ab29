import io

import pytest
from PIL import Image

from pipelines.concept_counts import ConceptCounts
from pipelines.dataset import DatasetFile, DatasetManifest
from pipelines.errors import StageFailed
from pipelines.ledger import Ledger
from pipelines.outcome import outcome_row
from pipelines.parts import AttemptPlace, write_part
from pipelines.report import gather, write_report
from pipelines.report_charts import Bar
from pipelines.report_page import PageBooks, StageBooks
from pipelines.sample import selected_row
from pipelines.stage import Committed, StageManifest
from schemas.identity import sha256_hex
from schemas.reasons import Reason, Stage
from schemas.records import ClusterRow, ConceptCount, ImageRow, OutcomeRow, PageRow, ScreenedRow, SelectedRow

CONCEPTS = ConceptCounts((ConceptCount("음식", "김치", 2), ConceptCount("음식", "떡국", 0)), {"음식": 2})


def jpeg(colour):
    out = io.BytesIO()
    Image.new("RGB", (400, 300), colour).save(out, "JPEG")
    return out.getvalue()


class Bench:
    """A finished run, written by hand: rows of each table are added, then committed as stages."""

    def __init__(self, folder, screened, image, cluster, contender):
        self.folder, self._screened, self._image, self._cluster = folder, screened, image, cluster
        self._contender = contender
        self.tables = {
            ("extract", "pages", PageRow): [],
            ("screen", "screened", ScreenedRow): [],
            ("fetch", "images", ImageRow): [],
            ("dedupe", "clusters", ClusterRow): [],
            ("select", "outcomes", OutcomeRow): [],
            ("select", "selected", SelectedRow): [],
        }
        self.tallies = {}
        self.staging = b""

    def add(self, table, row):
        next(rows for (_, name, _), rows in self.tables.items() if name == table).append(row)

    def candidate(self, name, stage=Stage.SELECT, reason="", *, caption=None, winner="", detail=""):
        """Add one candidate with all its rows; the id is made from its name."""
        url, identity = f"http://a.test/{name}.jpg", sha256_hex(name.encode())[:32]
        row = self._screened._replace(candidate_id=identity, image_url=url, caption=caption or f"{name} 사진")
        row = row._replace(caption_raw=f" {row.caption} ")
        at_screen = stage in (Stage.EXTRACT, Stage.SCREEN)
        self.add("screened", row._replace(outcome="drop", reason=reason) if at_screen else row)
        winner_id = sha256_hex(winner.encode())[:32] if winner else ""
        self.add("outcomes", outcome_row(row, stage, reason, detail, winner_id=winner_id))
        if at_screen:
            return identity
        data = jpeg(["red", "green", "blue", "white"][len(self.staging) % 4])
        image = self._image._replace(
            image_url=url, staging="s.tar", staging_offset=len(self.staging), staging_length=len(data)
        )
        self.staging += data
        if stage == Stage.FETCH:
            self.add("images", image._replace(outcome="drop", reason=reason))
            return identity
        self.add("images", image)
        self.add("clusters", self._cluster._replace(image_url=url, representative_url=url))
        if not reason:
            contender = self._contender._replace(screened=row, image=image)
            self.add("selected", selected_row(contender, []))
        return identity

    def commit(self, *, parts=1, backwards=False):
        """Write every table in ``parts`` parts and return the committed stages."""
        done = {}
        for number, ((stage, table, record), rows) in enumerate(self.tables.items()):
            folder = self.folder / f"{stage}-{parts}-{backwards}"
            cut = [rows[::-1][n::parts] if backwards else rows[n::parts] for n in range(parts)]
            written = [
                write_part(AttemptPlace(str(folder), f"{number}-{n}"), table, n, record, rows)
                for n, rows in enumerate(cut)
            ]
            before = done[stage].manifest.parts if stage in done else []
            done[stage] = self.stage(stage, str(folder), [*before, *written])
        (self.folder / f"fetch-{parts}-{backwards}" / "s.tar").write_bytes(self.staging)
        if "crawl" in self.tallies:
            done["crawl"] = self.stage("crawl", str(self.folder), [])
        return {Stage(stage): committed for stage, committed in done.items()}

    def stage(self, stage, folder, parts):
        manifest = StageManifest(
            stage=stage, fingerprint="f", covers={}, parts=parts, tallies=self.tallies.get(stage, {})
        )
        return Committed(folder=folder, manifest=manifest)

    def manifest(self):
        outcomes = self.tables["select", "outcomes", OutcomeRow]
        kept = sum(row.outcome == "keep" for row in outcomes)
        dropped = {}
        for row in outcomes:
            if row.outcome != "keep":
                dropped[row.reason] = dropped.get(row.reason, 0) + 1
        return DatasetManifest(
            name="demo",
            root="0" * 64,
            samples=kept,
            files=[DatasetFile("shards/00000.tar", 1, "0" * 64, kept)],
            ledger=Ledger(len(outcomes), kept, dropped, True),
            stages={},
            harubang="0.1.0",
        )


@pytest.fixture
def bench(tmp_path, screened, image, cluster, contender):
    return Bench(tmp_path, screened, image, cluster, contender)


@pytest.fixture
def run(bench):
    """A run with one candidate of each kind of end."""
    for n in range(3):
        bench.candidate(f"kept{n}")
    bench.candidate("refused", Stage.EXTRACT, Reason.URL_REFUSED)
    bench.candidate("spam", Stage.SCREEN, Reason.CAPTION_SPAM, caption="<script>무료</script>")
    bench.candidate("late", Stage.FETCH, Reason.TIMED_OUT, detail="30 s")
    bench.candidate("twin", Stage.DEDUPE, Reason.DUPLICATE_NEAR, winner="kept0")
    bench.candidate("small", Stage.SELECT, Reason.IMAGE_TOO_SMALL)
    bench.candidate("gone", Stage.SELECT, Reason.TAKEDOWN, caption="내려 달라 한 사진")
    return bench


def test_the_funnel_takes_every_candidate_to_its_end(run):
    report = gather("demo", run.commit(), run.manifest(), CONCEPTS)
    assert report.stages == (
        StageBooks("extract", 9, 8, (("url_refused", 1),)),
        StageBooks("screen", 8, 7, (("caption_spam", 1),)),
        StageBooks("fetch", 7, 6, (("timed_out", 1),)),
        StageBooks("dedupe", 6, 5, (("duplicate_near", 1),)),
        StageBooks("select", 5, 3, (("image_too_small", 1), ("takedown", 1))),
    )
    assert (report.samples, report.candidates, report.balanced, report.shards) == (3, 9, True, 1)


def test_books_that_say_other_than_the_ledger_do_not_balance(run):
    manifest = run.manifest()
    done = run.commit()
    run.candidate("one more", Stage.SCREEN, Reason.CAPTION_URL)
    assert not gather("demo", done, run.manifest(), CONCEPTS).balanced
    assert gather("demo", done, manifest, CONCEPTS).balanced


def test_the_sheets_show_pictures_texts_and_what_was_kept_instead(run):
    report = gather("demo", run.commit(), run.manifest(), CONCEPTS)
    shown = {sheet.reason: sheet.samples[0] for sheet in report.dropped}
    assert [len(shown[reason].pictures) for reason in ("url_refused", "caption_spam", "timed_out")] == [0, 0, 0]
    assert [picture.width for picture in shown["duplicate_near"].pictures] == [160, 160]
    assert [picture.height for picture in shown["image_too_small"].pictures] == [120]
    assert shown["caption_spam"].text == " <script>무료</script> "
    assert shown["timed_out"].evidence == "30 s"
    assert shown["takedown"].text == shown["takedown"].address == ""
    assert len(report.kept) == 3
    assert all(sample.picture is not None for sample in report.kept)


def test_the_page_is_written_and_holds_no_markup_of_a_caption(run, tmp_path):
    write_report(str(tmp_path / "out"), "demo", run.commit(), run.manifest(), CONCEPTS)
    html = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;script&gt;무료" in html
    assert "name: <b>1</b> of the 2 in the lexicon" in html
    assert "<script" not in html
    assert "내려 달라 한 사진" not in html
    assert html.count("data:image/jpeg;base64,") == 3 + 2 + 1


def test_the_same_rows_in_other_parts_and_order_are_the_same_page(run, tmp_path):
    pages = []
    for number, (parts, backwards) in enumerate(((1, False), (1, False), (3, False), (2, True))):
        out = tmp_path / f"out{number}"
        write_report(str(out), "demo", run.commit(parts=parts, backwards=backwards), run.manifest(), CONCEPTS)
        pages.append((out / "report.html").read_bytes())
    assert len(set(pages)) == 1


def page_row(outcome="drop", reason="", offset=1):
    return PageRow("http://a.test/", "warc", "a.warc", offset, "", 200, "", "utf-8", 1, outcome, reason, "")


def test_pages_are_counted_where_they_were_crawled_and_where_they_were_read(run):
    run.tallies["crawl"] = {"in": 6, "keep": 3, "drop:passed_over": 2, "drop:http_status": 1}
    run.tallies["extract"] = {"pages:keep": 1, "pages:drop": 3, "pages:passed_over": 5}
    for row in (
        page_row("keep"),
        page_row(),
        page_row(reason="page_opted_out"),
        page_row(reason="http_status", offset=None),
    ):
        run.add("pages", row)
    report = gather("demo", run.commit(), run.manifest(), CONCEPTS)
    assert report.pages == (
        PageBooks("crawl", "archived", 6, 3, 2, (("http_status", 1),)),
        PageBooks("archives", "read", 8, 1, 6, (("page_opted_out", 1),)),
    )


def test_clusters_are_counted_once_each(bench, cluster):
    for url, representative, size in (("1", "1", 2), ("2", "1", 2), ("3", "3", 1), ("4", "4", 10), ("5", "5", 99)):
        bench.add("clusters", cluster._replace(image_url=url, representative_url=representative, size=size))
    report = gather("demo", bench.commit(), bench.manifest(), CONCEPTS)
    assert report.clusters == (Bar("1", 1, 1), Bar("2", 1, 1), Bar("10+", 2, 2))


def test_a_run_that_found_nothing_has_a_page(bench, tmp_path):
    write_report(str(tmp_path / "out"), "demo", bench.commit(), bench.manifest(), CONCEPTS)
    html = (tmp_path / "out" / "report.html").read_text()
    assert "0 candidates = 0 kept + 0 dropped: balanced." in html


def test_a_table_that_is_gone_fails_the_report_in_one_line(run, tmp_path):
    done = run.commit()
    for path in done[Stage.SELECT].paths("outcomes"):
        (tmp_path / path).unlink()
    with pytest.raises(StageFailed, match=r"report: .*outcomes"):
        write_report(str(tmp_path / "out"), "demo", done, run.manifest(), CONCEPTS)

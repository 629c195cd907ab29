"""Bad input: one clear line that says what, where and how to mend it; exit 2; nothing written."""

import os
import stat

import pytest

GOOD = """name: x
sources: {warc: [WARC]}
network: {contact: "mailto:ops@example.org"}
"""

CASES = {
    "unknown key": (GOOD + "colour: blue\n", [], "unknown field `colour`"),
    "unknown nested key": (GOOD + "pack: {shards: 3}\n", [], "unknown field `shards` - at `$.pack`"),
    "wrong type": (
        GOOD + "pack: {samples_per_shard: many}\n",
        [],
        "Expected `int`, got `str` - at `$.pack.samples_per_shard`",
    ),
    "wrong value": (GOOD + "pack: {samples_per_shard: 0}\n", [], "samples_per_shard is at least 1"),
    "duplicate key": (GOOD + "name: y\n", [], "line 4: key 'name' stands twice; remove one"),
    "not YAML": ("name: [x\n", [], "not YAML"),
    "not a mapping": ("- x\n", [], "a workflow is a mapping"),
    "no source": (
        "name: x\nsources: {}\n",
        [],
        "sources is empty; give warc, crawl, tables, img2dataset or embedded_web",
    ),
    "missing source file": (GOOD.replace("WARC", "WARC.gone"), [], "there is no such file; mend the path"),
    "empty source file": (GOOD.replace("WARC", "EMPTY"), [], "the file is empty; give one with content"),
    "download without shards": (
        GOOD.replace("warc: [WARC]", "img2dataset: [{path: /dev/null}]"),
        [],
        "holds no shard",
    ),
    "no contact": (GOOD.split("network")[0], [], "network.contact: set a URL or mail address"),
    "bad override": (GOOD, ["--set", "pack"], "--set pack: write key=value"),
    "no URL among the seeds": (
        GOOD.replace("warc: [WARC]", "crawl: {seeds: ['http://a.kr/', 'a.kr/']}"),
        [],
        "sources.crawl.seeds: entry 2 is no URL that can be asked for; write http:// or https://",
    ),
    "a password in a sitemap's URL": (
        GOOD.replace("warc: [WARC]", "crawl: {sitemaps: ['http://me:pw@a.kr/sitemap.xml']}"),
        [],
        "sources.crawl.sitemaps: entry 1 is no URL that can be asked for",
    ),
    "unknown table ending": (
        GOOD.replace("warc: [WARC]", "tables: [{path: WARC}]"),
        [],
        "rename it to end in one of parquet",
    ),
    "unknown fetch engine": (GOOD, ["--set", "fetch.engine=wget"], "Invalid enum value 'wget' - at `$.fetch.engine`"),
    "refused engine": (GOOD, ["--", "--runner=DaskRunner"], "refused, it loses data silently"),
    "refused mode": (GOOD, ["--", "--direct_running_mode=multi_threading"], "use multi_processing"),
}


@pytest.mark.parametrize("name", CASES)
def test_one_line_exit_2_and_nothing_written(name, tmp_path, call):
    text, arguments, expected = CASES[name]
    warc, empty = tmp_path / "a.warc", tmp_path / "empty.warc"
    warc.write_bytes(b"WARC/1.0\r\n")
    empty.write_bytes(b"")
    workflow = tmp_path / "w.yaml"
    workflow.write_text(text.replace("WARC", str(warc)).replace("EMPTY", str(empty)))
    out = tmp_path / "out"
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    beam = arguments[len(options) :]
    done = call("run", workflow, "--out", out, *options, *beam)
    message = done.err
    assert done.code == 2, message
    assert expected in message
    assert len([line for line in message.splitlines() if line.startswith("harubang:")]) == 1
    assert "Traceback" not in message
    assert not out.exists()


def test_a_fetch_engine_that_is_not_installed_is_told(tmp_path, call, monkeypatch):
    monkeypatch.setattr("pipelines.img2dataset_engine.IMG2DATASET", "no-such-package")
    warc = tmp_path / "a.warc"
    warc.write_bytes(b"WARC/1.0\r\n")
    workflow = tmp_path / "w.yaml"
    workflow.write_text(GOOD.replace("WARC", str(warc)))
    done = call("run", workflow, "--out", tmp_path / "out", "--set", "fetch.engine=img2dataset")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "fetch.engine: img2dataset is not installed; install it with: python -m pip install" in done.err
    assert not (tmp_path / "out").exists()


def test_an_out_without_a_bucket_is_told(tmp_path, call):
    workflow, warc = tmp_path / "w.yaml", tmp_path / "a.warc"
    warc.write_bytes(b"WARC/1.0\r\n")
    workflow.write_text(GOOD.replace("WARC", str(warc)))
    done = call("run", workflow, "--out", "s3://")
    assert (done.code, done.err) == (2, "harubang: --out s3://: names no bucket; write s3://bucket/folder\n")


@pytest.mark.parametrize("name", ["eval.txt", "eval.csv"])
def test_an_evaluation_set_that_cannot_be_read_is_told_before_anything_is_fetched(name, tmp_path, call):
    workflow, warc, held_out = tmp_path / "w.yaml", tmp_path / "a.warc", tmp_path / name
    warc.write_bytes(b"WARC/1.0\r\n")
    workflow.write_text(GOOD.replace("WARC", str(warc)))
    held_out.write_bytes("caption\n한옥\n".encode("cp949"))
    done = call("run", workflow, "--out", tmp_path / "out", "--set", f"select.exclude_near=[{held_out}]")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"select.exclude_near: {name}: is not UTF-8" in done.err
    assert not (tmp_path / "out" / "stages").exists()


def test_an_evaluation_set_that_workers_elsewhere_do_not_find_is_told(tmp_path, call, monkeypatch):
    workflow, warc = tmp_path / "w.yaml", tmp_path / "a.warc"
    warc.write_bytes(b"WARC/1.0\r\n")
    workflow.write_text(GOOD.replace("WARC", str(warc)))
    (tmp_path / "eval.txt").write_text("한옥의 처마\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    sets = ["--set", "select.exclude_near=[eval.txt]"]
    assert call("plan", workflow, "--out", tmp_path / "out", *sets).code == 0
    done = call("run", workflow, "--out", tmp_path / "out", *sets, "--", "--runner=FlinkRunner")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "eval.txt: a cluster's workers have other working directories; give s3://… or an absolute path" in done.err
    assert not (tmp_path / "out").exists()


def test_a_missing_workflow_says_which(tmp_path, call):
    done = call("run", tmp_path / "none.yaml", "--out", tmp_path / "out")
    assert done.code == 2
    assert "none.yaml: cannot be read (No such file or directory)" in done.err


def test_no_out_and_no_command_are_told(tmp_path, call):
    assert call("run", "x.yaml").code == 2
    assert call("fly").code == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_no_permission_is_told(tmp_path, call):
    workflow = tmp_path / "w.yaml"
    warc = tmp_path / "a.warc"
    warc.write_bytes(b"WARC/1.0\r\n")
    workflow.write_text(GOOD.replace("WARC", str(warc)))
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    done = call("run", workflow, "--out", tmp_path / "out")
    assert (done.code, "cannot be written to" in done.err) == (2, True)


def test_an_out_that_is_a_file_is_told(tmp_path, call):
    workflow, warc, out = tmp_path / "w.yaml", tmp_path / "a.warc", tmp_path / "out"
    warc.write_bytes(b"WARC/1.0\r\n")
    workflow.write_text(GOOD.replace("WARC", str(warc)))
    out.write_text("mine")
    done = call("run", workflow, "--out", out)
    assert done.code == 2
    assert "choose another folder" in done.err
    assert out.read_text() == "mine"


@pytest.mark.parametrize("command", ["status", "ledger", "verify"])
def test_a_folder_without_a_run_is_told(command, tmp_path, call):
    done = call(command, tmp_path)
    assert done.code == 2
    assert "holds no run of harubang" in done.err

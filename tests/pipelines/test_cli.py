import io
import json
import sys
from pathlib import Path

import click
import pytest

from pipelines import cli
from pipelines.errors import InputRefused, StageFailed
from pipelines.lock import locked

GOOD = "제주 목관아 앞 돌하르방 두 기"


@pytest.fixture
def harubang(monkeypatch, capsys):
    """Run the command line in this process; return its exit code, output and errors."""

    def harubang(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "argv", ["harubang", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = 0
        try:
            cli.main()
        except SystemExit as stopped:
            code = stopped.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return harubang


@pytest.fixture
def workflow(tmp_path):
    (tmp_path / "a.warc").write_bytes(b"WARC/1.0\r\n")
    path = tmp_path / "w.yaml"
    path.write_text(f"name: x\nsources: {{warc: [{tmp_path}/a.warc]}}\nnetwork: {{allow_loopback: true}}\n")
    return path


# What a finished run can be asked


def test_status_as_text_and_json(harubang, output):
    code, out, _ = harubang("status", output.folder)
    assert code == 0
    assert "screen   committed  drop:" not in out
    assert out.splitlines()[0] == "extract  committed  in 3  keep 3"
    code, out, _ = harubang("status", output.folder, "--json")
    found = json.loads(out)
    assert (code, found["workflow"], len(found["stages"])) == (0, "작은 모음", 6)
    progress = {"done", "reused", "job", "unit", "total", "partitions", "of_partitions", "rate", "seconds_left"}
    assert found["stages"][0].keys() == {"stage", "fingerprint", "state", "counts"} | progress


def test_ledger_as_text_and_json(harubang, output):
    code, out, _ = harubang("ledger", output.folder)
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["candidates", "3"],
        ["kept", "2"],
        ["dropped:", "caption_too_short", "1"],
        ["balanced"],
    ]
    code, out, _ = harubang("ledger", output.folder, "--json")
    assert (code, json.loads(out)) == (
        0,
        {"candidates": 3, "kept": 2, "dropped": {"caption_too_short": 1}, "balanced": True},
    )


def test_a_ledger_that_does_not_balance_exits_1(harubang, output):
    path = Path(output.stages["select"].folder) / "manifest.json"
    path.write_text(path.read_text().replace('"keep": 2', '"keep": 1'))
    code, out, _ = harubang("ledger", output.folder)
    assert (code, out.splitlines()[-1]) == (1, "NOT balanced")
    code, out, _ = harubang("ledger", output.folder, "--json")
    assert (code, json.loads(out)["balanced"]) == (1, False)


def test_trace_as_text_and_json(harubang, output):
    code, out, _ = harubang("trace", output.folder, "0" * 32)
    assert (code, out.splitlines()[0]) == (0, "0" * 32)
    code, out, _ = harubang("trace", output.folder, "0" * 32, "--json")
    assert (code, json.loads(out)["screened"][0]["caption"]) == (0, "돌하르방 0")


def test_verify_as_text_and_json(harubang, output):
    code, out, _ = harubang("verify", output.folder)
    assert (code, out) == (0, f"root {output.manifest.root}\nok\n")
    code, out, _ = harubang("verify", output.folder, "--json")
    assert (code, json.loads(out)) == (0, {"root": output.manifest.root, "ok": True, "problems": []})


def test_a_dataset_that_differs_exits_1_and_names_the_file(harubang, output):
    (Path(output.folder) / "dataset" / "README.md").write_text("changed")
    code, out, _ = harubang("verify", output.folder)
    assert code == 1
    assert out.splitlines()[1:] == ["1 problems", "  dataset/README.md: its bytes are not those of the manifest"]
    code, out, _ = harubang("verify", output.folder, "--json")
    assert (code, json.loads(out)["ok"]) == (1, False)


# Captions


def test_captions_are_answered_line_by_line(harubang):
    code, out, _ = harubang("caption", stdin=f"{GOOD}\n\n".encode())
    kept, dropped = out.splitlines()
    assert (code, kept.split("\t")[:2]) == (0, ["keep", GOOD])
    assert "돌하르방" in kept.split("\t")[2]
    assert dropped == "drop caption_missing\t\t제외: 글이 없습니다"
    code, out, _ = harubang("caption", "--json", stdin=f"{GOOD}\n\n".encode())
    answers = [json.loads(line) for line in out.splitlines()]
    assert [(answer["raw"], answer["outcome"]) for answer in answers] == [(GOOD, "keep"), ("", "drop")]
    assert {"raw", "caption", "outcome", "reason", "scores", "concepts", "redactions"} <= answers[0].keys()


def test_no_captions_no_answers(harubang):
    assert harubang("caption", "--json") == (0, "", "")


# Planning and running


def test_a_plan_says_what_would_happen_and_writes_nothing(harubang, workflow, tmp_path):
    code, out, _ = harubang("plan", workflow, "--out", tmp_path / "out")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    stages = ["extract", "screen", "fetch", "dedupe", "select", "pack"]
    assert [line[:2] for line in lines[:6]] == [[stage, "run"] for stage in stages]
    assert lines[6][:6] == "estimate from 1 of 1 files,".split()
    code, answer, _ = harubang("plan", workflow, "--out", tmp_path / "out", "--json")
    found = json.loads(answer)
    assert (code, [stage["stage"] for stage in found["stages"]]) == (0, stages)
    assert found["stages"][0].keys() == {"stage", "fingerprint", "folder", "action", "why"}
    numbers = {"pages", "candidates", "kept", "urls", "images", "raw_bytes", "stored_bytes"}
    others = {"sampled_files", "of_files", "sampled_bytes", "of_bytes", "core_hours", "asking", "assumed"}
    assert found["estimate"].keys() == numbers | others
    assert found["estimate"]["candidates"] == {"value": 0, "low": 0, "high": 0, "rests": "counted"}
    assert not (tmp_path / "out").exists()
    _, other, _ = harubang("plan", workflow, "--out", tmp_path / "out", "--set", "pack.samples_per_shard=7")
    changed = [one.split()[0] for one, two in zip(out.splitlines(), other.splitlines(), strict=True) if one != two]
    assert changed == ["pack"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "{workflow}"], "Missing option '--out'; see harubang --help"),
        (["run", "{none}", "--out", "{out}"], "cannot be read (No such file or directory)"),
        (["run", "{workflow}", "--out", "{out}", "--set", "pack"], "--set pack: write key=value"),
        (["run", "{workflow}", "--out", "{out}", "--", "--runner=DaskRunner"], "refused, it loses data silently"),
        (
            ["run", "{workflow}", "--out", "{out}", "--set", "network.allow_loopback=false"],
            "network.contact: set a URL",
        ),
        (["plan", "{workflow}", "--out", "{out}", "--set", "sources.warc=[gone.warc]"], "there is no such file"),
        ([], "Missing command; see harubang --help"),
        (["fly"], "No such command 'fly'"),
        (["status"], "Missing argument 'DIR'"),
        (["status", "{out}"], "holds no run of harubang"),
        (["ledger", "{out}"], "holds no run of harubang"),
        (["verify", "{out}"], "holds no run of harubang"),
        (["trace", "{out}", "x"], "holds no run of harubang"),
        (["verify", "{out}", "--yaml"], "No such option"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(harubang, workflow, tmp_path, arguments, message):
    places = {"workflow": workflow, "none": tmp_path / "none.yaml", "out": tmp_path / "out"}
    code, out, err = harubang(*(argument.format(**places) for argument in arguments))
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("harubang: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_where_another_run_is_at_work_is_refused(harubang, workflow, tmp_path):
    with locked(str(tmp_path / "out")):
        code, _, err = harubang("run", workflow, "--out", tmp_path / "out")
    assert (code, err) == (2, f"harubang: --out {tmp_path}/out: another run is at work there; wait for it or stop it\n")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputRefused("x: mend it"), 2, "harubang: x: mend it\n"),
        (StageFailed("fetch: OSError: no space"), 3, "harubang: fetch: OSError: no space\n"),
        (click.Abort(), 3, ""),
    ],
)
def test_the_ways_of_ending_badly(harubang, monkeypatch, tmp_path, error, code, line):
    def ends_badly(folder, now):
        raise error

    monkeypatch.setattr(cli, "run_status", ends_badly)
    assert harubang("status", tmp_path) == (code, "", line)


@pytest.mark.parametrize("command", ["run", "plan", "status", "ledger", "trace", "verify", "caption"])
def test_every_command_of_the_contract_has_help(harubang, command):
    code, out, _ = harubang(command, "--help")
    assert code == 0
    assert out.startswith(f"Usage: harubang {command}")


def test_the_version(harubang):
    assert harubang("--version")[:2] == (0, "harubang, version 0.1.0\n")

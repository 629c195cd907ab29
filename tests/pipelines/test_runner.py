import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import DirectOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from pipelines.errors import InputRefused
from pipelines.runner import check_path, make_pipeline, parse_options
from pipelines.worker import Forks
from tests.processes import descendants, ended_within


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--runner=DaskRunner", "--runner=daskrunner: refused, it loses data silently"),
        ("--runner=apache_beam.runners.dask.dask_runner.DaskRunner", "it loses data silently"),
        ("--runner=RayRunner", "--runner=rayrunner: refused, it has had no maintainer since 2022"),
        ("--direct_running_mode=multi_threading", "corrupts records in this mode; use multi_processing"),
        ("--experiments=data_buffer_time_limit_ms=100", "data_buffer_time_limit_ms: refused"),
        ("--s3_access_key_id=AKIA", "S3 is set in the environment only; set AWS_ENDPOINT_URL"),
    ],
)
def test_engines_and_modes_that_lose_or_corrupt_data_are_refused(argument, message):
    with pytest.raises(InputRefused) as refused:
        parse_options([argument])
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "arguments", [["--direct_num_worker=2"], ["--no_such", "3"], ["stray"], ["--job_name=a", "--direct-num-workers=2"]]
)
def test_an_option_that_the_embedded_engine_does_not_know_is_refused(arguments, caplog):
    with pytest.raises(InputRefused, match=f"Beam options .*{arguments[-1]}: the engine in this process") as refused:
        parse_options(arguments)
    assert "\n" not in str(refused.value)
    assert "job_name" not in str(refused.value)
    assert caplog.messages == []  # Beam's own warning of it


def test_another_engine_may_have_options_of_its_own():
    options = parse_options(["--runner=FlinkRunner", "--checkpointing_interval=1000"])
    assert options.get_all_options(retain_unknown_options=True)["checkpointing_interval"] == "1000"


def test_two_arguments_are_refused_as_one_is():
    with pytest.raises(InputRefused, match="data_buffer_time_limit_ms"):
        parse_options(["--experiments", "data_buffer_time_limit_ms=100"])


def test_worker_processes_are_accepted():
    options = parse_options(["--direct_running_mode=multi_processing", "--direct_num_workers=2"])
    direct = options.view_as(DirectOptions)
    assert (direct.direct_running_mode, direct.direct_num_workers) == ("multi_processing", 2)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--runner=DirectRunner"],
        ["--runner=apache_beam.runners.direct.DirectRunner"],
        ["--runner=FnApiRunner"],
        ["--runner=embedded"],
    ],
)
def test_this_machine_means_the_embedded_engine_and_never_direct_runner(arguments):
    assert type(make_pipeline(parse_options(arguments)).runner) is FnApiRunner


def test_another_engine_is_handed_to_beam():
    assert type(make_pipeline(parse_options(["--runner=FlinkRunner"])).runner).__name__ == "FlinkRunner"


@pytest.mark.parametrize(
    ("arguments", "option", "value"),
    [
        (["--runner=FlinkRunner", "--flink_master=jm:8081", "--flink_version=1.20"], "flink_master", "jm:8081"),
        (["--runner=SparkRunner", "--spark_master_url=local[2]"], "spark_master_url", "local[2]"),
        (["--runner=PortableRunner", "--job_endpoint=host:8099"], "job_endpoint", "host:8099"),
        (["--runner=DataflowRunner", "--project=p", "--temp_location=gs://b/t"], "temp_location", "gs://b/t"),
    ],
)
def test_an_engine_s_own_options_are_understood(arguments, option, value):
    assert parse_options(arguments).get_all_options()[option] == value


def test_options_reach_worker_processes():
    pipeline = make_pipeline(parse_options(["--direct_running_mode=multi_processing", "--job_name=one-job"]))
    passed = pipeline.runner._provision_info.provision_info.pipeline_options
    assert passed["beam:option:direct_running_mode:v1"] == "multi_processing"


def test_a_pipeline_runs(tmp_path):
    with make_pipeline(parse_options([])) as pipeline:
        _ = pipeline | beam.Create([1, 2]) | beam.CombineGlobally(sum) | beam.Map(lambda n: (tmp_path / str(n)).touch())
    assert [path.name for path in tmp_path.iterdir()] == ["3"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(["--direct_running_mode=x"], "invalid choice"), (["--runner"], "expected one argument")],
)
def test_an_option_that_beam_refuses_is_one_line(arguments, why, capfd):
    with pytest.raises(InputRefused, match=why) as refused:
        parse_options(arguments)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr().err == ""


def test_an_engine_that_does_not_exist_is_refused():
    with pytest.raises(InputRefused, match="no such engine"):
        parse_options(["--runner=Nonsense"])


@pytest.mark.parametrize("path", ["s3://bucket/out", "/shared/out"])
def test_a_path_that_every_machine_has_is_taken_by_any_engine(path):
    check_path(path, parse_options(["--runner=FlinkRunner"]))


def test_a_path_that_starts_from_here_is_for_the_embedded_engine_only():
    check_path("out/demo", parse_options([]))
    with pytest.raises(InputRefused, match="out/demo: a cluster's workers have other working directories"):
        check_path("out/demo", parse_options(["--runner=FlinkRunner"]))


TWO_WORKERS = ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]


@pytest.mark.parametrize("late", [0.0, 2.5])  # Beam looks every second for streams that broke
def test_a_worker_process_that_dies_ends_the_job_with_its_reason(monkeypatch, capfd, late):
    wait = Forks.wait

    def wait_and_tell_late(forks, process):
        code = wait(forks, process)
        time.sleep(late)
        return code

    monkeypatch.setattr(Forks, "wait", wait_and_tell_late)
    pipeline = make_pipeline(parse_options(TWO_WORKERS))
    dead = pipeline | beam.Create([1, 2, 3]) | beam.Map(lambda n: (n, os.kill(os.getpid(), signal.SIGKILL)))
    _ = dead | beam.GroupByKey()
    with pytest.raises(RuntimeError, match=r"^a worker process was ended by SIGKILL$"):
        pipeline.run().wait_until_finish()
    gc.collect()
    assert capfd.readouterr().err == ""  # no thread's traceback buries it


@pytest.mark.parametrize("busy", [0, 1])  # Beam asks for the answers of its workers in turn
def test_what_a_worker_raises_fails_the_job_though_another_is_at_work_and_is_said_once(capfd, tmp_path, busy):
    def work(number):
        if number == busy:
            (tmp_path / "busy").touch()
            time.sleep(600)
        while not (tmp_path / "busy").exists():
            time.sleep(0.01)
        raise ValueError("what cannot be read")

    pipeline = make_pipeline(parse_options(TWO_WORKERS))
    keyed = pipeline | beam.Create([(0, 0), (1, 1)]) | beam.GroupByKey()
    _ = keyed | beam.MapTuple(lambda number, _: work(number)) | "again" >> beam.GroupByKey()
    with pytest.raises(RuntimeError, match="ValueError: what cannot be read"):
        pipeline.run().wait_until_finish()
    assert capfd.readouterr().err == ""


def test_worker_processes_have_the_environment_and_the_folder_of_their_job(monkeypatch, tmp_path):
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("HARUBANG_TEST_NUMBER", str(number))
        with make_pipeline(parse_options(TWO_WORKERS)) as pipeline:
            _ = pipeline | beam.Create([1]) | beam.Map(lambda _: Path(os.environ["HARUBANG_TEST_NUMBER"]).touch())
        assert [path.name for path in folder.iterdir()] == [str(number)]


def test_workers_take_nothing_from_the_working_directory_and_none_outlives_the_run(tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    for name in ("filters", "msgspec", "random"):
        (here / f"{name}.py").write_text("raise RuntimeError('a decoy from the working directory')\n")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    run = subprocess.Popen([sys.executable, program], cwd=here)
    try:
        deadline = time.monotonic() + 60
        while len(said := list(here.glob("said-*"))) < 2:
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        processes = descendants(run.pid)
        assert {int(path.name.removeprefix("said-")) for path in said} < set(processes)
    finally:
        run.kill()
        run.wait()
    assert ended_within(60, processes)


PROGRAM = f"""
import os, pathlib, time
import apache_beam as beam
from pipelines.runner import make_pipeline, parse_options

def work(number):
    from filters.url import host_of
    assert host_of("http://a.test/") == "a.test"
    pathlib.Path(f"said-{{os.getpid()}}").touch()
    time.sleep(600)

if __name__ == "__main__":
    with make_pipeline(parse_options({TWO_WORKERS})) as pipeline:
        numbers = pipeline | beam.Create(range(4)) | beam.Reshuffle() | beam.Map(work)
"""

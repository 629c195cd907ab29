import gc
import os
import signal

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import DirectOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from pipelines.errors import InputRefused
from pipelines.runner import check_path, make_pipeline, parse_options


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


@pytest.mark.filterwarnings(  # Beam's threads that served a worker which is dead
    "ignore::pytest.PytestUnhandledThreadExceptionWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_a_worker_process_that_dies_ends_the_job_with_its_reason():
    options = parse_options(["--direct_num_workers=2", "--direct_running_mode=multi_processing"])
    pipeline = make_pipeline(options)
    _ = pipeline | beam.Create([1, 2, 3]) | beam.Map(lambda _: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(RuntimeError, match="a worker process was ended by SIGKILL"):
        pipeline.run().wait_until_finish()
    gc.collect()

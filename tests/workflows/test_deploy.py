"""Every file of workflows/deploy against its own parser or schema, and every command line in it against ours."""

import ast
import io
import os
import re
import shlex
import zipfile
from pathlib import Path

import pytest
import yaml
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
    WorkerOptions,
)

from pipelines import worker
from pipelines.cli import cli
from pipelines.runner import is_embedded, parse_options

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "workflows" / "deploy"
OPERATOR = Path(os.environ.get("HARUBANG_FLINK_OPERATOR") or ROOT / ".tools" / "flink-operator-api.jar")
CRD = "META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml"


def command_line(words):
    """Let our own command line read a command without running it; return the options for Beam."""
    assert words[0] == "harubang"
    command = cli.commands[words[1]]
    return command.make_context(words[1], list(words[2:])).params


@pytest.fixture(scope="module")
def manifests():
    found = list(yaml.safe_load_all((DEPLOY / "flink.yaml").read_text(encoding="utf-8")))
    return {one["kind"]: one for one in found}


# The image


def test_the_image_is_built_of_what_is_there_and_runs_a_worker():
    parser = pytest.importorskip("dockerfile_parse", reason="dockerfile-parse is not installed")
    file = parser.DockerfileParser(fileobj=io.BytesIO((DEPLOY / "Dockerfile").read_bytes()))
    steps = [(step["instruction"], step["value"]) for step in file.structure]
    assert {name for name, _ in steps} == {
        *("ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "ENTRYPOINT", "COMMENT")
    }
    for name, value in steps:
        if name == "COPY" and not value.startswith("--from"):
            *sources, _ = value.split()
            assert all((ROOT / source).exists() for source in sources), value
    assert [value for name, value in steps if name == "USER"] == ["10001"]
    assert steps[-1] == ("ENTRYPOINT", '["harubang-worker"]')
    last = max(number for number, (name, _) in enumerate(steps) if name == "FROM")
    assert any(name == "ENV" and "PYTHONSAFEPATH=1" in value for name, value in steps[last:])
    assert file.envs["PYTHONSAFEPATH"] == "1"
    installs = [value for name, value in steps if name == "RUN" and "requirements.lock" in value]
    assert len(installs) == 1
    assert all(flag in installs[0] for flag in ("--require-hashes", "--no-deps", "--only-binary :all:"))


def test_the_image_installs_as_the_makefile_does():
    flags = re.compile(
        r"--no-deps --require-hashes \\\s+--only-binary :all: --no-binary kiwipiepy-model -r requirements"
    )
    assert flags.search((DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    assert flags.search((ROOT / "Makefile").read_text(encoding="utf-8"))


def test_an_engine_starts_the_worker_by_beams_contract():
    said = worker.parse(["--id=1", "--provision_endpoint=localhost:1", "--control_endpoint=localhost:2", "--other=3"])
    assert (said.id, said.pool, said.provision_endpoint) == ("1", "", "localhost:1")


# Flink on Kubernetes


def strict(schema):
    """Return a schema of Kubernetes that refuses keys it does not name; the API server would drop them silently."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema and isinstance(schema["properties"], dict) and schema.get("type") == "object":
        made.setdefault("additionalProperties", bool(schema.get("x-kubernetes-preserve-unknown-fields")))
    return made


@pytest.fixture(scope="module")
def flink_schema():
    pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    if not OPERATOR.exists():
        pytest.skip(f"the operator's schema is not at {OPERATOR}; make deploy-schema, or set HARUBANG_FLINK_OPERATOR")
    with zipfile.ZipFile(OPERATOR) as jar:
        definition = yaml.load(jar.read(CRD), Loader=yaml.CSafeLoader)
    return strict(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


def refused(schema, value):
    import jsonschema

    return [
        f"{error.json_path}: {error.message[:120]}"
        for error in jsonschema.Draft202012Validator(schema).iter_errors(value)
    ]


def test_the_cluster_is_one_that_the_operator_takes(manifests, flink_schema):
    cluster = manifests["FlinkDeployment"]
    spec = {"type": "object", "properties": {"spec": flink_schema["properties"]["spec"]}}
    assert refused(spec, cluster) == []
    wrong = yaml.safe_load(yaml.safe_dump(cluster))
    wrong["spec"]["taskManager"]["podTemplate"]["spec"]["containers"][1]["comand"] = []
    wrong["spec"]["flinkVersion"] = "v9_9"
    assert len(refused(spec, wrong)) == 2


def test_the_other_pods_are_ones_that_kubernetes_takes(manifests, flink_schema):
    pod = flink_schema["properties"]["spec"]["properties"]["taskManager"]["properties"]["podTemplate"]["properties"]
    for kind in ("Deployment", "Job"):
        template = manifests[kind]["spec"]["template"]
        assert refused(pod["spec"], template["spec"]) == [], kind
        assert template["metadata"].keys() == {"labels"}


def test_every_manifest_is_one_that_kubernetes_takes(manifests):
    kubernetes = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate (108 MB) is not installed")
    for kind, manifest in manifests.items():
        if kind != "FlinkDeployment":
            kubernetes.validate(manifest, "1.31", strict=True)


def containers(manifests):
    cluster = manifests["FlinkDeployment"]["spec"]["taskManager"]["podTemplate"]["spec"]["containers"]
    return cluster + [
        one for kind in ("Deployment", "Job") for one in manifests[kind]["spec"]["template"]["spec"]["containers"]
    ]


def test_the_names_lead_to_one_another(manifests):
    labels = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert (
        manifests["Deployment"]["spec"]["selector"]["matchLabels"] == labels == manifests["Service"]["spec"]["selector"]
    )
    assert manifests["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    (allowed,) = manifests["NetworkPolicy"]["spec"]["ingress"][0]["from"]
    assert allowed["podSelector"]["matchLabels"] == manifests["Job"]["spec"]["template"]["metadata"]["labels"]
    ports = {port["port"] for port in manifests["Service"]["spec"]["ports"]}
    (server,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert ports == {port["containerPort"] for port in server["ports"]}
    assert f"--flink-master={manifests['FlinkDeployment']['metadata']['name']}-rest:8081" in server["args"]
    minor = manifests["FlinkDeployment"]["spec"]["image"].partition(":")[2]
    assert server["image"].startswith(f"apache/beam_flink{minor}_job_server:")
    assert manifests["FlinkDeployment"]["spec"]["flinkVersion"] == f"v{minor.replace('.', '_')}"


def test_the_job_server_is_of_the_beam_that_is_installed(manifests):
    from importlib.metadata import version

    (server,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert server["image"].rpartition(":")[2] == version("apache-beam")


def test_the_run_is_a_command_line_of_ours_and_finds_the_pools(manifests):
    (run,) = manifests["Job"]["spec"]["template"]["spec"]["containers"]
    said = command_line(run["command"] + run["args"])
    assert (said["out"], said["json_log"]) == ("s3://BUCKET/dataset", True)
    options = parse_options(said["beam_options"])
    assert not is_embedded(options)
    every = options.get_all_options()
    pool = next(one for one in containers(manifests) if one["name"] == "harubang-worker")
    assert worker.parse(pool["args"]).pool == every["environment_config"] == "localhost:50000"
    assert (every["job_endpoint"], every["artifact_endpoint"]) == ("harubang-jobs:8099", "harubang-jobs:8098")
    assert (run["image"], every["environment_type"]) == (pool["image"], "EXTERNAL")
    never_again = manifests["Job"]["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]
    assert never_again == [1, 2]


def test_no_credential_is_in_a_file(manifests):
    for one in containers(manifests):
        assert all("value" in variable and variable["name"] == "TMPDIR" for variable in one.get("env", []))
    for path in DEPLOY.iterdir():
        assert not re.search(
            r"AKIA[0-9A-Z]{16}|(?i:secret_access_key)\s*[=:]\s*['\"]?[A-Za-z0-9/+]{8}", path.read_text()
        )


# Dataflow


def test_dataflows_options_are_beams_own():
    words = (DEPLOY / "dataflow.options").read_text(encoding="utf-8").split()
    options = PipelineOptions(words)
    unknown = []
    options.get_all_options(add_extra_args_fn=lambda parser: unknown.extend(parser.parse_known_args(words)[1]))
    assert unknown == []
    assert options.view_as(StandardOptions).runner == "DataflowRunner"
    assert options.view_as(WorkerOptions).sdk_container_image == "REGISTRY/harubang:0.1.0"
    assert options.view_as(GoogleCloudOptions).temp_location == "gs://BUCKET/temp"
    assert command_line(["harubang", "run", "w.yaml", "--out", "s3://b/n", "--json-log", "--", *words])["json_log"]


# Airflow


@pytest.fixture(scope="module")
def dag_source():
    return (DEPLOY / "airflow_dag.py").read_text(encoding="utf-8")


def test_the_tasks_are_command_lines_of_ours(dag_source):
    commands = {}
    for call in ast.walk(ast.parse(dag_source)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "BashOperator":
            said = {word.arg: word.value for word in call.keywords}
            commands[said["task_id"].value] = said["bash_command"].value
    assert list(commands) == ["plan", "run", "verify"]
    for name, command in commands.items():
        words = [word for word in shlex.split(command.replace('"$HARUBANG"', "harubang")) if word != "$OPTIONS"]
        assert (words[1], bool(command_line(words))) == (name, True)


def test_airflow_itself_reads_the_dag():
    pytest.importorskip("airflow", reason="apache-airflow is not installed")
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(DEPLOY / "airflow_dag.py"))
    assert bag.import_errors == {}
    assert [task.task_id for task in bag.dags["harubang"].topological_sort()] == ["plan", "run", "verify"]

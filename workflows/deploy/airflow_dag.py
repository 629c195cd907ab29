"""An Airflow DAG (Airflow 3, with the standard provider) that calls the command line: plan, run, verify.

Where things are comes from Airflow's variables `harubang_bin` (the folder of the command), `harubang_workflow` and
`harubang_out`, and, for Beam's options, `harubang_options`. Credentials are in the environment of Airflow's workers and
never here. A run that ends with exit 3 is tried again and resumes; one that is refused fails in the plan already.
"""

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

ENVIRONMENT = {
    "HARUBANG": "{{ var.value.harubang_bin }}/harubang",
    "WORKFLOW": "{{ var.value.harubang_workflow }}",
    "OUT": "{{ var.value.harubang_out }}",
    "OPTIONS": "{{ var.value.get('harubang_options', '') }}",
}

with DAG(
    dag_id="harubang",
    description="A Korean image-text dataset from a web crawl",
    schedule=None,
    catchup=False,
    max_active_runs=1,  # one run at a time in an output folder
    tags=["harubang"],
):
    plan = BashOperator(
        task_id="plan",
        bash_command='"$HARUBANG" plan "$WORKFLOW" --out "$OUT" --json',
        env=ENVIRONMENT,
        append_env=True,
    )
    run = BashOperator(
        task_id="run",
        bash_command='"$HARUBANG" run "$WORKFLOW" --out "$OUT" --json-log -- $OPTIONS',
        env=ENVIRONMENT,
        append_env=True,
        retries=5,
        retry_delay=timedelta(minutes=5),
        execution_timeout=timedelta(days=7),
    )
    verify = BashOperator(
        task_id="verify",
        bash_command='"$HARUBANG" verify "$OUT" --json',
        env=ENVIRONMENT,
        append_env=True,
    )
    plan >> run >> verify

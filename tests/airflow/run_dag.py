"""Runs a DAG of functions/dags in this process, in Airflow's own environment: `python run_dag.py DAG_ID PARAMS.json`.

Airflow's home, a database of its own, is AIRFLOW_HOME; the run's end state is the last line.
"""

import json
import os
import sys
from pathlib import Path

DAGS = Path(__file__).parents[2] / "functions" / "dags"
os.environ |= {
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
}


def main() -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    bag = DagBag(dag_folder=str(DAGS))
    if bag.import_errors:
        sys.exit("\n".join(bag.import_errors.values()))
    run = bag.dags[sys.argv[1]].test(run_conf=json.loads(sys.argv[2]))
    print(f"\n{run.state}")


if __name__ == "__main__":
    main()

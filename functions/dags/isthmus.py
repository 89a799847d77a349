"""DAGs: a first load, planned, run and watched; and a regular comparison of both sides. The doors do the work.

Copy this file into Airflow's DAG folder: it needs Airflow 3 and the standard library. Settings are environment variables of
the workers: ISTHMUS_BACKFILL_URL and ISTHMUS_RECONCILE_URL, the doors' addresses; ISTHMUS_POKE_SECONDS, between two looks at a
backfill. Callers are signed in by Google's metadata server: the workers' service account must be an invoker of both doors.
"""

import json
import os
from datetime import datetime, timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowFailException

METADATA = "http://{host}/computeMetadata/v1/instance/service-accounts/default/identity?{query}"
METADATA_SECONDS = 5.0
CALL_SECONDS = 560.0  #: longer than a door's nine minutes
POKE_SECONDS = float(os.environ.get("ISTHMUS_POKE_SECONDS", "60"))
MOST_DAYS = 7  #: as long as Salesforce keeps the answer that a backfill reads
RETRIES = {"retries": 5, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True}


def call(setting: str, path: str = "", **body: Any) -> Any:
    """Post an order to a door and read its answer.

    Raises:
        AirflowFailException: the door refuses the order; trying again would not help.
        OSError: it could not be reached, or is busy; Airflow tries again.
    """
    url = os.environ.get(setting, "").rstrip("/")
    if not url:
        raise AirflowFailException(f"{setting} is not set: set it to the door's address in the workers' environment.")
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {id_token(url)}"}
    request = Request(f"{url}/{path}", data=json.dumps(body).encode(), headers=headers, method="POST")
    try:
        with urlopen(request, timeout=CALL_SECONDS) as answer:
            return json.load(answer)
    except HTTPError as exc:
        words = f"{exc.code} {exc.read().decode(errors='replace').strip()}"
        if exc.code in (400, 401, 403, 404):
            raise AirflowFailException(words) from exc
        raise OSError(words) from exc


def id_token(audience: str) -> str:
    """Who the worker is, signed by Google for this door only."""
    host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    query = urlencode({"audience": audience, "format": "full"})
    request = Request(METADATA.format(host=host, query=query), headers={"Metadata-Flavor": "Google"})
    with urlopen(request, timeout=METADATA_SECONDS) as answer:
        return str(answer.read().decode())


@dag(
    dag_id="isthmus_backfill", schedule=None, start_date=datetime(2026, 1, 1), catchup=False, tags=["isthmus"],
    doc_md="Brings every record of an object over. Pause and resume it with `isthmus backfill pause|resume`.",
    params={
        "object": Param("Account", type="string", description="API name, or schema.table"),
        "to": Param("", enum=["", "postgres", "salesforce"], description="empty: as the mapping's direction says"),
        "slice": Param(0, type="integer", minimum=0, description="records in a slice; 0: the door's own size"),
    },
)  # fmt: skip
def backfill() -> None:
    @task(**RETRIES)
    def plan(params: dict[str, Any]) -> dict[str, Any]:
        """How many records and slices it will be."""
        planned: dict[str, Any] = call("ISTHMUS_BACKFILL_URL", "plan", **params)
        print(planned)
        return planned

    @task(**RETRIES)
    def run(planned: dict[str, Any], params: dict[str, Any], run_id: str) -> int:
        """Begin it, once: an attempt whose answer was lost is found again by this run's name."""
        mine = f"airflow {run_id}"
        for told in call("ISTHMUS_BACKFILL_URL", "status"):
            if told["asked_by"] == mine and told["table"] == planned["table"]:
                return int(told["backfill"])
        return int(
            call("ISTHMUS_BACKFILL_URL", "run", **(params | {"object": planned["table"], "who": mine}))["backfill"]
        )

    @task.sensor(poke_interval=POKE_SECONDS, timeout=MOST_DAYS * 86_400, mode="reschedule", **RETRIES)
    def watch(number: int) -> bool:
        """Look at it until it is over."""
        (told,) = call("ISTHMUS_BACKFILL_URL", "status", backfill=number)
        print(told)
        if told["state"] in ("failed", "cancelled"):
            raise AirflowFailException(f"backfill {number} {told['state']}: {told['last_error']}")
        return bool(told["state"] == "done")

    watch(run(plan()))


@dag(
    dag_id="isthmus_consistency", schedule="0 3 * * *", start_date=datetime(2026, 1, 1), catchup=False,
    max_active_runs=1, tags=["isthmus"],
    doc_md="Lets the door `reconcile` compare both sides; what it finds is read again by itself.",
)  # fmt: skip
def consistency() -> None:
    @task(**RETRIES)
    def compare() -> dict[str, Any]:
        """Compare what is due. The run ends with it; long comparisons go on by themselves."""
        told: dict[str, Any] = call("ISTHMUS_RECONCILE_URL")
        print(told)
        return told

    compare()


backfill()
consistency()

"""The API, probed by schemathesis with whatever its own description allows: no server error, no undocumented answer."""

import os
import subprocess
import sys
from pathlib import Path

from tests.console.conftest import Person
from tests.functions.conftest import Door

SITE = Path(__file__).parents[2] / ".browser"
CASES = 25  #: made-up requests of each route
SECONDS = 540


def test_every_answer_is_a_documented_one(console: Door, operator: Person) -> None:
    """Signed in as an operator, on a database with a mapping: everything is tried that a person may do."""
    operator.post("sync-configs", {"sf_object_name": "Account", "fields": ["Name"]})
    cookie = "; ".join(f"{c.name}={c.value}" for c in operator.http.cookies)
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{console.url}/openapi.json", "--max-examples", str(CASES),
        "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--header", f"Cookie: {cookie}", "--header", "X-Isthmus-Console: 1", "--exclude-path-regex", "/api/(events|session)",
        "--request-timeout", "60", "--workers", "1", "--no-color", "--seed", "1",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(SITE), "NO_PROXY": "*"}

    probed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert 0 == probed.returncode, probed.stdout[-12000:] + probed.stderr[-2000:]

"""The newcomer's first minute: mappings, an outbound message, some records, and one change each way with a watch in hand."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any
from urllib.request import Request, urlopen

from common import config
from common.mapping import Mapping
from common.postgres import mappings
from common.postgres.connect import Database
from functions.cli.main import main as isthmus
from tests.stack.process import clean_environment
from tests.stack.stack import Stack

OBJECTS = ("Account", "Contact")
ARRIVAL_SECONDS = 30.0
LOOK_SECONDS = 0.002  #: between two looks at the other side; adds as much to a latency

ACCOUNTS = (
    {
        "External_Id__c": "sample-1",
        "Name": "Isthmus Canal Company",
        "Industry": "Transportation",
        "AnnualRevenue": 5030396,
    },
    {"External_Id__c": "sample-2", "Name": "한강 조선소", "BillingCity": "서울", "AnnualRevenue": 912600310.25},
    {"External_Id__c": "sample-3", "Name": 'O\'Neill & "Söhne" 🚢', "Phone": "+49 30 1234"},
)
CONTACTS = (
    {"External_Id__c": "sample-c1", "LastName": "김", "FirstName": "민수", "Email": "minsu@example.com"},
    {"External_Id__c": "sample-c2", "LastName": "Strait", "FirstName": "Ada", "Email": "ada@example.com"},
)


class Client:
    """A person's REST client for the stand-in."""

    def __init__(self, stack: Stack) -> None:
        self._url = stack.standin_url
        self.token = self._call("POST", "/standin/sessions", {"client_id": "person"})["access_token"]

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """One call below /services/data/v66.0/."""
        return self._call(method, f"/services/data/v66.0/{path}", body)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One call below /standin/."""
        return self._call(method, f"/standin/{path}", body)

    def text(self, path: str) -> bytes:
        with urlopen(f"{self._url}{path}", timeout=30) as answer:
            return bytes(answer.read())

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if path.startswith("/services"):
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self._url}{path}", data=data, method=method, headers=headers)
        with urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None


def prepare(stack: Stack, client: Client, objects: tuple[str, ...] = OBJECTS) -> None:
    """Map the objects and let the stand-in send their outbound messages here; what is there already stays."""
    known = {m.sobject for m in mapped(stack)}
    for name in objects:
        if name not in known:
            quietly(stack, "mapping", "create", name, "--yes")
    for mapping in mapped(stack):
        if mapping.sobject in objects:
            send_outbound_messages(stack, client, mapping)


def send_outbound_messages(stack: Stack, client: Client, mapping: Mapping) -> None:
    """Define the object's outbound message in the stand-in, and register its WSDL here, as a person would."""
    known = {d["object"]: d for d in client.control("GET", "outbound-messages")}
    definition = known.get(mapping.sobject) or client.control(
        "POST",
        "outbound-messages",
        {
            "name": f"{mapping.sobject}_changed",
            "object": mapping.sobject,
            "fields": list(mapping.read_fields),
            "endpoint": stack.outbound_url,
        },
    )
    file = stack.folder / f"{mapping.sobject}.wsdl"
    file.write_bytes(client.text(f"/standin/outbound-messages/{definition['id']}/wsdl"))
    quietly(stack, "outbound-message", "register", str(file))


def quietly(stack: Stack, *arguments: str) -> None:
    """Run one command of the command line; what it says goes to the stack's logs."""
    with environment(stack), (stack.folder / "logs" / "isthmus.log").open("a") as log, redirect_stdout(log):
        isthmus(list(arguments))


def mapped(stack: Stack) -> tuple[Mapping, ...]:
    """The stack's mappings."""
    database = Database(config.database(stack.environment))
    try:
        with database.transaction() as tx:
            return mappings.read(tx)
    finally:
        database.close()


@contextmanager
def environment(stack: Stack) -> Iterator[None]:
    """The stack's settings in this process, as if its env file had been sourced."""
    before = dict(os.environ)
    os.environ.clear()  # somebody's real org may be in it
    os.environ.update(clean_environment() | stack.environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def load(client: Client) -> None:
    """Put the sample records into Salesforce; those that are there already stay."""
    for name, records in (("Account", ACCOUNTS), ("Contact", CONTACTS)):
        for record in records:
            values = {k: v for k, v in record.items() if k != "External_Id__c"}
            client.rest("PATCH", f"sobjects/{name}/External_Id__c/{record['External_Id__c']}", values)


class Rows:
    """A person's psql on the stack's Postgres."""

    def __init__(self, stack: Stack) -> None:
        self._database = Database(config.database(stack.environment))

    def run(self, statement: str, **parameters: Any) -> list[list[Any]]:
        with self._database.transaction() as tx:
            return tx.run(statement, **parameters)

    def close(self) -> None:
        self._database.close()


def wait_until(seen: Callable[[], bool], what: str, seconds: float = ARRIVAL_SECONDS) -> float:
    """Seconds until it was seen.

    Raises:
        TimeoutError: it was not, in all that time.
    """
    began = time.perf_counter()
    pause = threading.Event()
    while not seen():
        if time.perf_counter() - began > seconds:
            raise TimeoutError(f"{what} did not arrive within {seconds:.0f} s")
        pause.wait(LOOK_SECONDS)
    return time.perf_counter() - began


def to_postgres(client: Client, rows: Rows, words: str) -> float:
    """Change a record in Salesforce; seconds until Postgres shows it."""
    client.rest("PATCH", "sobjects/Account/External_Id__c/sample-1", {"Description": words})
    return wait_until(
        lambda: rows.run("SELECT description FROM salesforce.account WHERE id = 'sample-1'") == [[words]],
        "the change in Salesforce",
    )


def to_salesforce(client: Client, rows: Rows, words: str) -> float:
    """Change a row in Postgres; seconds until Salesforce shows it."""
    rows.run("UPDATE salesforce.account SET phone = :words WHERE id = 'sample-1'", words=words)
    return wait_until(
        lambda: client.rest("GET", "sobjects/Account/External_Id__c/sample-1")["Phone"] == words,
        "the change in Postgres",
    )

"""receive_outbound_message: requests per second, beside a function that only publishes the raw body."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from xml.sax.saxutils import escape

import grpc
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from tests.benchmarks import database
from tests.benchmarks.doors import DOORS, HERE, SETTINGS, Function
from tests.benchmarks.load import requests_per_second
from tests.benchmarks.measure import Scale, by_turns
from tests.benchmarks.table import Row, at_least
from tests.stack import emulator, topology
from tests.stack.broker.process import BrokerProcess
from tests.stack.postgres import free_port
from tests.stack.process import Child, clean_environment

THREADS = 4  #: of each function, and connections of the load client
TOPIC = topology.topic_path("salesforce-changes")
NOTES = """Both under functions-framework with four threads, each asked by four keep-alive connections; the topic has no
subscription, so that nothing else runs. Ours parses the SOAP, checks the org, turns 1 or 100 notifications of 14 fields
into changes, publishes them and logs a line; against a function that publishes the body as it came, with the same
client. The load client, the function and Pub/Sub share the cores. A message of 100 notifications is 100 changes."""


def measure(scale: Scale) -> Iterator[Row]:
    """Two rows for the local broker, two for the emulator where it is installed."""
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        with _broker(Path(folder)) as host:
            yield from _rows(scale, Path(folder), host, "broker")
        if not emulator.why_not():
            with _emulator(Path(folder)) as host:
                yield from _rows(scale, Path(folder), host, "emulator")


@contextmanager
def _broker(folder: Path) -> Iterator[str]:
    broker = BrokerProcess(folder / "broker")
    try:
        yield broker.host
    finally:
        broker.stop()


@contextmanager
def _emulator(folder: Path) -> Iterator[str]:
    port = free_port()
    child = Child("emulator", emulator.command(port), clean_environment(), folder / "emulator.log")
    child.start()
    try:
        child.wait_for_port(port)
        yield f"127.0.0.1:{port}"
    finally:
        child.stop()


def _rows(scale: Scale, logs: Path, host: str, pubsub: str) -> Iterator[Row]:
    with grpc.insecure_channel(host) as channel:
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)).create_topic(name=TOPIC)
    settings = SETTINGS | {"PUBSUB_EMULATOR_HOST": host, "TOPIC": TOPIC, "THREADS": str(THREADS)}
    with ExitStack() as stack:
        ours = stack.enter_context(Function(DOORS, "receive_outbound_message", logs, settings))
        raw = stack.enter_context(Function(HERE, "raw", logs, settings))
        for notifications, requests in ((1, scale.of(150, 40)), (100, scale.of(50, 10))):
            body = message(notifications)
            ask = partial(requests_per_second, body=body, requests=requests, threads=THREADS)
            pair = by_turns(partial(ask, ours.port), partial(ask, raw.port), scale.of(9, 3))
            what = f"receiver, {notifications} per message, {pubsub} / raw"
            yield at_least(what, pair, 0.7, "requests/s")


def message(notifications: int) -> bytes:
    """An outbound message in Salesforce's shape."""
    inner = "".join(_notification(n) for n in range(notifications))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
        ' <soapenv:Body>\n  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">\n'
        "   <OrganizationId>00Dstandin00001EAA</OrganizationId>\n   <ActionId>04k000000000001AAA</ActionId>\n"
        '   <SessionId xsi:nil="true"/>\n   <EnterpriseUrl>https://example.my.salesforce.com/services/Soap/c/66.0/</EnterpriseUrl>\n'
        "   <PartnerUrl>https://example.my.salesforce.com/services/Soap/u/66.0/</PartnerUrl>\n"
        f"{inner}  </notifications>\n </soapenv:Body>\n</soapenv:Envelope>"
    ).encode()


def _notification(n: int) -> str:
    change = database.change(n, 1)
    fields = "".join(f"     <sf:{name}>{escape(str(value))}</sf:{name}>\n" for name, value in change.fields.items())
    return (
        f"   <Notification>\n    <Id>{change.event_id}</Id>\n"
        f'    <sObject xsi:type="sf:{change.sobject}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">\n'
        f"     <sf:Id>{change.record_id}</sf:Id>\n{fields}    </sObject>\n   </Notification>\n"
    )

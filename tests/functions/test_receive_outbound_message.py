"""The receiver over real HTTP: it acknowledges what Pub/Sub has, and nothing else."""

import gzip
import http.client
import socket
import xml.etree.ElementTree as ET

import pytest
import requests

from common import codec
from tests.functions.doors import ORG, SECRET_PATH, opened
from tests.stack.broker.client import PROJECT, Client
from tests.stack.broker.process import BrokerProcess
from tests.unit.test_outbound import ACTION, HOSTILE, RECORD, a_message, a_notification

TOPIC = f"projects/{PROJECT}/topics/salesforce-changes"
MB = 1_000_000
ROOM = 35 * MB  #: what a refused body may cost at most: the ten that are read, and their copies


@pytest.fixture(scope="module")
def open_door(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("doors")) as open_door:
        yield open_door


@pytest.fixture(scope="module")
def own_pubsub(tmp_path_factory):
    """A broker of this module's own, with the topic that the receiver publishes to."""
    process = BrokerProcess(tmp_path_factory.mktemp("broker"))
    client = Client(process.host)
    client.publisher.create_topic(name=TOPIC)
    yield client
    client.close()
    process.stop()


@pytest.fixture(scope="module")
def door(open_door, own_pubsub):
    return open_door("receive_outbound_message", PUBSUB_EMULATOR_HOST=own_pubsub.host)


@pytest.fixture
def inbox(own_pubsub):
    """A subscription that sees what is published from now on."""
    return own_pubsub.subscription(TOPIC)


def post(door, body, path=SECRET_PATH, **headers):
    data = body if isinstance(body, bytes) else body.encode()
    return requests.post(
        f"{door.url}/{path}", data=data, headers={"Content-Type": "text/xml; charset=UTF-8"} | headers, timeout=60
    )


def is_ack(answer):
    return answer.status_code == 200 and "true" == ET.fromstring(answer.content).findtext(".//{*}Ack")


def assert_fault(answer, status, code, reason):
    """A SOAP fault that acknowledges nothing."""
    fault = ET.fromstring(answer.content)
    assert (status, "text/xml; charset=utf-8") == (answer.status_code, answer.headers["Content-Type"])
    assert f"soapenv:{code}" == fault.findtext(".//faultcode")
    assert fault.findtext(".//faultstring").startswith(reason)
    assert not list(fault.iter("{*}Ack"))


def changes(own_pubsub, inbox, messages):
    return [change for data in own_pubsub.take(inbox, messages) for change in codec.decode(data)]


def assert_only_a_sentinel_came(door, own_pubsub, inbox):
    """What is published now is all that there is: nothing was published before."""
    assert is_ack(post(door, a_message(a_notification(id="sentinel"))))

    assert ["sentinel"] == [change.event_id for change in changes(own_pubsub, inbox, 1)]
    left = own_pubsub.subscriber.pull(subscription=inbox, max_messages=10, return_immediately=True, timeout=10)
    assert [] == list(left.received_messages)


# -- taken -------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The return_immediately flag is deprecated")
def test_a_message_is_published_then_acknowledged(door, own_pubsub, inbox):
    """When the ack is here, the change is there."""
    answer = post(door, a_message(), SOAPAction='""')

    assert is_ack(answer)
    assert "text/xml; charset=utf-8" == answer.headers["Content-Type"]
    (change,) = changes(own_pubsub, inbox, 1)
    assert (RECORD, ACTION, {"Name": "Acme"}) == (change.record_id, change.origin, change.fields)


def test_a_hundred_notifications_leave_in_one_message(door, own_pubsub, inbox):
    notifications = [a_notification(record=f"0065w000023{n:04}") for n in range(100)]

    assert is_ack(post(door, a_message(*notifications)))

    assert [f"0065w000023{n:04}" for n in range(100)] == [c.record_id[:15] for c in changes(own_pubsub, inbox, 1)]


def test_a_message_without_changes_is_acknowledged(door):
    """Its records were deleted before it was sent: Salesforce need not come again."""
    assert is_ack(post(door, a_message("<Notification><Id>04l5w00005286hAAAQ</Id></Notification>")))


def test_objects_are_never_mixed_up(door, own_pubsub, inbox):
    """A message is of one object; should one hold several, each change still says whose it is."""
    types = ["sf:Lead", "sf:Contact", "sf:Contact", "sf:Lead"]
    notifications = [a_notification(record=f"0065w00002300{n:02}", type=t) for n, t in enumerate(types)]

    assert is_ack(post(door, a_message(*notifications)))

    got = {c.record_id[:15]: c.sobject for c in changes(own_pubsub, inbox, 3)}
    assert {f"0065w00002300{n:02}": t[3:] for n, t in enumerate(types)} == got


def test_the_same_message_twice_carries_the_same_events(door, own_pubsub, inbox):
    """Salesforce repeats what it got no answer for; whoever reads can tell."""
    first, second = post(door, a_message()), post(door, a_message())

    assert is_ack(first)
    assert is_ack(second)
    assert 1 == len({c.event_id for c in changes(own_pubsub, inbox, 2)})


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_needs_no_secret(door, method):
    assert 200 == requests.request(method, door.url, timeout=10).status_code


# -- refused -----------------------------------------------------------------------------------------------

BODIES = {
    "nothing": (b"", "xml_unreadable"),
    "no xml": (b"hello", "xml_unreadable"),
    "json": (b"{}", "xml_unreadable"),
    "truncated": (a_message().encode()[:-30], "xml_unreadable"),
    "wrong encoding": (a_message(a_notification("<sf:A__c>é</sf:A__c>")).encode("latin-1"), "xml_unreadable"),
    "unknown encoding": (a_message(head='<?xml version="1.0" encoding="klingon"?>').encode(), "xml_unreadable"),
    "compressed": (gzip.compress(a_message().encode()), "xml_unreadable"),
    "nul": (a_message().encode() + b"\0", "xml_unreadable"),
    "other org": (a_message(org="00D000000000001AAA").encode(), "other_org"),
    "no org": (a_message(org="").encode(), "org_missing"),
    "no record": (a_message(a_notification(record="1")).encode(), "record_unnamed"),
    "one of two is bad": (a_message(a_notification(), a_notification(record="1")).encode(), "record_unnamed"),
    "deep": (a_message(a_notification("<a>" * 300_000 + "</a>" * 300_000)).encode(), "xml_too_large"),
    "other xml": (b"<a/>", "not_an_outbound_message"),
} | {
    kind: (a_message(head=f'<?xml version="1.0"?>{doctype}').encode(), "doctype_refused")
    for kind, doctype in HOSTILE.items()
}


@pytest.mark.filterwarnings("ignore:The return_immediately flag is deprecated")
def test_hostile_bodies_are_refused_and_nothing_is_published(door, own_pubsub, inbox):
    """Each gets a fault that says whose it is, and costs neither a message nor memory."""
    assert_only_a_sentinel_came(door, own_pubsub, inbox)  # the first message loads Pub/Sub's client
    before = door.peak_bytes()

    for body, reason in BODIES.values():
        assert_fault(post(door, body), 400, "Client", reason)

    assert_only_a_sentinel_came(door, own_pubsub, inbox)
    assert door.peak_bytes() - before < ROOM


@pytest.mark.filterwarnings("ignore:The return_immediately flag is deprecated")
@pytest.mark.parametrize(
    "path", ["", "salesforce", f"{SECRET_PATH}x", SECRET_PATH.upper(), f"x/{SECRET_PATH}", "s3cr3t"]
)
def test_without_the_secret_path_nothing_is_taken(door, own_pubsub, inbox, path):
    """The answer does not tell the path either."""
    answer = post(door, a_message(), path=path)

    assert_fault(answer, 400, "Client", "wrong_path")
    assert "s3cr3t" not in answer.text
    assert_only_a_sentinel_came(door, own_pubsub, inbox)


@pytest.mark.filterwarnings("ignore:The return_immediately flag is deprecated")
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_of_fifty_megabytes_is_refused_unread(door, own_pubsub, inbox, chunked):
    """It is a legal message, only far too long: refused by its length, or as soon as it has grown too long."""
    head, tail = a_message(a_notification("<sf:A__c>@</sf:A__c>")).encode().split(b"@")
    parts = [head, *[b"x" * MB] * 50, tail]
    before = door.peak_bytes()

    status, text = _send(door.port, parts, chunked=chunked)

    assert (400, True) == (status, "body_too_large" in text)
    assert door.peak_bytes() - before < ROOM
    assert_only_a_sentinel_came(door, own_pubsub, inbox)


def _send(port, parts, *, chunked):
    """Send a body until it is over or the other side has had enough; the answer's status and text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("POST", f"/{SECRET_PATH}")
    connection.putheader("Content-Type", "text/xml")
    if chunked:
        connection.putheader("Transfer-Encoding", "chunked")
    else:
        connection.putheader("Content-Length", str(sum(map(len, parts))))
    connection.endheaders()
    try:
        for part in parts:
            connection.send(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
        if chunked:
            connection.send(b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has answered already
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_a_body_that_never_ends_is_given_up_with_its_caller(door):
    """Half a body and a hang-up: nothing is taken, and the door goes on."""
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as caller:
        body = a_message().encode()
        caller.sendall(
            f"POST /{SECRET_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:-20]
        )

    assert is_ack(post(door, a_message()))


# -- Pub/Sub away ------------------------------------------------------------------------------------------


def test_without_pubsub_nothing_is_acknowledged(open_door, tmp_path):
    """A 503 with a fault of ours while Pub/Sub is away, and once it is back the repeated message arrives."""
    broker = BrokerProcess(tmp_path / "broker")
    client = Client(broker.host)
    client.publisher.create_topic(name=TOPIC)
    inbox = client.subscription(TOPIC)
    client.close()
    door = open_door("receive_outbound_message", PUBSUB_EMULATOR_HOST=broker.host)
    assert is_ack(post(door, a_message(a_notification(id="before"))))

    broker.kill()
    refused = post(door, a_message(a_notification(id="meanwhile")))
    again = BrokerProcess(tmp_path / "broker", broker.port)
    client = Client(again.host)
    repeated = post(door, a_message(a_notification(id="meanwhile")))
    got = {change.event_id for change in changes(client, inbox, 2)}
    client.close()
    again.stop()

    assert_fault(refused, 503, "Server", "publish_failed")
    assert is_ack(repeated)
    assert {"before", "meanwhile"} == got


def test_a_topic_that_does_not_exist_is_ours_to_mend(open_door, own_pubsub):
    """Salesforce keeps the message and comes again; the fault names the topic."""
    door = open_door("receive_outbound_message", PUBSUB_EMULATOR_HOST=own_pubsub.host, PREFIX="missing-")

    answer = post(door, a_message())

    assert_fault(answer, 503, "Server", "topic_refused")
    assert "missing-salesforce-changes" in answer.text


# -- said --------------------------------------------------------------------------------------------------


def test_the_log_says_why_and_nothing_of_people(open_door, own_pubsub):
    """One line for each request; no value of a field, no session id, no secret path."""
    door = open_door("receive_outbound_message", PUBSUB_EMULATOR_HOST=own_pubsub.host)
    body = a_message(a_notification("<sf:Name>Kim Minji</sf:Name>")).replace(
        '<SessionId xsi:nil="true"/>', f"<SessionId>{ORG}!session</SessionId>"
    )
    assert is_ack(post(door, body))
    assert 400 == post(door, body[:-1]).status_code
    assert 400 == post(door, body, path="elsewhere").status_code
    door.child.stop()

    said = door.child.tail(100_000)
    assert "Kim Minji" not in said
    assert "!session" not in said
    assert "s3cr3t" not in said
    assert ["received", "trouble", "trouble"] == [
        line.split('"event": "')[1].split('"')[0] for line in said.splitlines() if '"event"' in line
    ]

"""The webhook's manual: its examples are taken, and its signature is the one that is asked for."""

import re
from datetime import UTC, datetime

import pytest

from common import signature
from common.salesforce import webhook
from tests.conftest import ROOT

FOLDER = ROOT / "functions" / "receive_webhook"
ORG = "00D5w000004qGTOEA2"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_every_example_is_taken(name):
    """Whole: nothing in it is refused."""
    examples = re.findall(r"```json\n(.*?)```", (FOLDER / name).read_text(), re.DOTALL)

    told = [webhook.parse(example.encode(), ORG, NOW) for example in examples]

    assert 3 == len(told)
    assert all(t.changes and not t.refused for t in told)


def test_the_worked_signature_is_right():
    """Key, timestamp and body give what the table says, and the door takes it."""
    text = (FOLDER / "README.md").read_text()
    key, timestamp, body, given = (
        re.findall(rf"^\| {word} \| `(.+)` \|$", text, re.MULTILINE)[0]
        for word in ("key", "timestamp", "body", "signature")
    )

    now = datetime.fromtimestamp(int(timestamp), UTC)
    assert {signature.TIMESTAMP: timestamp, signature.SIGNATURE: given} == signature.sign(key, body.encode(), now)
    signature.verify({signature.TIMESTAMP: timestamp, signature.SIGNATURE: given}, body.encode(), ["x" * 32, key], now)


def test_the_apex_signs_what_is_asked_for():
    """The headers' names and the order of what is signed; more of Apex no test can run."""
    apex = "\n".join(re.findall(r"```apex\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL))

    assert f"setHeader('{signature.TIMESTAMP}', now)" in apex
    assert f"setHeader('{signature.SIGNATURE}', EncodingUtil.convertToHex(mac))" in apex
    assert "generateMac('HmacSHA256', Blob.valueOf(now + '.' + body), Blob.valueOf(key))" in apex

"""Changes as messages."""

import json

import pytest

from common import codec
from common.change import Op, Side
from common.errors import Terminal, Transient
from tests.fakes.factories import a_change, an_edit_change, at


def a_message(**bent):
    """A legal message as JSON, bent at its top."""
    held = {
        "id": "001000000000001AAA",
        "op": "upsert",
        "stamp": "2026-01-31T12:00:00+00:00",
        "event": "e",
        "fields": {},
    }
    return {"v": 1, "source": "salesforce", "sobject": "Account", "changes": [held]} | bent


def a_bent_change(**bent):
    message = a_message()
    message["changes"][0] |= bent
    return message


def as_bytes(message):
    return json.dumps(message).encode()


@pytest.mark.parametrize(
    "change",
    [
        a_change(),
        a_change(op=Op.DELETE, fields={}),
        a_change(origin="04k000000000001AAA", read_at=at(3), buried=True),
        a_change(fields={"Name": "서울 🚀 \"'\\ \x7f \u2028", "Flag__c": False, "Empty__c": "", "Null__c": None}),
        an_edit_change(),
    ],
)
def test_a_change_comes_back_as_it_went(change):
    """Nothing of a change is lost on its way, and no type is changed."""
    (data,) = codec.encode([change], max_changes=200)

    assert [change] == codec.decode(data)


def test_the_message_says_its_version_source_and_object():
    """A reader can tell what it is before it reads the changes."""
    (data,) = codec.encode([an_edit_change()], max_changes=1)
    head = json.loads(data)

    assert (1, "postgres", "Account") == (head["v"], head["source"], head["sobject"])


def test_a_message_of_ours_is_known_by_its_beginning():
    """Debezium's messages come on the same topic."""
    (data,) = codec.encode([a_change()], max_changes=1)

    assert codec.is_ours(data)
    assert not codec.is_ours(b'{"schema":{},"payload":{"op":"c"}}')


def test_nothing_makes_no_message():
    assert [] == list(codec.encode([], max_changes=200))


@pytest.mark.parametrize(("count", "sizes"), [(200, [200]), (201, [200, 1]), (1000, [200] * 5)])
def test_messages_hold_as_many_changes_as_they_may(count, sizes):
    """As few messages as fit, in order."""
    changes = [a_change(event_id=str(n)) for n in range(count)]

    parts = [codec.decode(m) for m in codec.encode(changes, max_changes=200)]

    assert sizes == [len(part) for part in parts]
    assert changes == [change for part in parts for change in part]


@pytest.mark.parametrize("letter", ["x", "한", "🚀", '"'])
def test_messages_are_cut_by_bytes(letter):
    """Size counts as it travels: bytes of UTF-8 with JSON's escapes. A message of several changes stays below a megabyte."""
    changes = [a_change(event_id=str(n), fields={"Name": letter * 100_000}) for n in range(30)]

    messages = list(codec.encode(changes, max_changes=200))

    head = 500  # bytes around the changes
    assert max(len(m) for m in messages) <= codec.MAX_BYTES + head
    assert changes == [change for m in messages for change in codec.decode(m)]
    smallest_pair = min(len(a) + len(b) for a, b in zip(messages, messages[1:], strict=False))
    assert smallest_pair > codec.MAX_BYTES


def test_a_change_larger_than_a_message_travels_alone():
    """A change cannot be cut."""
    changes = [a_change(event_id="small"), a_change(event_id="large", fields={"Name": "x" * 1_500_000}), a_change()]

    parts = [codec.decode(m) for m in codec.encode(changes, max_changes=200)]

    assert [["small"], ["large"], [a_change().event_id]] == [[c.event_id for c in part] for part in parts]


def test_half_a_surrogate_becomes_a_question_mark():
    """What UTF-8 cannot hold does not stop the others."""
    (data,) = codec.encode([a_change(fields={"Name": "cut \ud83d"})], max_changes=1)

    assert "cut ?" == codec.decode(data)[0].fields["Name"]


def test_unknown_keys_are_ignored():
    """A newer writer may add keys, at the top and in a change."""
    message = a_bent_change(later="x") | {"also": [1]}

    assert "001000000000001AAA" == codec.decode(as_bytes(message))[0].record_id


@pytest.mark.parametrize("version", [2, 0, "1", None, 1.5])
def test_an_unknown_version_waits_for_its_reader(version):
    """It is not garbage: a newer release reads it, so it is not buried."""
    with pytest.raises(Transient) as caught:
        codec.decode(as_bytes(a_message(v=version)))

    assert "message_version" == caught.value.reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"\x80",
        b"null",
        b"1",
        b"[]",
        b'"text"',
        b"{}",
        b"{" * 10,
        b"[" * 100_000,
        b'{"v":' + b"[" * 100_000,
        b"<soapenv:Envelope/>",
        as_bytes(a_message(source="oracle")),
        as_bytes(a_message(source=None)),
        as_bytes(a_message(sobject=None)),
        as_bytes(a_message(sobject=["Account"])),
        as_bytes(a_message(changes=None)),
        as_bytes(a_message(changes={})),
        as_bytes(a_message(changes="abc")),
        as_bytes(a_message(changes=[None])),
        as_bytes(a_message(changes=[[]])),
        as_bytes({k: v for k, v in a_message().items() if k != "changes"}),
        as_bytes(a_bent_change(id=None)),
        as_bytes(a_bent_change(id=7)),
        as_bytes(a_bent_change(op="merge")),
        as_bytes(a_bent_change(stamp="yesterday")),
        as_bytes(a_bent_change(stamp=1738324800)),
        as_bytes(a_bent_change(stamp="0001-01-01T00:00:00+14:00")),
        as_bytes(a_bent_change(read_at="soon")),
        as_bytes(a_bent_change(event=None)),
        as_bytes(a_bent_change(fields=None)),
        as_bytes(a_bent_change(fields=["Name"])),
        as_bytes(a_bent_change(fields={"Name": {"first": "a"}})),
        as_bytes(a_bent_change(fields={"Name": ["a"]})),
        as_bytes(a_bent_change(origin=5)),
    ],
)
def test_garbage_is_refused(data):
    """What is no message of ours is buried with a reason: it raises Terminal, nothing else."""
    with pytest.raises(Terminal) as caught:
        codec.decode(data)

    assert "message_unreadable" == caught.value.reason
    assert caught.value.hint


def test_a_message_without_changes_is_legal():
    assert [] == codec.decode(as_bytes(a_message(changes=[])))


def test_a_message_of_postgres_says_so():
    assert Side.POSTGRES is codec.decode(as_bytes(a_message(source="postgres")))[0].source

"""What the flows ask of an org: one suite over the fake in memory, and over the real client against the stand-in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from common import clock, config
from common.change import MODSTAMP, Op
from common.family import ParentKey
from common.mapping import Direction, Field, Kind, Mapping
from common.ports import Org, Send
from common.salesforce.org import SalesforceOrg
from common.salesforce.session import Session
from tests.fakes.org import FakeOrg
from tests.standin.driving import Standin

NOBODY = "001000000000zzzAAA"
MAPPING = Mapping(
    1,
    "Account",
    "salesforce.account",
    Direction.BIDIRECTIONAL,
    (Field("Name", "name", Kind.TEXT), Field("NumberOfEmployees", "number_of_employees", Kind.INTEGER)),
)


@dataclass
class World:
    """An org, and what people do in it."""

    org: Org
    create: Callable[[dict[str, Any]], str]
    delete: Callable[[str], object]
    undelete: Callable[[str], object]


@pytest.fixture(params=["fake", "standin"])
def world(request: pytest.FixtureRequest) -> World:
    found: World = request.getfixturevalue(f"{request.param}_world")
    return found


@pytest.fixture
def fake_world() -> World:
    org = FakeOrg(lambda: datetime.now(UTC))
    return World(org, org.create, org.delete, org.undelete)


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with Standin() as running:
        running.sign_in()
        yield running


@pytest.fixture
def standin_world(standin: Standin) -> Iterator[World]:
    standin.control("POST", "reset")
    standin.sign_in()
    env = {"SF_LOGIN_URL": standin.url, "SF_CLIENT_ID": "isthmus", "SF_CLIENT_SECRET": "isthmus"}
    with Session(config.salesforce(env)) as session:
        yield World(
            SalesforceOrg(session, clock.now),
            lambda fields: standin.create("Account", **fields),
            lambda record_id: standin.rest("DELETE", f"sobjects/Account/{record_id}").raise_for_status(),
            lambda record_id: standin.control("POST", f"records/{record_id}/undelete"),
        )


def upsert(external_id: str, sfid: str | None = None, **fields: Any) -> Send:
    return Send(Op.UPSERT, sfid, external_id, fields)


def test_a_read_brings_every_field_of_the_mapping(world: World) -> None:
    """Complete: mapped fields, external id and SystemModstamp, nulls included; read_at is when the read began."""
    record_id = world.create({"Name": "한", "External_Id__c": "a"})
    before = datetime.now(UTC)

    read = world.org.read(MAPPING, [record_id])

    (change,) = read.changes
    assert {"Name", "NumberOfEmployees", "External_Id__c", MODSTAMP} == set(change.fields)
    assert ("한", None, "a") == tuple(change.fields[n] for n in ("Name", "NumberOfEmployees", "External_Id__c"))
    assert change.read_at is not None and change.read_at >= before
    assert 0 == change.stamp.microsecond
    assert Op.UPSERT == change.op


def test_numbers_are_read_as_they_were_written(world: World) -> None:
    """A number travels as text."""
    record_id = world.create({"Name": "n", "NumberOfEmployees": "7" if isinstance(world.org, FakeOrg) else 7})

    (change,) = world.org.read(MAPPING, [record_id]).changes

    assert "7" == change.fields["NumberOfEmployees"]


def test_a_deleted_record_is_missing_unless_it_is_asked_for(world: World) -> None:
    """Deleted ones come as deletions, and only from a read that includes them; undeleted ones are alive again."""
    record_id = world.create({"Name": "gone"})
    world.delete(record_id)

    plain = world.org.read(MAPPING, [record_id])
    whole = world.org.read(MAPPING, [record_id], deleted=True)
    world.undelete(record_id)
    again = world.org.read(MAPPING, [record_id], deleted=True)

    assert ([], [record_id]) == (list(plain.changes), list(plain.missing))
    assert [Op.DELETE] == [c.op for c in whole.changes]
    assert [Op.UPSERT] == [c.op for c in again.changes]


def test_what_never_was_is_missing(world: World) -> None:
    """An id without a record is named, whichever way it is read."""
    assert [NOBODY] == list(world.org.read(MAPPING, [NOBODY]).missing)
    assert [NOBODY] == list(world.org.read(MAPPING, [NOBODY], deleted=True).missing)


def test_an_upsert_by_external_id_creates_once(world: World) -> None:
    """The first creates, the second updates the same record."""
    (first,) = world.org.send(MAPPING, [upsert("x", Name="one")])
    (second,) = world.org.send(MAPPING, [upsert("x", Name="two")])

    assert (first.sfid, "") == (second.sfid, second.reason)
    (change,) = world.org.read(MAPPING, [str(first.sfid)]).changes
    assert "two" == change.fields["Name"]


def test_an_update_by_id_leaves_other_fields(world: World) -> None:
    """Only what is sent changes; null empties."""
    record_id = world.create({"Name": "n", "External_Id__c": "k"})
    world.org.send(MAPPING, [upsert("k", record_id, NumberOfEmployees="5")])

    world.org.send(MAPPING, [upsert("k", record_id, NumberOfEmployees=None)])

    (change,) = world.org.read(MAPPING, [record_id]).changes
    assert ("n", None) == (change.fields["Name"], change.fields["NumberOfEmployees"])


def test_deleting_twice_is_deleting_once(world: World) -> None:
    """By id or by external id; what is not there is deleted already."""
    record_id = world.create({"Name": "n", "External_Id__c": "d"})

    answers = [
        world.org.send(MAPPING, [Send(Op.DELETE, None, "d")])[0],
        world.org.send(MAPPING, [Send(Op.DELETE, record_id, "d")])[0],
        world.org.send(MAPPING, [Send(Op.DELETE, None, "d")])[0],
    ]

    assert ["", "", ""] == [a.reason for a in answers]
    assert [Op.DELETE] == [c.op for c in world.org.read(MAPPING, [record_id], deleted=True).changes]


def test_an_update_of_a_deleted_record_is_refused(world: World) -> None:
    """For good, with the reason: the record was deleted."""
    record_id = world.create({"Name": "n"})
    world.delete(record_id)

    (answer,) = world.org.send(MAPPING, [upsert("k", record_id, Name="m")])

    assert ("entity_is_deleted", False) == (answer.reason, answer.retry)


def test_answers_keep_the_order_of_what_was_sent(world: World) -> None:
    """Creations, updates and deletions mixed, more than one collection of each."""
    known = [world.create({"Name": f"n{n}", "External_Id__c": f"old-{n}"}) for n in range(3)]
    sends = [
        send
        for n in range(250)
        for send in (upsert(f"new-{n}", Name=f"new {n}"), upsert("", known[n % 2], NumberOfEmployees=str(n)))
    ]
    sends.append(Send(Op.DELETE, known[2], "old-2"))

    answers = world.org.send(MAPPING, sends)

    assert {""} == {a.reason for a in answers}
    assert [known[n % 2] for n in range(250)] == [a.sfid for a in answers[1:500:2]]
    names = {
        c.record_id: c.fields["Name"] for c in world.org.read(MAPPING, [str(a.sfid) for a in answers[0:500:2]]).changes
    }
    assert [f"new {n}" for n in range(250)] == [names[str(a.sfid)] for a in answers[0:500:2]]


# -- lookups ---------------------------------------------------------------------------------------

ACCOUNT_KEY = ParentKey("AccountId", "Account", "Account", "External_Id__c", "account__external_id", "account_id")
CONTACTS = Mapping(
    2,
    "Contact",
    "salesforce.contact",
    Direction.BIDIRECTIONAL,
    (
        Field("LastName", "last_name", Kind.TEXT),
        Field("AccountId", "account_id", Kind.ID, refers_to=("Account",), relationship="Account"),
    ),
    parent_keys=(ACCOUNT_KEY,),
)
BY_KEY = "Account.External_Id__c"


def test_a_lookup_is_given_by_the_parents_external_id(world: World) -> None:
    """On creation and afterwards; what is read is the parent's id."""
    first, second = (world.create({"Name": key, "External_Id__c": key}) for key in ("p1", "p2"))
    seen = []

    for fields in ({"LastName": "c", BY_KEY: "p1"}, {BY_KEY: "p2"}, {"AccountId": None}, {"AccountId": first}):
        (answer,) = world.org.send(CONTACTS, [upsert("c", **fields)])
        (change,) = world.org.read(CONTACTS, [str(answer.sfid)]).changes
        seen.append(change.fields["AccountId"])

    assert [first, second, None, first] == seen


def test_a_parent_that_is_not_there_is_waited_for(world: World) -> None:
    """The record is refused, its neighbours are not, and the words name the parent."""
    world.create({"Name": "p", "External_Id__c": "there"})

    lost, found = world.org.send(
        CONTACTS,
        [upsert("c1", LastName="c", **{BY_KEY: "Nobody"}), upsert("c2", LastName="c", **{BY_KEY: "there"})],
    )

    assert ("parent_missing", True) == (lost.reason, lost.retry)
    assert "nobody" in lost.detail.lower()
    assert "" == found.reason


@pytest.mark.parametrize(("dead", "reason"), [(True, "entity_is_deleted"), (False, "invalid_cross_reference_key")])
def test_a_lookup_by_id_must_lead_to_a_living_record(world: World, dead: bool, reason: str) -> None:
    """A deleted parent refuses for good, one that never was may still come."""
    parent = world.create({"Name": "p"})
    if dead:
        world.delete(parent)

    (answer,) = world.org.send(CONTACTS, [upsert("c", LastName="c", AccountId=parent if dead else NOBODY)])

    assert (reason, not dead) == (answer.reason, answer.retry)

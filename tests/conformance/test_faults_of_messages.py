"""Faults to order: outbound messages that are lost, come twice, late, or in another order."""

import pytest

from tests.standin.driving import Receiver, fields_of, id_of


@pytest.fixture
def receiver(org):
    running = Receiver()
    org.define_outbound(running, ["Name"])
    yield running
    running.close()


def order(org, what, **more):
    return org.control("POST", "faults", {"outbound": what, "times": 1, **more})


def name(receiver):
    (notification,) = receiver.notifications()
    return fields_of(notification)["Name"]


def test_a_message_is_lost(org, receiver):
    """Salesforce believes that it was delivered; nobody ever gets it."""
    order(org, "lose", match="Changes")

    org.create("Account", Name="lost")
    assert receiver.is_quiet()
    assert 1 == org.control("GET", "outbound-messages/queue")[0]["delivered"]
    org.create("Account", Name="found")

    assert "found" == name(receiver)


def test_a_message_comes_twice(org, receiver):
    """The same notification, with the same id: what a receiver removes duplicates by."""
    order(org, "duplicate")

    org.create("Account", Name="twice")

    (first,), (second,) = receiver.notifications(), receiver.notifications()
    assert id_of(first) == id_of(second)
    assert receiver.is_quiet()


def test_a_message_comes_late(org, receiver):
    """It waits on the stand-in's clock, and brings the data of the moment when it leaves."""
    order(org, "delay", seconds=3600)

    account = org.create("Account", Name="before")
    assert receiver.is_quiet()
    org.rest("PATCH", f"sobjects/Account/{account}", {"Name": "after"})

    assert "after" == name(receiver)
    org.control("POST", "clock", {"move_seconds": 3601})
    assert receiver.is_quiet()


def test_a_late_message_comes_when_its_time_has_come(org, receiver):
    """Nothing newer replaced it: it is sent once."""
    order(org, "delay", seconds=3600)
    org.create("Account", Name="late")
    assert receiver.is_quiet()

    org.control("POST", "clock", {"move_seconds": 3601})

    assert "late" == name(receiver)
    assert receiver.is_quiet()


def test_a_message_is_overtaken(org, receiver):
    """It was written first and arrives second: an old value after a newer one."""
    order(org, "reorder", seconds=10)

    account = org.create("Account", Name="old")
    while not org.control("GET", "faults")[0]["happened"]:
        pass
    org.rest("PATCH", f"sobjects/Account/{account}", {"Name": "new"})

    assert ["new", "old"] == [name(receiver), name(receiver)]
